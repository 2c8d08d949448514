// Every item once, in order of hand-out, whatever the threads; failures are the same each time.
#include "src/base/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace linvox {
namespace {

TEST(Parallel, EveryItemOnce) {
    for (const int threads : {0, 1, 2, 7, 100}) {
        std::vector<std::atomic<int>> seen(53);
        parallel_for(
            seen.size(), [&](std::size_t i) { ++seen[i]; }, threads);
        for (const auto& count : seen) EXPECT_EQ(count, 1) << threads;
    }
    parallel_for(
        0, [](std::size_t) { FAIL(); }, 4);
}

TEST(Parallel, UsesSeveralThreads) {
    std::atomic<int> waiting{0};
    // Each of two items waits for the other: it would hang on one thread.
    parallel_for(
        2,
        [&](std::size_t) {
            ++waiting;
            while (waiting < 2) std::this_thread::yield();
        },
        2);
    EXPECT_EQ(waiting, 2);
}

TEST(Parallel, OneThreadWorksInOrderOnTheCaller) {
    std::vector<std::size_t> order;
    const auto caller = std::this_thread::get_id();
    parallel_for(
        5,
        [&](std::size_t i) {
            EXPECT_EQ(std::this_thread::get_id(), caller);
            order.push_back(i);
        },
        1);
    EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

// Item 1 fails first, while item 0 still works; item 0 is told all the same.
TEST(Parallel, TheLowestFailingItemIsReported) {
    std::atomic<bool> failing{false};
    const auto work = [&](std::size_t i) {
        if (i == 0) {
            while (!failing) std::this_thread::yield();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        failing = true;
        throw std::runtime_error(std::to_string(i));
    };
    EXPECT_THAT([&] { parallel_for(2, work, 2); }, testing::ThrowsMessage<std::runtime_error>("0"));
}

TEST(Parallel, AFailureStopsFurtherItems) {
    std::atomic<std::size_t> done{0};
    const auto work = [&](std::size_t i) {
        if (i == 0) throw std::runtime_error("first");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ++done;
    };
    EXPECT_THROW(parallel_for(3000, work, 2), std::runtime_error);
    EXPECT_LT(done, 2999u);
}

TEST(Parallel, ANestedCallRunsOnItsOwnThread) {
    std::atomic<int> strangers{0}, total{0};
    parallel_for(
        4,
        [&](std::size_t) {
            const auto here = std::this_thread::get_id();
            parallel_for(
                3,
                [&](std::size_t) {
                    std::this_thread::sleep_for(
                        std::chrono::milliseconds(2));  // time for a helper to take one
                    strangers += std::this_thread::get_id() != here;
                    ++total;
                },
                3);
        },
        2);
    EXPECT_EQ(strangers, 0);
    EXPECT_EQ(total, 12);
    // The caller is free again afterwards.
    std::atomic<int> waiting{0};
    parallel_for(
        2,
        [&](std::size_t) {
            ++waiting;
            while (waiting < 2) std::this_thread::yield();
        },
        2);
}

TEST(Parallel, CoresAreAtLeastOne) { EXPECT_GE(core_count(), 1); }

}  // namespace
}  // namespace linvox
