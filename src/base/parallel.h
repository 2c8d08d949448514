// Threads over independent items. Results never depend on the number of threads.
#pragma once

#include <cstddef>
#include <functional>

namespace linvox {

/// Cores this process may use (affinity and cgroup limits respected), at least 1.
int core_count();

/// Calls `work(i)` for every i in [0, count) from up to `threads` threads (0: core_count()), items
/// handed out one by one in ascending order. The first exception stops further items and is
/// rethrown here. Runs inline when one thread is enough.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work, int threads = 0);

}  // namespace linvox
