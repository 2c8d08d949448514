#include "eval/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/base/text.h"

namespace linvox {
namespace {

constexpr std::size_t kFewClusters = 5;

/// Where answers stand: index[system][item], -1 for none.
struct AnswerIndex {
    std::map<std::string, std::size_t> system, item;
    std::vector<std::vector<std::int64_t>> place;
    std::vector<std::int64_t> cluster;  // per item
};

AnswerIndex index_answers(const ReportInput& input) {
    AnswerIndex index;
    std::map<std::string, std::int64_t> clusters;
    for (const ReportSystem& system : input.systems)
        LINVOX_REQUIRE(index.system.emplace(system.id, index.system.size()).second, DataError,
                       "report: system '{}' is listed twice", system.id);
    for (const ReportItem& item : input.items) {
        LINVOX_REQUIRE(index.item.emplace(item.id, index.item.size()).second, DataError,
                       "report: item '{}' is listed twice", item.id);
        const std::string& key = item.cluster.empty() ? item.id : item.cluster;
        index.cluster.push_back(clusters.try_emplace(key, clusters.size()).first->second);
    }
    index.place.assign(index.system.size(), std::vector<std::int64_t>(index.item.size(), -1));
    for (std::size_t a = 0; a < input.answers.size(); ++a) {
        const ReportAnswer& answer = input.answers[a];
        const auto system = index.system.find(answer.system);
        const auto item = index.item.find(answer.item);
        LINVOX_REQUIRE(system != index.system.end(), DataError,
                       "report: an answer names system '{}', not listed", answer.system);
        LINVOX_REQUIRE(item != index.item.end(), DataError,
                       "report: an answer of '{}' names item '{}', not listed", answer.system, answer.item);
        std::int64_t& place = index.place[system->second][item->second];
        LINVOX_REQUIRE(place < 0, DataError, "report: system '{}' answers item '{}' twice", answer.system,
                       answer.item);
        place = static_cast<std::int64_t>(a);
    }
    return index;
}

/// A listed item without an answer of a ranked system is a failure that must be seen. A ceiling, which has
/// one answer where the models have several samples, is missed only where a whole cluster has none.
std::vector<std::string> add_missing_answers(ReportInput& input) {
    const AnswerIndex index = index_answers(input);
    std::vector<std::string> warnings;
    for (const ReportSystem& system : input.systems) {
        const auto& place = index.place[index.system.at(system.id)];
        std::set<std::int64_t> answered;
        for (std::size_t i = 0; i < place.size(); ++i)
            if (place[i] >= 0) answered.insert(index.cluster[i]);
        std::int64_t missing = 0;
        for (std::size_t i = 0; i < place.size(); ++i) {
            if (place[i] >= 0 || (system.ceiling && answered.contains(index.cluster[i]))) continue;
            ++missing;
            if (system.ceiling) continue;
            ReportAnswer answer;
            answer.system = system.id;
            answer.item = input.items[i].id;
            for (const ReportMetric& metric : input.metrics)
                answer.values.emplace(metric.id, metric_null("missing_file"));
            input.answers.push_back(std::move(answer));
        }
        if (missing > 0)
            warnings.push_back(fmt::format("{}: {} of {} items have no answer{}", system.label, missing,
                                           input.items.size(),
                                           system.ceiling ? "" : "; they count as failed"));
    }
    return warnings;
}

const MetricValue* value_at(const ReportInput& input, const AnswerIndex& index, std::size_t system,
                            std::size_t item, const std::string& metric) {
    const std::int64_t place = index.place[system][item];
    if (place < 0) return nullptr;
    const auto& values = input.answers[static_cast<std::size_t>(place)].values;
    const auto found = values.find(metric);
    return found == values.end() ? nullptr : &found->second;
}

bool all_apart(std::vector<std::int64_t> clusters) {
    std::sort(clusters.begin(), clusters.end());
    return std::adjacent_find(clusters.begin(), clusters.end()) == clusters.end();
}

Interval wilson_of(double share, double trials) { return wilson_interval(share * trials, trials); }

/// The interval of a total ratio, and how it was made.
void set_interval(Aggregate& aggregate, const std::vector<RatioItem>& items,
                  const std::vector<std::int64_t>& clusters, bool proportion, Resampling options) {
    if (aggregate.n < 2) return;
    const bool apart = all_apart(clusters);
    const std::vector<RatioItem> totals = add_clusters(items, clusters);
    aggregate.clusters = static_cast<std::int64_t>(totals.size());
    if (proportion) {
        // Clusters as trials: exact for one item each, on the safe side for several.
        aggregate.interval = wilson_of(*aggregate.corpus, static_cast<double>(totals.size()));
        aggregate.interval_method = apart ? "wilson" : "wilson over clusters";
        return;
    }
    const bool few = !apart && totals.size() < kFewClusters;
    options.seed = mix_seed(options.seed, aggregate.metric, aggregate.system);
    aggregate.interval = bootstrap_ratio(few ? items : totals, options);
    aggregate.interval_method = few     ? "bootstrap, too few clusters"
                                : apart ? "bootstrap"
                                        : "cluster bootstrap";
}

Aggregate aggregate_of(const ReportInput& input, const AnswerIndex& index, const ReportSystem& system,
                       const ReportMetric& metric) {
    Aggregate aggregate;
    aggregate.system = system.id;
    aggregate.metric = metric.id;
    std::vector<RatioItem> items;
    std::vector<std::int64_t> clusters;
    std::vector<double> values;
    RatioItem total;
    for (std::size_t i = 0; i < input.items.size(); ++i) {
        const MetricValue* value = value_at(input, index, index.system.at(system.id), i, metric.id);
        if (!value) continue;
        if (!value->valid()) {
            ++(value->failed() ? aggregate.n_failed : aggregate.n_not_applicable);
            ++aggregate.reasons[value->reason];
            if (value->sum == 0) continue;
        } else {
            values.push_back(value->value());
        }
        total.sum += value->sum;
        total.count += value->count;
        items.push_back({value->sum, value->count});
        clusters.push_back(index.cluster[i]);
    }
    aggregate.n = static_cast<std::int64_t>(values.size());
    if (values.empty()) return aggregate;
    aggregate.corpus = total.sum / total.count;
    aggregate.description = describe(values);
    set_interval(aggregate, items, clusters, metric.proportion, input.resampling);
    return aggregate;
}

/// |value - 1| for metrics that should be near 1, else the value's own ratio.
RatioItem compared_ratio(const MetricValue& value, Better better) {
    if (better == Better::near_one) return {std::fabs(value.value() - 1), 1};
    return {value.sum, value.count};
}

struct PairedData {
    std::vector<PairedItem> items;
    std::vector<std::int64_t> clusters;
    std::vector<double> baseline, candidate;
    std::int64_t left_out = 0;
};

PairedData paired_data(const ReportInput& input, const AnswerIndex& index, const ReportComparison& names,
                       const ReportMetric& metric) {
    PairedData data;
    for (std::size_t i = 0; i < input.items.size(); ++i) {
        const MetricValue* a = value_at(input, index, index.system.at(names.baseline), i, metric.id);
        const MetricValue* b = value_at(input, index, index.system.at(names.candidate), i, metric.id);
        if (!a || !b) continue;
        if (!a->valid() || !b->valid()) {
            data.left_out += a->failed() || b->failed();
            continue;
        }
        data.items.push_back({compared_ratio(*a, metric.better), compared_ratio(*b, metric.better)});
        data.clusters.push_back(index.cluster[i]);
        data.baseline.push_back(data.items.back().a.sum / data.items.back().a.count);
        data.candidate.push_back(data.items.back().b.sum / data.items.back().b.count);
    }
    return data;
}

double mcnemar_of(const PairedData& data) {
    std::int64_t only_baseline = 0, only_candidate = 0;
    for (const PairedItem& item : data.items) {
        only_baseline += item.a.sum > item.b.sum;
        only_candidate += item.b.sum > item.a.sum;
    }
    return mcnemar_exact(only_baseline, only_candidate);
}

void set_tests(ComparisonResult& result, const PairedData& data, const ReportMetric& metric,
               Resampling options) {
    const bool apart = all_apart(data.clusters);
    std::vector<PairedItem> totals = add_clusters(data.items, data.clusters);
    result.clusters = static_cast<std::int64_t>(totals.size());
    if (!apart && totals.size() < kFewClusters)
        totals = data.items;  // marked by `clusters`, and warned about
    if (totals.size() < 2) return;
    options.seed = mix_seed(options.seed, metric.id, result.baseline, result.candidate);
    const PairedBootstrap bootstrap = paired_bootstrap(totals, options);
    result.interval = bootstrap.interval;
    if (metric.better != Better::none)
        result.probability_improved =
            metric.better == Better::up ? 1 - bootstrap.probability_lower : bootstrap.probability_lower;
    result.cliffs_delta = cliffs_delta(data.baseline, data.candidate);
    if (metric.proportion && apart) {
        result.test = "mcnemar exact";
        result.p = mcnemar_of(data);
    } else {
        result.test = apart ? "swap randomisation" : "swap randomisation of clusters";
        result.p = randomisation_test(totals, options);
    }
    std::vector<double> differences;
    for (const PairedItem& item : totals)
        if (item.a.count > 0 && item.b.count > 0)
            differences.push_back(item.b.sum / item.b.count - item.a.sum / item.a.count);
    result.p_wilcoxon = wilcoxon_signed_rank(differences);
}

ComparisonResult compare(const ReportInput& input, const AnswerIndex& index, const ReportComparison& names,
                         const ReportMetric& metric) {
    ComparisonResult result;
    result.baseline = names.baseline;
    result.candidate = names.candidate;
    result.metric = metric.id;
    result.distance_from_one = metric.better == Better::near_one;
    const PairedData data = paired_data(input, index, names, metric);
    result.n = static_cast<std::int64_t>(data.items.size());
    result.n_left_out = data.left_out;
    if (data.items.empty()) return result;
    RatioItem a, b;
    for (const PairedItem& item : data.items) {
        a.sum += item.a.sum, a.count += item.a.count;
        b.sum += item.b.sum, b.count += item.b.count;
    }
    result.baseline_value = a.sum / a.count;
    result.candidate_value = b.sum / b.count;
    result.difference = *result.candidate_value - *result.baseline_value;
    set_tests(result, data, metric, input.resampling);
    return result;
}

/// Holm over the declared family: headline metrics that have a direction x comparisons.
void set_verdicts(std::vector<ComparisonResult>& results,
                  const std::map<std::string, const ReportMetric*>& metrics) {
    std::vector<ComparisonResult*> family;
    std::vector<double> p_values;
    for (ComparisonResult& result : results) {
        const ReportMetric& metric = *metrics.at(result.metric);
        if (!metric.headline || metric.better == Better::none || !result.p) continue;
        family.push_back(&result);
        p_values.push_back(*result.p);
    }
    const std::vector<double> adjusted = holm(p_values);
    for (std::size_t i = 0; i < family.size(); ++i) {
        ComparisonResult& result = *family[i];
        result.p_holm = adjusted[i];
        if (adjusted[i] >= 0.05 || *result.difference == 0) continue;
        const bool higher_is_better = metrics.at(result.metric)->better == Better::up;
        result.verdict = (*result.difference > 0) == higher_is_better ? "better" : "worse";
    }
}

double failure_share(const Aggregate& a) {
    const auto all = static_cast<double>(a.n + a.n_failed);
    return all > 0 ? static_cast<double>(a.n_failed) / all : 0;
}

/// One warning a comparison: the metrics on which one side fails more often than the other.
void add_failure_gaps(Report& report, const ReportComparison& names) {
    std::vector<std::string> found;
    std::int64_t most = 0;
    for (const ComparisonResult& result : report.comparisons) {
        if (result.baseline != names.baseline || result.candidate != names.candidate) continue;
        const double a = failure_share(*find_aggregate(report, names.baseline, result.metric));
        const double b = failure_share(*find_aggregate(report, names.candidate, result.metric));
        if (std::fabs(a - b) <= 0.01) continue;
        found.push_back(fmt::format("{} ({:.1f} and {:.1f} %)", result.metric, 100 * a, 100 * b));
        most = std::max(most, result.n_left_out);
    }
    if (!found.empty())
        report.warnings.push_back(
            fmt::format("{} and {} fail on different shares of the items: {}; up to {} left out of "
                        "their comparison",
                        names.baseline, names.candidate, join(found, ", "), most));
}

void add_warnings(Report& report) {
    for (const Aggregate& aggregate : report.aggregates)
        if (aggregate.interval_method == "bootstrap, too few clusters")
            report.warnings.push_back(
                fmt::format("{}, {}: fewer than {} clusters, so the interval takes items as "
                            "independent and is too narrow",
                            aggregate.system, aggregate.metric, kFewClusters));
    for (const ReportComparison& names : report.input.comparisons) add_failure_gaps(report, names);
    for (const ReportPanel& panel : report.input.panels)
        for (const std::string& warning : panel.warnings)
            report.warnings.push_back(fmt::format("{}: {}", panel.title, warning));
}

}  // namespace

ReportMetric report_metric(const Metric& metric, bool headline) {
    return {std::string(metric.id),
            std::string(metric.label),
            std::string(metric.unit),
            std::string(metric.doc),
            metric.better,
            headline,
            metric.proportion};
}

Report build_report(ReportInput input) {
    std::map<std::string, const ReportMetric*> metrics;
    Report report;
    report.warnings = add_missing_answers(input);
    report.input = std::move(input);
    const ReportInput& in = report.input;
    const AnswerIndex index = index_answers(in);
    for (const ReportMetric& metric : in.metrics)
        LINVOX_REQUIRE(metrics.emplace(metric.id, &metric).second, DataError,
                       "report: metric '{}' is listed twice", metric.id);
    for (const ReportSystem& system : in.systems)
        for (const ReportMetric& metric : in.metrics)
            report.aggregates.push_back(aggregate_of(in, index, system, metric));
    for (const ReportComparison& names : in.comparisons) {
        for (const std::string& name : {names.baseline, names.candidate})
            LINVOX_REQUIRE(index.system.contains(name), DataError,
                           "report: a comparison names system '{}', not listed", name);
        for (const ReportMetric& metric : in.metrics)
            report.comparisons.push_back(compare(in, index, names, metric));
    }
    set_verdicts(report.comparisons, metrics);
    add_warnings(report);
    return report;
}

const Aggregate* find_aggregate(const Report& report, const std::string& system, const std::string& metric) {
    for (const Aggregate& aggregate : report.aggregates)
        if (aggregate.system == system && aggregate.metric == metric) return &aggregate;
    return nullptr;
}

}  // namespace linvox
