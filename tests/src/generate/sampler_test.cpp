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
