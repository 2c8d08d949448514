// Every item once, in order of hand-out, whatever the threads; failures are the same each time.
#include "src/base/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <set>
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

TEST(Parallel, TheLowestFailingItemIsReportedEachTime) {
    for (int round = 0; round < 50; ++round) {
        try {
            parallel_for(
                200,
                [](std::size_t i) {
                    if (i % 10 == 3) throw std::runtime_error(std::to_string(i));
                },
                4);
            FAIL() << "nothing thrown";
        } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "3");
        }
    }
}

TEST(Parallel, AFailureStopsFurtherItems) {
    std::atomic<std::size_t> done{0};
    EXPECT_THROW(parallel_for(
                     1000000,
                     [&](std::size_t i) {
                         if (i == 0) throw std::runtime_error("first");
                         while (done == 0 && i == 1) break;
                         ++done;
                         std::this_thread::yield();
                     },
                     2),
                 std::runtime_error);
    EXPECT_LT(done, 1000000u - 1);
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
