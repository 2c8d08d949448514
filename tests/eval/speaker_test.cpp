#include "eval/speaker.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/eval/voices.h"

namespace linvox {
namespace {

// numpy 2.4.6, scipy 1.17.1, librosa 0.11.0 (mel bands): python tests/eval/oracle.py
TEST(Speaker, AgreesWithNumpy) {
    const std::vector<double> a = *mfcc_c20(first_voice(), 16000), b = *mfcc_c20(second_voice(), 16000);
    ASSERT_EQ(a.size(), 109U * 20);
    ASSERT_EQ(b.size(), 128U * 20);
    EXPECT_NEAR(std::accumulate(a.begin(), a.end(), 0.0), -1216.17571643, 1e-3);
    EXPECT_NEAR(std::accumulate(b.begin(), b.end(), 0.0), -1998.55221993, 1e-3);
    const Gaussian ga = *fit_gaussian(a, 20), gb = *fit_gaussian(b, 20);
    EXPECT_NEAR(bhattacharyya(ga, gb), 4.16149300844, 1e-4);
    EXPECT_NEAR(sphericity(ga, gb), 3.20865494591, 1e-4);
}

TEST(Speaker, ZCosineAgreesWithNumpy) {
    std::vector<Gaussian> background;
    for (int i = 0; i < 10; ++i) {
        const VoiceSpec spec{
            .seconds = 1.2, .f0_hz = 90.0 + 12 * i, .seed = static_cast<std::uint32_t>(i + 1)};
        const std::vector<double> features = *mfcc_c20(synthetic_voice(spec), 16000);
        Gaussian g{20, features.size() / 20, std::vector<double>(20), std::vector<double>(400)};
        for (std::size_t t = 0; t < g.frames; ++t)
            for (std::size_t d = 0; d < 20; ++d)
                g.mean[d] += features[t * 20 + d] / static_cast<double>(g.frames);
        for (std::size_t t = 0; t < g.frames;
             ++t)  // shorter than fit_gaussian() accepts; only the SDs matter
            for (std::size_t d = 0; d < 20; ++d)
                g.covariance[d * 21] +=
                    std::pow(features[t * 20 + d] - g.mean[d], 2) / static_cast<double>(g.frames - 1);
        background.push_back(g);
    }
    const Gaussian a = *fit_gaussian(*mfcc_c20(first_voice(), 16000), 20);
    const Gaussian b = *fit_gaussian(*mfcc_c20(second_voice(), 16000), 20);
    EXPECT_NEAR(*z_cosine(a, b, background), 0.0954289471604, 1e-5);
    EXPECT_NEAR(*z_cosine(a, a, background), 1, 1e-12);
    EXPECT_EQ(z_cosine(a, b, std::span(background).first(9)).reason, kTooFew);
}

// numpy 2.4.6 cov and scipy 1.17.1 linalg.sqrtm: python tests/eval/oracle.py
TEST(FrechetDistance, AgreesWithScipy) {
    std::vector<double> f, g;
    std::uint32_t first = 1, second = 2;
    for (int i = 0; i < 600 * 20; ++i) {
        f.push_back(next_noise(first));
        g.push_back(std::pow(next_noise(second), 3) + 0.1);
    }
    EXPECT_NEAR(*frechet_distance(f, g, 20), 1.09531315837, 1e-9);
    EXPECT_NEAR(*frechet_distance(f, f, 20), 0, 1e-6);
    EXPECT_EQ(frechet_distance(std::span(f).first(499 * 20), g, 20).reason, kTooFew);
}

TEST(Gaussians, DistancesOfEqualAndShifted) {
    std::uint32_t state = 1;
    std::vector<double> x(400 * 3);
    for (double& value : x) value = next_noise(state);
    const Gaussian g = *fit_gaussian(x, 3);
    EXPECT_NEAR(bhattacharyya(g, g), 0, 1e-12);
    EXPECT_NEAR(sphericity(g, g), 0, 1e-12);
    Gaussian wide = g;  // four times the covariance, the same mean
    for (double& c : wide.covariance) c *= 4;
    EXPECT_NEAR(bhattacharyya(g, wide), 0.5 * 3 * std::log(2.5 / 2), 1e-9);
    EXPECT_NEAR(sphericity(g, wide), 0, 1e-9);  // blind to scale, by definition
    EXPECT_EQ(fit_gaussian(std::span(x).first(99 * 3), 3).reason, kTooShort);
}

TEST(Mfcc, SaysWhyNot) {
    EXPECT_EQ(mfcc_c20(std::vector<float>(300), 16000).reason, kTooShort);
    EXPECT_EQ(mfcc_c20(std::vector<float>(16000), 16000).reason, kSilent);
    EXPECT_TRUE(mfcc_c20(std::vector<float>(48000, 0.1F), 48000));
}

}  // namespace
}  // namespace linvox
