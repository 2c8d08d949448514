#include "src/train/schedule.h"

#include <gtest/gtest.h>

namespace linvox {
namespace {

TEST(Schedule, WarmsUpLinearlyFromTheFirstStep) {
    const ScheduleConfig config{.kind = "cosine", .warmup_steps = 4, .final_ratio = 0.1};
    EXPECT_DOUBLE_EQ(schedule_factor(config, 0, 100), 0.25);
    EXPECT_DOUBLE_EQ(schedule_factor(config, 3, 100), 1.0);
    EXPECT_DOUBLE_EQ(schedule_factor(config, 4, 100), 1.0);
}

TEST(Schedule, ReachesTheFinalRatioAtTheLastStep) {
    for (const char* kind : {"cosine", "linear"})
        EXPECT_NEAR(schedule_factor({kind, 4, 0.1}, 99, 100), 0.1, 1e-12) << kind;
    EXPECT_EQ(schedule_factor({"constant", 4, 0.1}, 99, 100), 1.0);
}

TEST(Schedule, HalfwayValues) {
    // 101 steps without warm-up: step 50 is half of the way.
    EXPECT_NEAR(schedule_factor({"cosine", 0, 0.2}, 50, 101), 0.6, 1e-12);
    EXPECT_NEAR(schedule_factor({"linear", 0, 0.2}, 25, 101), 0.8, 1e-12);
}

TEST(Schedule, WarmUpLongerThanTheRunStillReachesThePeak) {
    EXPECT_DOUBLE_EQ(schedule_factor({"cosine", 1000, 0.1}, 9, 10), 1.0);
}

}  // namespace
}  // namespace linvox
