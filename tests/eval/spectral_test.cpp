#include "eval/spectral.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"
#include "tests/eval/voices.h"

namespace linvox {
namespace {

// numpy 2.4.6 and librosa 0.11.0; segsnr and fwsnrseg after pysepm's formulas; mrstft after
// auraloss's: python tests/eval/oracle.py
TEST(Spectral, AgreesWithNumpyAndLibrosa) {
    const std::vector<float> s = first_voice(), x = noisy_first_voice();
    EXPECT_NEAR(si_sdr(s, x)->value, 12.9601941836, 1e-6);
    EXPECT_NEAR(snr(s, x)->value, 12.9568152433, 1e-6);
    EXPECT_NEAR(*segmental_snr(s, x, 16000), 5.75497701544, 1e-6);
    EXPECT_NEAR(*frequency_weighted_snr(s, x, 16000), 15.4352205994, 1e-6);
    EXPECT_NEAR(*log_spectral_distance(s, x), 21.0556022569, 1e-6);
    EXPECT_NEAR(*mel_l1(s, x, 16000), 1.62370236977, 1e-6);
    const Outcome<MultiResolutionStft> stft = multi_resolution_stft(s, x);
    EXPECT_NEAR(stft->convergence, 0.197418523121, 1e-6);
    EXPECT_NEAR(stft->log_magnitude, 2.30219730694, 1e-5);
    EXPECT_DOUBLE_EQ(stft->sum(), stft->convergence + stft->log_magnitude);
}

TEST(Snr, ClosedForms) {
    const std::vector<float> s{1, -1, 1, -1}, half{0.5F, -0.5F, 0.5F, -0.5F}, other{1, 1, -1, -1};
    EXPECT_NEAR(snr(s, half)->value, 10 * std::log10(4), 1e-12);
    EXPECT_NEAR(si_sdr(s, half)->value, 100, 0);  // a scaled copy is perfect
    EXPECT_TRUE(si_sdr(s, half)->clamped);
    EXPECT_EQ(si_sdr(s, other)->value, -100);  // orthogonal
    EXPECT_TRUE(si_sdr(s, other)->clamped);
    EXPECT_EQ(snr(s, s)->value, 100);
    EXPECT_TRUE(snr(s, s)->clamped);
    // s + 0.1 * other: 20 dB whatever the sign of the scale, an offset does not matter.
    std::vector<float> mixed;
    for (std::size_t i = 0; i < 4; ++i) mixed.push_back(3 * s[i] + 0.3F * other[i] + 0.25F);
    EXPECT_NEAR(si_sdr(s, mixed)->value, 20, 1e-5);
    EXPECT_FALSE(si_sdr(s, mixed)->clamped);
}

TEST(Spectral, ACopyIsAtTheBestEnd) {
    const std::vector<float> s = first_voice();
    EXPECT_GT(*segmental_snr(s, s, 16000), 20);  // gaps between the syllables are below 35 dB
    EXPECT_NEAR(*frequency_weighted_snr(s, s, 16000), 35, 1e-9);
    EXPECT_EQ(*log_spectral_distance(s, s), 0);
    EXPECT_EQ(*mel_l1(s, s, 16000), 0);
    EXPECT_EQ(multi_resolution_stft(s, s)->sum(), 0);
}

TEST(Spectral, SaysWhyNot) {
    const std::vector<float> zero(16000), one(16000, 0.1F);
    EXPECT_EQ(si_sdr(zero, one).reason, kSilent);
    EXPECT_EQ(si_sdr(one, one).reason, kSilent);  // constant: nothing left without its mean
    EXPECT_EQ(snr(zero, one).reason, kSilent);
    EXPECT_EQ(segmental_snr(zero, one, 16000).reason, kSilent);
    EXPECT_EQ(frequency_weighted_snr(one, one, 7999).reason, kNotApplicable);
    EXPECT_EQ(mel_l1(zero, one, 16000).reason, kSilent);
    EXPECT_EQ(snr({}, {}).reason, kTooShort);
    const std::span<const float> brief = std::span(one).first(500);
    EXPECT_EQ(segmental_snr(brief, brief, 16000).reason, kTooShort);
    EXPECT_EQ(frequency_weighted_snr(brief, brief, 16000).reason, kTooShort);
    EXPECT_EQ(log_spectral_distance(brief, brief).reason, kTooShort);
    EXPECT_EQ(multi_resolution_stft(brief, brief).reason, kTooShort);
    EXPECT_TRUE(mel_l1(brief, brief, 16000));
    EXPECT_EQ(mel_l1(brief.first(200), brief.first(200), 16000).reason, kTooShort);
    EXPECT_THROW(snr(one, brief), BugError);
}

TEST(Spectral, ASilentTestStillHasNumbers) {
    const std::vector<float> s = first_voice(), zero(s.size());
    EXPECT_EQ(snr(s, zero)->value, 0);
    EXPECT_EQ(si_sdr(s, zero)->value, -100);
    for (const Outcome<double>& value :
         {segmental_snr(s, zero, 16000), frequency_weighted_snr(s, zero, 16000),
          log_spectral_distance(s, zero), mel_l1(s, zero, 16000)}) {
        ASSERT_TRUE(value);
        EXPECT_TRUE(std::isfinite(*value));
    }
    EXPECT_TRUE(std::isfinite(multi_resolution_stft(s, zero)->sum()));
}

}  // namespace
}  // namespace linvox
