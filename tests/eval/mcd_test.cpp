#include "eval/mcd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"
#include "tests/eval/voices.h"

namespace linvox {
namespace {

MelCepstra cepstra(const std::vector<float>& wave) { return *mel_cepstra(wave, 16000); }

// `frames` equal rows.
MelCepstra constant(std::vector<double> row, std::size_t frames) {
    MelCepstra c{.frames = frames, .dim = row.size()};
    for (std::size_t t = 0; t < frames; ++t) c.values.insert(c.values.end(), row.begin(), row.end());
    c.active.assign(frames, 1);
    c.active_frames = frames;
    c.duration_s = static_cast<double>(frames) * 0.005;
    c.sample_rate_hz = 16000;
    return c;
}

TEST(Mcd, TheKernel) {
    EXPECT_NEAR(kMcdScale, 10 * std::sqrt(2) / std::log(10), 1e-14);
    // A difference of 1 in c1 alone is K, in c0 alone 0.
    EXPECT_NEAR(mcd_linvox(constant({0, 0, 0}, 30), constant({0, 1, 0}, 30))->mcd_db, kMcdScale, 1e-12);
    EXPECT_EQ(mcd_linvox(constant({0, 0, 0}, 30), constant({1, 0, 0}, 30))->mcd_db, 0);
    EXPECT_NEAR(mcd_linvox(constant({0, 3, 0}, 30), constant({0, 0, 4}, 30))->mcd_db, 5 * kMcdScale, 1e-12);
}

// SPTK's mcep through pysptk 1.0.1, librosa 0.11.0 sequence.dtw: python tests/eval/oracle.py
TEST(Mcd, AgreesWithSptkAndLibrosa) {
    const Outcome<Mcd> mcd = mcd_linvox(cepstra(first_voice()), cepstra(second_voice()));
    ASSERT_TRUE(mcd);
    EXPECT_NEAR(mcd->mcd_db, 5.81043738388, 1e-6);
    EXPECT_EQ(mcd->reference_frames, 220U);
    EXPECT_EQ(mcd->test_frames, 260U);
    EXPECT_EQ(mcd->path_length, 260U);
    EXPECT_NEAR(mcd->warping_penalty, 2 - 480.0 / 260, 1e-12);
    EXPECT_NEAR(mcd->duration_difference_s, 0.3, 1e-9);
    EXPECT_NEAR(mcd->duration_difference_percent, 18.75, 1e-9);
}

TEST(Mcd, IgnoresLevelAndSilenceAround) {
    const std::vector<float> x = first_voice();
    std::vector<float> padded(3200);
    for (float sample : x) padded.push_back(0.25F * sample);
    padded.resize(padded.size() + 4800);
    // The edge frames of the padding are below the limit, so only whole hops matter: 3200 = 40 x 80.
    EXPECT_NEAR(mcd_linvox(cepstra(x), cepstra(padded))->mcd_db, 0, 0.1);
    EXPECT_LT(mcd_linvox(cepstra(x), cepstra(x))->mcd_db, 1e-12);
}

TEST(Mcd, FeaturesGiveTheSameNumber) {
    const MelCepstra a = cepstra(first_voice()), b = cepstra(second_voice());
    const std::vector<double> fa = warping_features(a, true), fb = warping_features(b, true);
    EXPECT_DOUBLE_EQ(*mcd_of_features(fa, fb, 24), mcd_linvox(a, b)->mcd_db);
}

TEST(Mcd, SaysWhyNot) {
    EXPECT_EQ(mcd_linvox(constant({0, 0}, 19), constant({0, 0}, 40)).reason, kTooShort);
    EXPECT_EQ(mcd_linvox(constant({0, 0}, 40), constant({0, 0}, 19)).reason, kTooShort);
    EXPECT_TRUE(mcd_linvox(constant({0, 0}, 20), constant({0, 0}, 20)));
    EXPECT_EQ(mcd_linvox(constant({0, 0}, 20001), constant({0, 0}, 20000)).reason, kTooLong);
    EXPECT_THROW(mcd_linvox(constant({0, 0}, 30), constant({0, 0, 0}, 30)), BugError);
}

}  // namespace
}  // namespace linvox
