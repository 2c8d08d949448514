// Intervals and tests over evaluation items. Pure functions on plain numbers; nothing here knows
// metrics or reports. An item is a ratio (sum, count): count 1 makes every total ratio a mean.
// Items that share a cluster (several samples of one prompt, one speaker) are added up first and
// are resampled, flipped and swapped together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace linvox {

struct Interval {
    double low = 0, high = 0;
};

struct Description {
    std::int64_t n = 0;
    double mean = 0;
    double sd = 0;  // n - 1 in the denominator; 0 for n < 2
    double median = 0, quartile1 = 0, quartile3 = 0;
};
/// Of at least one value (BugError otherwise).
Description describe(std::span<const double> values);

/// The q-quantile (0..1) by linear interpolation of order statistics (numpy's default).
double linear_quantile(std::span<const double> values, double q);

/// One cluster's totals. Paired functions also use the second system's.
struct RatioItem {
    double sum = 0, count = 0;
};
struct PairedItem {
    RatioItem a, b;
};

/// Adds items up by cluster, in order of first appearance. Sizes must agree.
std::vector<RatioItem> add_clusters(std::span<const RatioItem> items, std::span<const std::int64_t> clusters);
std::vector<PairedItem> add_clusters(std::span<const PairedItem> items,
                                     std::span<const std::int64_t> clusters);

/// sum of sums / sum of counts.
double total_ratio(std::span<const RatioItem> items);

struct Resampling {
    int resamples = 1000;
    int trials = 10000;  // of randomisation tests
    std::uint64_t seed = 12345;
    double level = 0.95;
};

/// Percentile bootstrap of the total ratio (Efron 1979); items are independent. At least 2 items.
Interval bootstrap_ratio(std::span<const RatioItem> items, const Resampling& options = {});

struct PairedBootstrap {
    double difference = 0;  // total ratio of b minus that of a
    Interval interval;
    /// Share of resamples with difference < 0, ties as half: the probability that b is lower.
    double probability_lower = 0;
};
/// Both systems are resampled with the same items (Koehn 2004).
PairedBootstrap paired_bootstrap(std::span<const PairedItem> items, const Resampling& options = {});

/// Two-sided randomisation test of "a and b are exchangeable within an item": each trial swaps a
/// and b of every item with probability 1/2, statistic |difference of total ratios| (Noreen 1989).
/// p = (1 + hits) / (1 + trials). With equal counts this is the sign-flip test.
double randomisation_test(std::span<const PairedItem> items, const Resampling& options = {});

/// Wilson's score interval of successes / trials.
Interval wilson_interval(double successes, double trials, double level = 0.95);

/// Two-sided Wilcoxon signed-rank test of paired differences; zeros are dropped. Exact for up to
/// 50 differences without zeros or ties, else the normal approximation with tie correction and
/// without continuity correction. 1 when every difference is zero.
double wilcoxon_signed_rank(std::span<const double> differences);

/// Two-sided exact McNemar test from the two counts of discordant pairs.
double mcnemar_exact(std::int64_t only_a, std::int64_t only_b);

/// Holm's step-down adjustment (Holm 1979), in the order given.
std::vector<double> holm(std::span<const double> p_values);

/// P(b > a) - P(b < a) over all pairs of values (Cliff 1993), in [-1, 1].
double cliffs_delta(std::span<const double> a, std::span<const double> b);

}  // namespace linvox
