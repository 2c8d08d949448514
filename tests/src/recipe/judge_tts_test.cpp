#include "src/recipe/judge_tts.h"

#include <gmock/gmock.h>

#include <cmath>

#include "src/recipe/recipe_config.h"

namespace linvox {
namespace {

std::vector<PreparedClip> training() {
    PreparedClip clip;
    clip.units = {{"A", 0, 300}, {"B", 300, 600}};
    clip.word_of_unit = {0, 1};
    std::vector<std::int32_t> codes(600);
    for (std::size_t i = 0; i < 600; ++i)
        codes[i] = i < 300 ? static_cast<std::int32_t>(i % 2) : 2 + static_cast<std::int32_t>(i % 2);
    clip.variants = {{1.0, 0, codes}};
    return {clip};
}

TEST(PhoneFit, PrefersCodesOfTheRightPhone) {
    const PhoneFit fit(training(), 4);
    const std::vector<std::int32_t> codes = {0, 1, 2, 3};
    const double right = fit.score({{"A", 0, 2}, {"B", 2, 4}}, codes);
    const double wrong = fit.score({{"B", 0, 2}, {"A", 2, 4}}, codes);
    // By hand: each third of A has 100 counts on codes 0 and 1 (50 each) and 100 pseudo-counts of the
    // prior 151/604, so P(0 | A) = (50 + 25) / 200 and P(0 | B) = 25 / 200: odds of 3 a code.
    EXPECT_NEAR(right, 0.0, 1e-9);
    EXPECT_NEAR(wrong, -std::log(3.0), 1e-9);
    const double half = fit.score({{"A", 0, 2}, {"A", 2, 4}}, codes);
    EXPECT_NEAR(half, -std::log(3.0) / 2, 1e-9);
}

TEST(CodeDistortion, ZeroForItselfAndTheKernelForOneCepstrum) {
    const std::size_t frames = 6, order = 13;
    std::vector<float> a(frames * order, 0.0F), b = a;
    for (std::size_t t = 0; t < frames; ++t) b[t * order] = 1.0F;  // c1 differs by 1 in every frame
    EXPECT_NEAR(CodeDistortion::distance_db(a, a), 0, 1e-9);
    EXPECT_NEAR(CodeDistortion::distance_db(a, b), 10 * std::sqrt(2.0) / std::log(10.0), 1e-5);
}

TEST(CodeDistortion, CepstrumOfAFlatSpectrumIsZeroAndLevelDoesNotMatter) {
    std::vector<float> flat(80, 3.0F), tilted(80), louder(80);
    for (std::size_t b = 0; b < 80; ++b) tilted[b] = -0.05F * static_cast<float>(b);
    for (std::size_t b = 0; b < 80; ++b) louder[b] = tilted[b] + 2.0F;
    for (const float c : CodeDistortion::features_of_log_mel(flat)) EXPECT_NEAR(c, 0, 1e-5);
    const auto x = CodeDistortion::features_of_log_mel(tilted),
               y = CodeDistortion::features_of_log_mel(louder);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 1e-5);
    EXPECT_GT(x[0], 0.1);
}

TEST(JudgeNames, RecogniserAddsWer) {
    EXPECT_THAT(judge_metric_names({.recognise = false}), testing::Not(testing::Contains("wer")));
    EXPECT_THAT(judge_metric_names({.recognise = true}), testing::Contains("wer"));
}

}  // namespace
}  // namespace linvox
