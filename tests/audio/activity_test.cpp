#include "audio/activity.h"

#include <gtest/gtest.h>

#include <cmath>

namespace linvox {
namespace {

// Silence with square waves of the given levels (dB re full scale) in [from_s, to_s).
struct Part {
    double from_s, to_s, db;
};
std::vector<float> wave(double seconds, std::initializer_list<Part> parts) {
    std::vector<float> x(static_cast<std::size_t>(seconds * 16000));
    for (const Part& part : parts)
        for (auto i = static_cast<std::size_t>(part.from_s * 16000);
             i < static_cast<std::size_t>(part.to_s * 16000); ++i)
            x[i] = static_cast<float>(std::pow(10, part.db / 20) * (i % 2 ? 1 : -1));
    return x;
}

TEST(Activity, FindsHeadAndTail) {
    const Activity a = find_activity(wave(1, {{0.3, 0.7, -20}}), 16000);
    EXPECT_EQ(a.active.size(), 98U);  // (16000 - 400) / 160 + 1
    // A frame of 25 ms is active from its first sample of sound on: 0.28 s still reaches to 0.305.
    EXPECT_NEAR(a.begin_s(), 0.28, 1e-9);
    EXPECT_NEAR(a.end_s(), 0.715, 1e-9);
    EXPECT_NEAR(a.active_span_s(), 0.435, 1e-9);
    EXPECT_EQ(a.active_frames, a.last - a.first);
}

TEST(Activity, IsRelativeToTheLoudest) {
    // Whole frames of the second part: 39 dB below the first is active, 41 dB is not.
    const Activity near = find_activity(wave(1, {{0, 0.4, -10}, {0.6, 1, -49}}), 16000);
    const Activity far = find_activity(wave(1, {{0, 0.4, -10}, {0.6, 1, -51}}), 16000);
    EXPECT_TRUE(near.active[80]);
    EXPECT_FALSE(far.active[80]);
    // The absolute limit of -60 dB comes first for quiet files.
    EXPECT_TRUE(find_activity(wave(1, {{0.3, 0.7, -61}}), 16000).silent());
    EXPECT_FALSE(find_activity(wave(1, {{0.3, 0.7, -59}}), 16000).silent());
}

TEST(Activity, ClosesShortGaps) {
    // Frames without any sound inside a gap of g seconds: about (g - 0.025) / 0.01.
    const Activity closed = find_activity(wave(1, {{0, 0.4, -10}, {0.51, 1, -10}}), 16000);
    const Activity open = find_activity(wave(1, {{0, 0.4, -10}, {0.53, 1, -10}}), 16000);
    EXPECT_EQ(closed.active_frames, closed.active.size());
    EXPECT_LT(open.active_frames, open.active.size());
}

TEST(Activity, SilenceAndShortFilesAreSilent) {
    EXPECT_TRUE(find_activity(std::vector<float>(16000), 16000).silent());
    EXPECT_TRUE(find_activity(std::vector<float>(399, 0.5F), 16000).active.empty());
    EXPECT_FALSE(find_activity(std::vector<float>(400, 0.5F), 16000).silent());
    EXPECT_EQ(find_activity(std::vector<float>(16000), 16000).end_s(), 0);
    EXPECT_EQ(find_activity(std::vector<float>(16000), 16000).active_span_s(), 0);
}

}  // namespace
}  // namespace linvox
