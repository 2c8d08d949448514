#include "eval/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <unordered_map>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

double sorted_quantile(std::span<const double> sorted, double q) {
    const double place = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    const double part = place - static_cast<double>(below);
    return sorted[below] + part * (sorted[above] - sorted[below]);
}

Interval percentile_interval(std::vector<double>& values, double level) {
    std::sort(values.begin(), values.end());
    const double tail = (1 - level) / 2;
    return {sorted_quantile(values, tail), sorted_quantile(values, 1 - tail)};
}

double ratio_of(const RatioItem& item) { return item.sum / item.count; }

void add_to(RatioItem& total, const RatioItem& item) {
    total.sum += item.sum;
    total.count += item.count;
}
void add_to(PairedItem& total, const PairedItem& item) {
    add_to(total.a, item.a);
    add_to(total.b, item.b);
}

template <typename Item>
std::vector<Item> add_by_cluster(std::span<const Item> items, std::span<const std::int64_t> clusters) {
    LINVOX_ASSERT(items.size() == clusters.size(), "{} items, {} clusters", items.size(), clusters.size());
    std::vector<Item> totals;
    std::unordered_map<std::int64_t, std::size_t> place;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto [found, is_new] = place.try_emplace(clusters[i], totals.size());
        if (is_new) totals.push_back({});
        add_to(totals[found->second], items[i]);
    }
    return totals;
}

template <typename Item>
Item total_of(std::span<const Item> items) {
    Item total{};
    for (const Item& item : items) add_to(total, item);
    return total;
}

/// Calls `use` with the total of each resample of as many items, drawn with replacement.
template <typename Item, typename Use>
void resample_totals(std::span<const Item> items, const Resampling& options, const Use& use) {
    Rng rng(options.seed);
    for (int r = 0; r < options.resamples; ++r) {
        Item total{};
        for (std::size_t i = 0; i < items.size(); ++i) add_to(total, items[rng.below(items.size())]);
        use(total);
    }
}

double normal_two_sided(double z) { return std::erfc(std::fabs(z) / std::sqrt(2.0)); }

/// The z with P(|Z| <= z) = level, by bisection: called once per table, so speed does not matter.
double normal_quantile_two_sided(double level) {
    double low = 0, high = 40;
    for (int i = 0; i < 200; ++i) {
        const double middle = (low + high) / 2;
        (1 - normal_two_sided(middle) < level ? low : high) = middle;
    }
    return (low + high) / 2;
}

/// P(W <= w) for the sum of signed ranks 1..n under the null, by counting subsets.
double exact_rank_sum_cdf(std::size_t n, std::size_t w) {
    std::vector<double> ways(n * (n + 1) / 2 + 1, 0.0);  // doubles: 2^50 subsets are exact
    ways[0] = 1;
    for (std::size_t rank = 1; rank <= n; ++rank)
        for (std::size_t s = ways.size(); s-- > rank;) ways[s] += ways[s - rank];
    const double below =
        std::accumulate(ways.begin(), ways.begin() + static_cast<std::ptrdiff_t>(w) + 1, 0.0);
    return below / std::ldexp(1.0, static_cast<int>(n));
}

struct RankSums {
    double plus = 0, minus = 0;
    double tie_term = 0;  // sum of t^3 - t over groups of equal magnitude
};

RankSums signed_rank_sums(std::vector<double> differences) {
    std::sort(differences.begin(), differences.end(),
              [](double a, double b) { return std::fabs(a) < std::fabs(b); });
    RankSums sums;
    for (std::size_t i = 0; i < differences.size();) {
        std::size_t j = i;
        while (j < differences.size() && std::fabs(differences[j]) == std::fabs(differences[i])) ++j;
        const double rank = static_cast<double>(i + 1 + j) / 2;
        const double ties = static_cast<double>(j - i);
        sums.tie_term += ties * ties * ties - ties;
        for (; i < j; ++i) (differences[i] > 0 ? sums.plus : sums.minus) += rank;
    }
    return sums;
}

}  // namespace

double linear_quantile(std::span<const double> values, double q) {
    LINVOX_ASSERT(!values.empty() && q >= 0 && q <= 1, "quantile {} of {} values", q, values.size());
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted_quantile(sorted, q);
}

Description describe(std::span<const double> values) {
    LINVOX_ASSERT(!values.empty(), "description of no values");
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    Description d;
    d.n = static_cast<std::int64_t>(sorted.size());
    d.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(d.n);
    double squares = 0;
    for (double v : sorted) squares += (v - d.mean) * (v - d.mean);
    d.sd = d.n < 2 ? 0 : std::sqrt(squares / static_cast<double>(d.n - 1));
    d.quartile1 = sorted_quantile(sorted, 0.25);
    d.median = sorted_quantile(sorted, 0.5);
    d.quartile3 = sorted_quantile(sorted, 0.75);
    return d;
}

std::vector<RatioItem> add_clusters(std::span<const RatioItem> items,
                                    std::span<const std::int64_t> clusters) {
    return add_by_cluster(items, clusters);
}

std::vector<PairedItem> add_clusters(std::span<const PairedItem> items,
                                     std::span<const std::int64_t> clusters) {
    return add_by_cluster(items, clusters);
}

double total_ratio(std::span<const RatioItem> items) { return ratio_of(total_of(items)); }

Interval bootstrap_ratio(std::span<const RatioItem> items, const Resampling& options) {
    LINVOX_ASSERT(items.size() >= 2, "bootstrap of {} items", items.size());
    std::vector<double> ratios;
    ratios.reserve(static_cast<std::size_t>(options.resamples));
    // A resample of items that all have count 0 says nothing; it can only occur in tiny sets.
    resample_totals(items, options, [&](const RatioItem& total) {
        if (total.count > 0) ratios.push_back(ratio_of(total));
    });
    LINVOX_ASSERT(!ratios.empty(), "bootstrap of items without count");
    return percentile_interval(ratios, options.level);
}

PairedBootstrap paired_bootstrap(std::span<const PairedItem> items, const Resampling& options) {
    LINVOX_ASSERT(items.size() >= 2, "paired bootstrap of {} items", items.size());
    const PairedItem total = total_of(items);
    PairedBootstrap result;
    result.difference = ratio_of(total.b) - ratio_of(total.a);
    std::vector<double> differences;
    double lower = 0;
    resample_totals(items, options, [&](const PairedItem& sample) {
        if (sample.a.count <= 0 || sample.b.count <= 0) return;
        const double difference = ratio_of(sample.b) - ratio_of(sample.a);
        lower += difference < 0 ? 1 : difference == 0 ? 0.5 : 0;
        differences.push_back(difference);
    });
    LINVOX_ASSERT(!differences.empty(), "paired bootstrap of items without count");
    result.probability_lower = lower / static_cast<double>(differences.size());
    result.interval = percentile_interval(differences, options.level);
    return result;
}

double randomisation_test(std::span<const PairedItem> items, const Resampling& options) {
    LINVOX_ASSERT(!items.empty(), "randomisation test of no items");
    const PairedItem total = total_of(items);
    // Rounding must not hide that a swap of everything is as extreme as what was seen.
    const double observed = std::fabs(ratio_of(total.b) - ratio_of(total.a)) * (1 - 1e-12);
    std::vector<RatioItem> change;  // of a's total when the item is swapped; b's changes by the opposite
    for (const PairedItem& item : items)
        change.push_back({item.b.sum - item.a.sum, item.b.count - item.a.count});
    Rng rng(options.seed);
    std::int64_t hits = 0;
    for (int trial = 0; trial < options.trials; ++trial) {
        RatioItem moved{};
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (i % 64 == 0) bits = rng.next();
            const double swapped = static_cast<double>(bits & 1);  // no branch: it would be mispredicted
            bits >>= 1;
            moved.sum += swapped * change[i].sum;
            moved.count += swapped * change[i].count;
        }
        const double a = (total.a.sum + moved.sum) / (total.a.count + moved.count);
        const double b = (total.b.sum - moved.sum) / (total.b.count - moved.count);
        hits += std::fabs(b - a) >= observed;
    }
    return static_cast<double>(1 + hits) / static_cast<double>(1 + options.trials);
}

Interval wilson_interval(double successes, double trials, double level) {
    LINVOX_ASSERT(trials > 0 && successes >= 0 && successes <= trials, "{} of {}", successes, trials);
    const double z = normal_quantile_two_sided(level);
    const double share = successes / trials;
    const double middle = (share + z * z / (2 * trials)) / (1 + z * z / trials);
    const double half =
        z / (1 + z * z / trials) * std::sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials));
    return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

double wilcoxon_signed_rank(std::span<const double> differences) {
    std::vector<double> nonzero;
    for (double d : differences)
        if (d != 0) nonzero.push_back(d);
    if (nonzero.empty()) return 1;
    const double n = static_cast<double>(nonzero.size());
    const bool had_zeros = nonzero.size() != differences.size();
    const RankSums sums = signed_rank_sums(std::move(nonzero));
    const double smaller = std::min(sums.plus, sums.minus);
    if (!had_zeros && sums.tie_term == 0 && n <= 50)
        return std::min(
            1.0, 2 * exact_rank_sum_cdf(static_cast<std::size_t>(n), static_cast<std::size_t>(smaller)));
    const double mean = n * (n + 1) / 4;
    const double variance = (n * (n + 1) * (2 * n + 1) - sums.tie_term / 2) / 24;
    return normal_two_sided((smaller - mean) / std::sqrt(variance));
}

double mcnemar_exact(std::int64_t only_a, std::int64_t only_b) {
    const std::int64_t n = only_a + only_b;
    double tail = 0;
    const double log_half_n = -static_cast<double>(n) * std::log(2.0);
    for (std::int64_t k = 0; k <= std::min(only_a, only_b); ++k)
        tail += std::exp(std::lgamma(static_cast<double>(n + 1)) - std::lgamma(static_cast<double>(k + 1)) -
                         std::lgamma(static_cast<double>(n - k + 1)) + log_half_n);
    return std::min(1.0, 2 * tail);
}

std::vector<double> holm(std::span<const double> p_values) {
    std::vector<std::size_t> order(p_values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return p_values[a] < p_values[b]; });
    std::vector<double> adjusted(p_values.size());
    double running = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        running = std::max(running, static_cast<double>(order.size() - i) * p_values[order[i]]);
        adjusted[order[i]] = std::min(1.0, running);
    }
    return adjusted;
}

double cliffs_delta(std::span<const double> a, std::span<const double> b) {
    LINVOX_ASSERT(!a.empty() && !b.empty(), "Cliff's delta of {} and {} values", a.size(), b.size());
    std::vector<double> sorted(a.begin(), a.end());
    std::sort(sorted.begin(), sorted.end());
    double wins = 0;
    for (double value : b) {
        const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), value);
        wins += static_cast<double>(low - sorted.begin()) - static_cast<double>(sorted.end() - high);
    }
    return wins / (static_cast<double>(a.size()) * static_cast<double>(b.size()));
}

}  // namespace linvox
