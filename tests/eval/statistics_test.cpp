// Golden values: Python 3.11, numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0. Resampling was repeated
// there with the same xoshiro256** stream, its percentiles taken by numpy.percentile.
#include "eval/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

// Errors of two systems in ten utterances, and the words of each.
const std::vector<double> kErrorsA{2, 0, 1, 3, 0, 0, 5, 1, 2, 4};
const std::vector<double> kErrorsB{1, 0, 2, 1, 0, 1, 3, 1, 0, 4};
const std::vector<double> kWords{8, 5, 9, 7, 6, 10, 8, 4, 11, 9};

std::vector<RatioItem> ratio_items() {
    std::vector<RatioItem> items;
    for (std::size_t i = 0; i < kWords.size(); ++i) items.push_back({kErrorsA[i], kWords[i]});
    return items;
}

std::vector<PairedItem> paired_items() {
    std::vector<PairedItem> items;
    for (std::size_t i = 0; i < kWords.size(); ++i)
        items.push_back({{kErrorsA[i], kWords[i]}, {kErrorsB[i], kWords[i]}});
    return items;
}

TEST(Statistics, DescribesLikeNumpy) {
    const std::vector<double> values{3.5, 1.25, 9, 4, 4, 7.75, 2};
    const Description d = describe(values);
    EXPECT_EQ(d.n, 7);
    EXPECT_DOUBLE_EQ(d.mean, 4.5);
    EXPECT_NEAR(d.sd, 2.8613807855648994, 1e-12);  // std(ddof=1)
    EXPECT_DOUBLE_EQ(d.quartile1, 2.75);
    EXPECT_DOUBLE_EQ(d.median, 4.0);
    EXPECT_DOUBLE_EQ(d.quartile3, 5.875);
    EXPECT_DOUBLE_EQ(linear_quantile(values, 1), 9);
    EXPECT_EQ(describe(std::vector<double>{2}).sd, 0);
    EXPECT_THROW(describe({}), BugError);
}

TEST(Statistics, BootstrapOfTotals) {
    const Interval interval = bootstrap_ratio(ratio_items());
    EXPECT_NEAR(interval.low, 0.10984555984555984, 1e-12);
    EXPECT_NEAR(interval.high, 0.3677415966386554, 1e-12);
    EXPECT_THROW(bootstrap_ratio(std::vector<RatioItem>{{1, 2}}), BugError);
}

TEST(Statistics, BootstrapIntervalCoversTheMeanOfNormalItems) {
    Rng rng(7);
    std::vector<RatioItem> items;
    for (int i = 0; i < 2000; ++i) items.push_back({10 + 2 * rng.normal(), 1});
    const Interval interval = bootstrap_ratio(items);
    const double half = 1.96 * 2 / std::sqrt(2000.0);
    EXPECT_NEAR((interval.high - interval.low) / 2, half, 0.1 * half);
    EXPECT_LT(interval.low, 10);
    EXPECT_GT(interval.high, 10);
}

TEST(Statistics, ClustersAreResampledTogether) {
    const std::vector<std::int64_t> clusters{0, 0, 1, 1, 2, 2, 3, 3, 4, 4};
    const auto totals = add_clusters(ratio_items(), clusters);
    ASSERT_EQ(totals.size(), 5u);
    EXPECT_EQ(totals[1].sum, 4);
    EXPECT_EQ(totals[1].count, 16);
    EXPECT_DOUBLE_EQ(total_ratio(totals), total_ratio(ratio_items()));
    const Interval interval = bootstrap_ratio(totals);
    EXPECT_NEAR(interval.low, 0.10810810810810811, 1e-12);
    EXPECT_NEAR(interval.high, 0.37681159420289856, 1e-12);
}

TEST(Statistics, DuplicatedItemsInClustersDoNotNarrowTheInterval) {
    std::vector<RatioItem> twice = ratio_items();
    const auto once = twice;
    twice.insert(twice.end(), once.begin(), once.end());
    std::vector<std::int64_t> clusters(20);
    for (std::size_t i = 0; i < 20; ++i) clusters[i] = static_cast<std::int64_t>(i % 10);
    const Interval a = bootstrap_ratio(add_clusters(twice, clusters)), b = bootstrap_ratio(once);
    EXPECT_DOUBLE_EQ(a.low, b.low);
    EXPECT_DOUBLE_EQ(a.high, b.high);
    const Interval naive = bootstrap_ratio(twice);
    EXPECT_LT(naive.high - naive.low, 0.9 * (b.high - b.low));
}

TEST(Statistics, PairedBootstrap) {
    const PairedBootstrap result = paired_bootstrap(paired_items());
    EXPECT_NEAR(result.difference, -0.06493506493506493, 1e-12);
    EXPECT_NEAR(result.interval.low, -0.15069687798661993, 1e-12);
    EXPECT_NEAR(result.interval.high, 0.014089537223340018, 1e-12);
    EXPECT_NEAR(result.probability_lower, 0.932, 1e-12);
}

TEST(Statistics, RandomisationTest) {
    // All 2^10 sign vectors: 0.3125. The same 10,000 trials in numpy: 0.31426857314268575.
    EXPECT_NEAR(randomisation_test(paired_items()), 0.31426857314268575, 1e-12);
    auto same = paired_items();
    for (PairedItem& item : same) item.b = item.a;
    EXPECT_EQ(randomisation_test(same), 1);
    auto far = paired_items();
    for (PairedItem& item : far) item.b.sum = item.a.sum + 1;
    EXPECT_NEAR(randomisation_test(far), 2.0 / 1024, 1e-3);  // only all or none swapped is as extreme
}

TEST(Statistics, Wilson) {  // proportion_confint(method="wilson")
    const struct {
        double successes, trials, low, high;
    } rows[] = {{0, 10, 0.0, 0.27753279986288926},
                {7, 20, 0.18119182410108203, 0.5671457233147638},
                {41, 45, 0.7926642466571063, 0.9648888832736298}};
    for (const auto& row : rows) {
        const Interval interval = wilson_interval(row.successes, row.trials);
        EXPECT_NEAR(interval.low, row.low, 1e-9);
        EXPECT_NEAR(interval.high, row.high, 1e-9);
    }
}

TEST(Statistics, Wilcoxon) {  // scipy.stats.wilcoxon(correction=False)
    EXPECT_NEAR(wilcoxon_signed_rank(std::vector<double>{0.3, -0.1, 0.5, 0.7, -0.2, 0.9, 1.1, 0.4}),
                0.0390625,
                1e-12);  // exact
    EXPECT_NEAR(wilcoxon_signed_rank(std::vector<double>{1, -1, 2, 2, 3, -2, 4, 0, 5, 3, 1}),
                0.035564379058193644, 1e-12);  // ties and a zero: normal
    std::vector<double> sixty;
    for (int i = 1; i <= 60; ++i) sixty.push_back((i - 1) % 3 == 0 ? -i : i);
    EXPECT_NEAR(wilcoxon_signed_rank(sixty), 0.016733071607703435, 1e-12);
    EXPECT_EQ(wilcoxon_signed_rank(std::vector<double>{0, 0}), 1);
}

TEST(Statistics, McNemar) {  // statsmodels mcnemar(exact=True)
    EXPECT_NEAR(mcnemar_exact(3, 12), 0.03515625, 1e-9);
    EXPECT_NEAR(mcnemar_exact(8, 8), 1.0, 1e-9);
    EXPECT_NEAR(mcnemar_exact(0, 6), 0.03125, 1e-9);
    EXPECT_NEAR(mcnemar_exact(40, 22), 0.030015864349067285, 1e-9);
    EXPECT_EQ(mcnemar_exact(0, 0), 1);
}

TEST(Statistics, Holm) {  // multipletests(method="holm")
    const std::vector<double> adjusted = holm(std::vector<double>{0.01, 0.04, 0.03, 0.005, 0.5});
    const std::vector<double> expected{0.04, 0.09, 0.09, 0.025, 0.5};
    ASSERT_EQ(adjusted.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-12);
    EXPECT_TRUE(holm({}).empty());
}

TEST(Statistics, CliffsDelta) {
    const std::vector<double> a{1, 2, 3, 4, 5}, b{3, 4, 5, 6, 2};
    EXPECT_NEAR(cliffs_delta(a, b), 0.36, 1e-12);  // mean(sign(b - a)) over all pairs
    EXPECT_NEAR(cliffs_delta(b, a), -0.36, 1e-12);
    EXPECT_EQ(cliffs_delta(std::vector<double>{1}, std::vector<double>{2}), 1);
}

}  // namespace
}  // namespace linvox
