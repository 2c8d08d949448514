// Items shared out among threads that each own an expensive helper (a recogniser, an aligner).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "src/base/log.h"
#include "src/base/parallel.h"

namespace linvox {

/// Calls work(helper, i) for every i in [0, count); every thread makes its own helper first.
/// `work` must not depend on which helper it gets. Throws Interrupted when stop_requested().
template <typename MakeHelper, typename Work>
void parallel_with_helper(std::size_t count, const MakeHelper& make_helper, const Work& work) {
    const std::size_t threads = std::min<std::size_t>(count, static_cast<std::size_t>(core_count()));
    std::atomic<std::size_t> next = 0;
    parallel_for(
        threads,
        [&](std::size_t) {
            auto helper = make_helper();
            for (std::size_t i = next++; i < count; i = next++) {
                if (stop_requested()) throw Interrupted{};
                work(helper, i);
            }
        },
        static_cast<int>(threads));
}

}  // namespace linvox
