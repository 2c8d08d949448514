#include "eval/signal_pair.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace linvox {
namespace {

Wave tone(int rate, std::size_t samples) {
    Wave wave{std::vector<float>(samples), rate};
    for (std::size_t i = 0; i < samples; ++i)
        wave.samples[i] =
            static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * 500 * static_cast<double>(i) / rate));
    return wave;
}

TEST(SignalPair, TakesTheLowerRateAndTheShorterLength) {
    const Outcome<SignalPair> pair = make_signal_pair(tone(24000, 24000), tone(16000, 16320));
    ASSERT_TRUE(pair);
    EXPECT_EQ(pair->sample_rate_hz, 16000);
    EXPECT_EQ(pair->reference.size(), 16000U);
    EXPECT_EQ(pair->test.size(), 16000U);
    EXPECT_NEAR(pair->length_difference_s, 0.02, 1e-12);
    for (std::size_t i = 2000; i < 14000; ++i) ASSERT_NEAR(pair->reference[i], pair->test[i], 1e-4);
}

TEST(SignalPair, SaysWhyNot) {
    EXPECT_TRUE(make_signal_pair(tone(16000, 16000), tone(16000, 16800)));
    EXPECT_EQ(make_signal_pair(tone(16000, 16000), tone(16000, 16801)).reason, kLengthMismatch);
    EXPECT_EQ(make_signal_pair(tone(16000, 16801), tone(16000, 16000)).reason, kLengthMismatch);
    EXPECT_EQ(make_signal_pair(tone(16000, 0), tone(16000, 10)).reason, kTooShort);
}

}  // namespace
}  // namespace linvox
