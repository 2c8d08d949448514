#include "audio/peak.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace linvox {
namespace {

SymmetricPeaks cosine(double period) {
    SymmetricPeaks r(200);
    for (std::size_t lag = 0; lag <= 200; ++lag)
        r.set(lag, std::cos(2 * std::numbers::pi * static_cast<double>(lag) / period));
    return r;
}

TEST(SymmetricPeaks, InterpolatesBetweenSamples) {
    const SymmetricPeaks r = cosine(37.3);
    EXPECT_DOUBLE_EQ(r.value(5, 70), r.at(5));
    for (const double lag : {0.5, 3.25, 37.3, 60.9}) {
        EXPECT_NEAR(r.value(lag, 30), std::cos(2 * std::numbers::pi * lag / 37.3), 2e-4) << lag;
        EXPECT_NEAR(r.value(lag, 70), std::cos(2 * std::numbers::pi * lag / 37.3), 2e-5) << lag;
        EXPECT_NEAR(r.value(-lag, 70), r.value(lag, 70), 1e-12);
    }
}

TEST(SymmetricPeaks, FindsTheTop) {
    for (const double period : {20.0, 37.3, 41.5, 80.51}) {
        const SymmetricPeaks::Peak top =
            cosine(period).maximum(static_cast<std::size_t>(std::lround(period)), 70);
        EXPECT_NEAR(top.lag, period, 2e-4);
        EXPECT_NEAR(top.value, 1, 2e-5);
    }
}

TEST(SymmetricPeaks, StaysInsideNearTheEnd) {
    const SymmetricPeaks r = cosine(37.3);
    EXPECT_NEAR(r.value(199.5, 70), 0.5 * (r.at(199) + r.at(200)), 1e-12);  // too few samples: linear
    EXPECT_DOUBLE_EQ(r.value(250, 70), r.at(200));
}

}  // namespace
}  // namespace linvox
