#include "src/generate/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "src/base/error.h"

namespace linvox {
namespace {

const std::vector<float> kLogits{0.0f, 2.0f, 1.0f, -1.0f, 3.0f, 2.5f};

std::map<std::int32_t, double> shares(const SamplingConfig& config, const std::vector<std::int32_t>& barred,
                                      int draws = 40000) {
    Rng rng(7);
    SamplerScratch scratch;
    std::map<std::int32_t, double> found;
    for (int i = 0; i < draws; ++i) found[sample_index(kLogits, barred, config, rng, scratch)] += 1.0 / draws;
    return found;
}

/// Probabilities at a temperature over the kept indices only.
std::map<std::int32_t, double> exact(double temperature, const std::set<std::int32_t>& kept) {
    std::map<std::int32_t, double> p;
    double sum = 0.0;
    for (const std::int32_t i : kept) sum += p[i] = std::exp(kLogits[i] / temperature);
    for (auto& [index, value] : p) value /= sum;
    return p;
}

void expect_shares(const std::map<std::int32_t, double>& found,
                   const std::map<std::int32_t, double>& expected) {
    EXPECT_EQ(found.size(), expected.size());
    for (const auto& [index, share] : found) {
        ASSERT_TRUE(expected.contains(index)) << index;
        EXPECT_NEAR(share, expected.at(index), 0.012) << index;  // five deviations of 40,000 draws
    }
}

TEST(Sampler, FollowsTheSoftmaxAtItsTemperature) {
    expect_shares(shares({.temperature = 1.0}, {}), exact(1.0, {0, 1, 2, 3, 4, 5}));
    expect_shares(shares({.temperature = 2.0}, {}), exact(2.0, {0, 1, 2, 3, 4, 5}));
}

TEST(Sampler, TopKKeepsTheKMostProbable) {
    expect_shares(shares({.temperature = 1.0, .top_k = 3}, {}), exact(1.0, {4, 5, 1}));
    expect_shares(shares({.temperature = 1.0, .top_k = 100}, {}), exact(1.0, {0, 1, 2, 3, 4, 5}));
}

TEST(Sampler, TopPKeepsTheSmallestSetThatHoldsTheMass) {
    // Probabilities: 0.437 (4), 0.265 (5), 0.161 (1), 0.059 (2), ...
    expect_shares(shares({.temperature = 1.0, .top_p = 0.5}, {}), exact(1.0, {4, 5}));
    expect_shares(shares({.temperature = 1.0, .top_p = 0.1}, {}), exact(1.0, {4}));
    // Of the three most probable: 0.506, 0.307, 0.186.
    expect_shares(shares({.temperature = 1.0, .top_p = 0.75, .top_k = 3}, {}), exact(1.0, {4, 5}));
}

TEST(Sampler, BarredIndicesAreNeverDrawn) {
    expect_shares(shares({.temperature = 1.0}, {4, 0}), exact(1.0, {1, 2, 3, 5}));
    expect_shares(shares({.temperature = 1.0, .top_p = 0.6, .top_k = 4}, {4}), exact(1.0, {5, 1}));
    Rng rng(1);
    SamplerScratch scratch;
    const std::vector<std::int32_t> all{0, 1, 2, 3, 4, 5};
    EXPECT_THROW(sample_index(kLogits, all, {}, rng, scratch), BugError);
}

TEST(Sampler, MinPKeepsWhatIsNearTheMostProbable) {
    // Shares of the best: 1 (4), 0.607 (5), 0.368 (1), 0.135 (2), 0.050 (0), 0.018 (3).
    expect_shares(shares({.temperature = 1.0, .min_p = 0.3}, {}), exact(1.0, {4, 5, 1}));
    expect_shares(shares({.temperature = 2.0, .min_p = 0.3}, {}), exact(2.0, {4, 5, 1, 2}));
    expect_shares(shares({.temperature = 1.0, .top_k = 5, .min_p = 0.04}, {}), exact(1.0, {4, 5, 1, 2, 0}));
    expect_shares(shares({.temperature = 1.0, .top_p = 0.5, .min_p = 0.9}, {}), exact(1.0, {4}));
    expect_shares(shares({.temperature = 1.0, .min_p = 0.3}, {4}), exact(1.0, {5, 1}));
}

// transformers 4.57.1: RepetitionPenaltyLogitsProcessor(2.0) divides 2.0, 3.0 and multiplies -1.0.
TEST(Sampler, PenaltyFallsOnceOnEveryTokenOfTheWindow) {
    const TokenHistory history{{4, 4, 1, 3, -1}, {}};
    Rng rng(7);
    SamplerScratch scratch;
    const SamplingConfig config{.temperature = 1.0, .repetition_penalty = 2.0};
    std::map<std::int32_t, double> found;
    for (int i = 0; i < 40000; ++i)
        found[sample_token(kLogits, {}, history, config, rng, scratch)] += 1.0 / 40000;
    const std::vector<float> penalised{0.0f, 1.0f, 1.0f, -2.0f, 1.5f, 2.5f};
    double sum = 0.0;
    for (const float logit : penalised) sum += std::exp(logit);
    for (std::int32_t i = 0; i < 6; ++i) EXPECT_NEAR(found[i], std::exp(penalised[i]) / sum, 0.012) << i;
    EXPECT_EQ(
        sample_token(kLogits, {}, history, {.temperature = 0.0, .repetition_penalty = 2.0}, rng, scratch), 5);
}

// Algorithm 1 of arXiv 2406.05370: nucleus sampling first; a token whose share of the window exceeds the
// threshold is replaced by one from the whole distribution.
TEST(Sampler, RepetitionAwareSamplingDrawsAgainFromTheWholeDistribution) {
    SamplingConfig config{.temperature = 1.0, .top_k = 1, .ras_window = 10, .ras_threshold = 0.2};
    Rng rng(7);
    SamplerScratch scratch;
    const auto drawn = [&](const TokenHistory& history) {
        std::map<std::int32_t, double> found;
        for (int i = 0; i < 40000; ++i)
            found[sample_token(kLogits, {}, history, config, rng, scratch)] += 1.0 / 40000;
        return found;
    };
    expect_shares(drawn({{}, {4, 4, 1, 2, 5}}), exact(1.0, {4}));                 // 2 of 10 do not exceed 0.2
    expect_shares(drawn({{}, {4, 4, 1, 4, 5}}), exact(1.0, {0, 1, 2, 3, 4, 5}));  // 3 of 10 do
    config.temperature = 0.0;
    expect_shares(drawn({{}, {4, 4, 4, 4}}), exact(1.0, {4}));
}

TEST(Sampler, TemperatureZeroTakesTheBestAndNoRandomNumber) {
    Rng rng(3);
    SamplerScratch scratch;
    EXPECT_EQ(sample_index(kLogits, {}, {.temperature = 0.0}, rng, scratch), 4);
    const std::vector<std::int32_t> barred{4};
    EXPECT_EQ(sample_index(kLogits, barred, {.temperature = 0.0}, rng, scratch), 5);
    EXPECT_EQ(rng.next(), Rng(3).next());
}

}  // namespace
}  // namespace linvox
