#include "eval/mel_cepstrum.h"

#include <gtest/gtest.h>

#include <cmath>

#include "audio/resample.h"
#include "src/base/error.h"
#include "tests/eval/voices.h"

namespace linvox {
namespace {

// SPTK's mcep through pysptk 1.0.1, mcep(periodogram, 24, 0.41, miniter=2, maxiter=30,
// threshold=1e-3, etype=0, itype=4) on the frames of this profile: python tests/eval/oracle.py
constexpr double kFrame20[] = {
    -1.04275331154,   3.07167391752,    -1.42663432117,  0.590498305053,  -0.264508595072,
    -0.490487897135,  0.414255429664,   -0.525433707239, -0.226652868404, 0.262307050935,
    -0.0820277310649, 0.13007092723,    -0.203740964606, -0.156504135714, -0.0648254175696,
    -0.306589789665,  0.0292709953468,  -0.244352875047, -0.15080654627,  0.0132404603487,
    -0.240467789811,  -0.0247519583582, -0.140556494777, -0.183987792336, -0.00363239318165};

TEST(MelCepstra, AgreeWithSptk) {
    const Outcome<MelCepstra> cepstra = mel_cepstra(first_voice(), 16000);
    ASSERT_TRUE(cepstra);
    EXPECT_EQ(cepstra->frames, 316U);
    EXPECT_EQ(cepstra->active_frames, 220U);
    ASSERT_EQ(cepstra->dim, 25U);
    for (std::size_t m = 0; m < 25; ++m)
        EXPECT_NEAR(cepstra->values[20 * 25 + m], kFrame20[m], 1e-6) << "c" << m;
    EXPECT_NEAR(cepstra->first_time_s, 0.0125, 1e-12);
    EXPECT_NEAR(cepstra->hop_s, 0.005, 1e-12);
    EXPECT_NEAR(cepstra->duration_s, 1.6, 1e-12);
}

TEST(MelCepstra, DoNotDependOnTheLevel) {
    const std::vector<float> x = first_voice();
    std::vector<float> quiet = x;
    for (float& sample : quiet) sample *= 0.125F;  // exact in floating point
    const Outcome<MelCepstra> a = mel_cepstra(x, 16000), b = mel_cepstra(quiet, 16000);
    for (std::size_t i = 0; i < a->values.size(); ++i) ASSERT_NEAR(a->values[i], b->values[i], 1e-9);
    EXPECT_EQ(a->active, b->active);
}

TEST(MelCepstrumSolver, RecoversAModelSpectrum) {
    // A periodogram that is exactly |H|^2 of known cepstra, at the largest table row.
    const MelCepstrumConfig row = mel_cepstrum_config(48000);
    MelCepstrumConfig config = row;
    config.stop = 1e-14;
    constexpr std::size_t kSize = 2048;
    std::vector<double> truth(config.order + 1), periodogram(kSize / 2 + 1), found(config.order + 1);
    for (std::size_t m = 0; m < truth.size(); ++m)
        truth[m] = std::cos(2.0 * static_cast<double>(m)) / (1 + 0.5 * static_cast<double>(m));
    for (std::size_t k = 0; k < periodogram.size(); ++k) {
        const double w = 2 * std::numbers::pi * static_cast<double>(k) / kSize;
        const double warped = w + 2 * std::atan2(row.alpha * std::sin(w), 1 - row.alpha * std::cos(w));
        double log_magnitude = 0;
        for (std::size_t m = 0; m < truth.size(); ++m)
            log_magnitude += truth[m] * std::cos(static_cast<double>(m) * warped);
        periodogram[k] = std::exp(2 * log_magnitude);
    }
    MelCepstrumSolver(kSize, config).solve(periodogram, found);
    for (std::size_t m = 0; m < truth.size(); ++m) EXPECT_NEAR(found[m], truth[m], 1e-8) << "c" << m;
}

TEST(MelCepstra, HaveARowForEveryTableRate) {
    const std::vector<float> x = first_voice();
    for (const int rate : {16000, 22050, 24000, 44100, 48000}) {
        const Outcome<MelCepstra> c = mel_cepstra(resample(std::span(x).first(4000), 16000, rate), rate);
        ASSERT_TRUE(c) << rate;
        EXPECT_EQ(c->dim, mel_cepstrum_config(rate).order + 1);
        for (double value : c->values) ASSERT_TRUE(std::isfinite(value)) << rate;
    }
    EXPECT_EQ(mel_cepstrum_config(16000).order, 24U);
    EXPECT_EQ(mel_cepstrum_config(24000).order, 34U);
    EXPECT_EQ(mel_cepstrum_config(48000).order, 39U);
    EXPECT_EQ(mel_cepstrum_config(16000).alpha, 0.41);
    EXPECT_EQ(mel_cepstrum_config(22050).alpha, 0.455);
    EXPECT_EQ(mel_cepstrum_config(24000).alpha, 0.466);
    EXPECT_EQ(mel_cepstrum_config(44100).alpha, 0.544);
    EXPECT_EQ(mel_cepstrum_config(48000).alpha, 0.554);
    EXPECT_EQ(mel_cepstrum_rate(16000), 16000);
    EXPECT_EQ(mel_cepstrum_rate(32000), 24000);
    EXPECT_EQ(mel_cepstrum_rate(96000), 48000);
    EXPECT_EQ(mel_cepstrum_rate(8000), 0);
    EXPECT_THROW(mel_cepstrum_config(8000), BugError);
}

TEST(MelCepstra, SayWhyNot) {
    EXPECT_EQ(mel_cepstra(std::vector<float>(399, 0.1F), 16000).reason, kTooShort);
    EXPECT_EQ(mel_cepstra({}, 16000).reason, kTooShort);
    EXPECT_EQ(mel_cepstra(std::vector<float>(16000), 16000).reason, kSilent);
    EXPECT_EQ(mel_cepstra(std::vector<float>(16000, 0.1F), 8000).reason, kNotApplicable);
}

TEST(WarpingFeatures, DropTheLevelAndTheInactive) {
    const MelCepstra c{.frames = 3, .dim = 3, .values = {9, 1, 2, 9, 3, 4, 9, 5, 6}, .active = {1, 0, 1}};
    EXPECT_EQ(warping_features(c, false), (std::vector<double>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(warping_features(c, true), (std::vector<double>{1, 2, 5, 6}));
}

}  // namespace
}  // namespace linvox
