// Loops over independent items: every item once, and nobody waits for a slow one.
#include "src/model/parallel_ranges.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace linvox {
namespace {

class ParallelItems : public ::testing::Test {
protected:
    void SetUp() override { at::set_num_threads(2); }
    void TearDown() override { at::set_num_threads(threads_); }

private:
    int threads_ = at::get_num_threads();
};

TEST_F(ParallelItems, EveryItemIsWorkedOnOnce) {
    for (const std::int64_t count : {0, 1, 2, 3, 7, 1000}) {
        std::vector<std::atomic<int>> times(static_cast<std::size_t>(count));
        parallel_items(count, [&](std::int64_t item) { ++times[static_cast<std::size_t>(item)]; });
        for (const std::atomic<int>& value : times) EXPECT_EQ(value.load(), 1) << "of " << count << " items";
    }
}

TEST_F(ParallelItems, TheRestOfASlowItemsShareIsTakenByOthers) {
    constexpr std::int64_t kCount = 100;
    std::atomic<std::int64_t> others{0};
    std::int64_t done_meanwhile = 0;
    parallel_items(kCount, [&](std::int64_t item) {
        if (item != 0) {
            ++others;
            return;
        }
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (others < kCount - 1 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        done_meanwhile = others;
    });
    EXPECT_EQ(done_meanwhile, kCount - 1);
}

}  // namespace
}  // namespace linvox
