#include "audio/resample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "src/base/error.h"

namespace linvox {
namespace {

std::vector<float> tone(double hz, int rate, double seconds) {
    std::vector<float> x;
    for (int i = 0; i < static_cast<int>(seconds * rate); ++i)
        x.push_back(static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * hz * i / rate)));
    return x;
}

TEST(Resample, KeepsAToneInPlace) {
    // Delay compensated: the same sine on the new grid, away from the ends.
    for (const auto& [from, to] : {std::pair{48000, 16000}, {16000, 24000}, {22050, 16000}, {16000, 10000}}) {
        const std::vector<float> y = resample(tone(1000, from, 0.5), from, to),
                                 expected = tone(1000, to, 0.5);
        ASSERT_EQ(y.size(), expected.size()) << from << " to " << to;
        for (std::size_t i = y.size() / 5; i < y.size() * 4 / 5; ++i)
            ASSERT_NEAR(y[i], expected[i], 2e-5) << from << " to " << to << " sample " << i;
    }
}

TEST(Resample, RemovesWhatTheNewRateCannotHold) {
    const std::vector<float> y = resample(tone(7000, 48000, 0.5), 48000, 10000);
    for (std::size_t i = 1000; i < 4000; ++i) ASSERT_LT(std::abs(y[i]), 1e-5);
}

TEST(Resample, RoundsTheLengthAndCopiesEqualRates) {
    const std::vector<float> x = tone(300, 16000, 0.1);
    EXPECT_EQ(resample(x, 16000, 16000), x);
    EXPECT_EQ(resample(std::span(x).first(1001), 16000, 10000).size(), 626U);  // 625.625
    EXPECT_EQ(resample(std::span(x).first(1), 16000, 48000).size(), 3U);
    EXPECT_TRUE(resample({}, 16000, 8000).empty());
    EXPECT_THROW(resample(x, 0, 16000), BugError);
}

}  // namespace
}  // namespace linvox
