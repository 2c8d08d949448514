// Threads over independent items; see parallel.h. Not a pool: threads live for one call.
#include "src/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace linvox {
namespace {

thread_local bool inside_worker = false;

int affinity_count() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    return static_cast<int>(std::thread::hardware_concurrency());
}

// Cores that a control group grants by quota, or infinity. Containers see their own group at the
// root of the mount, so no path has to be looked up.
double quota_cores() {
    double quota = -1, period = 0;
    if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2) {
        std::string first;
        if (v2 >> first >> period && first != "max") quota = std::atof(first.c_str());
    } else if (std::ifstream v1("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"); v1 >> quota) {
        std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
    }
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

// What the threads of one parallel_for share.
struct Work {
    const std::function<void(std::size_t)>& item;
    const std::size_t count;
    std::atomic<std::size_t> next{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::size_t failed_item = 0;
    std::exception_ptr failure;

    void run() {
        inside_worker = true;
        while (!failed) {
            const std::size_t i = next++;
            if (i >= count) break;
            try {
                item(i);
            } catch (...) {
                keep_failure(i);
            }
        }
        inside_worker = false;
    }

    // The lowest item wins. Every lower item was handed out before, so it is the same each time.
    void keep_failure(std::size_t i) {
        const std::lock_guard lock(mutex);
        if (!failure || i < failed_item) failure = std::current_exception(), failed_item = i;
        failed = true;
    }
};

}  // namespace

int core_count() {
    const double cores = std::min<double>(affinity_count(), std::ceil(quota_cores()));
    return std::max(1, static_cast<int>(cores));
}

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work, int threads) {
    const auto wanted = static_cast<std::size_t>(threads > 0 ? threads : core_count());
    const std::size_t used = std::min(wanted, count);
    if (used <= 1 || inside_worker) {
        for (std::size_t i = 0; i < count; ++i) work(i);
        return;
    }
    Work shared{work, count};
    {
        std::vector<std::jthread> helpers;
        for (std::size_t i = 1; i < used; ++i) helpers.emplace_back([&shared] { shared.run(); });
        shared.run();
    }
    if (shared.failure) std::rethrow_exception(shared.failure);
}

}  // namespace linvox
