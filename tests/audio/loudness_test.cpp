#include "audio/loudness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/audio/synthetic_voice.h"

namespace linvox {
namespace {

void append_tone(std::vector<float>& x, double hz, double dbfs, double seconds, int rate) {
    const double gain = std::pow(10, dbfs / 20);
    for (int i = 0; i < static_cast<int>(seconds * rate); ++i)
        x.push_back(static_cast<float>(gain * std::sin(2 * std::numbers::pi * hz * i / rate)));
}

TEST(Loudness, OfTheReferenceTone) {
    // ITU-R BS.1770: a 997 Hz sine at 0 dBFS in one channel measures -3.01 LUFS.
    std::vector<float> x;
    append_tone(x, 997, 0, 2, 48000);
    EXPECT_NEAR(*measure_loudness(x, 48000).integrated_lufs, -3.01, 0.01);
    x.clear();
    append_tone(x, 997, -20, 2, 16000);
    EXPECT_NEAR(*measure_loudness(x, 16000).integrated_lufs, -23.01, 0.1);
}

// pyloudnorm 0.2.0, Meter(48000, filter_class="DeMan"): python tests/eval/oracle.py
TEST(Loudness, AgreesWithPyloudnorm) {
    const std::vector<float> x = synthetic_voice({.rate_hz = 48000, .seconds = 3, .f0_hz = 130});
    EXPECT_NEAR(*measure_loudness(x, 48000).integrated_lufs, -31.0419967219, 0.01);
}

TEST(Loudness, RangeOfTwoLevels) {
    // EBU Tech 3342, case 1: 20 s at -20 and 20 s at -30 dBFS have a range of 10 LU.
    std::vector<float> x;
    append_tone(x, 1000, -20, 20, 16000);
    append_tone(x, 1000, -30, 20, 16000);
    EXPECT_NEAR(*measure_loudness(x, 16000).range_lu, 10, 1);
}

TEST(Loudness, PeaksBetweenSamples) {
    // A quarter-rate sine sampled at 45 degrees: samples at -3.01 dB of its top.
    std::vector<float> x;
    for (int i = 0; i < 48000; ++i)
        x.push_back(static_cast<float>(0.5 * std::sin(std::numbers::pi * (0.5 * i + 0.25))));
    const Loudness loudness = measure_loudness(x, 48000);
    EXPECT_NEAR(*loudness.peak_dbfs, 20 * std::log10(0.5) - 3.0103, 1e-3);
    EXPECT_NEAR(*loudness.true_peak_dbfs, 20 * std::log10(0.5), 0.15);
}

TEST(Loudness, HasNoNumberWithoutSound) {
    const Loudness zero = measure_loudness(std::vector<float>(16000 * 11), 16000);
    EXPECT_FALSE(zero.integrated_lufs || zero.range_lu || zero.peak_dbfs || zero.true_peak_dbfs);
    EXPECT_FALSE(measure_loudness(std::vector<float>(6399, 0.1F), 16000).integrated_lufs);
    EXPECT_FALSE(measure_loudness({}, 16000).peak_dbfs);
    EXPECT_EQ(playback_gain_db(zero, -23), 0);
}

TEST(Loudness, PlaybackGainRespectsThePeak) {
    EXPECT_DOUBLE_EQ(playback_gain_db({.integrated_lufs = -30, .peak_dbfs = -12}, -23), 7);
    EXPECT_DOUBLE_EQ(playback_gain_db({.integrated_lufs = -30, .peak_dbfs = -5}, -23), 4);
    EXPECT_DOUBLE_EQ(playback_gain_db({.integrated_lufs = -10, .peak_dbfs = -1}, -23), -13);
}

}  // namespace
}  // namespace linvox
