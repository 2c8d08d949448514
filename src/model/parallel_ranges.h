// Loops over independent items on LibTorch's own threads. A second pool beside LibTorch's would fight with
// its spinning workers for the cores; linking OpenMP ourselves could load a second runtime.
#pragma once

#include <c10/util/FunctionRef.h>

#include <cstdint>

namespace linvox {

/// Calls `work(begin, end)` on disjoint ranges that cover [0, count), one per thread; a range has at least
/// `grain` items where it can. Runs inline when one thread is enough.
void parallel_ranges(std::int64_t count, std::int64_t grain,
                     c10::function_ref<void(std::int64_t begin, std::int64_t end)> work);

/// The same for items of unequal cost: each thread goes through its share in order (memory is fastest read
/// so) and then takes from the ends of the others' shares. At most 2^32 - 1 items.
void parallel_items(std::int64_t count, c10::function_ref<void(std::int64_t item)> work);

}  // namespace linvox
