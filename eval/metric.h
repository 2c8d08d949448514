// What a metric is: one row of THE table in metrics.cpp, scored on one utterance at a time.
// Adding a metric is adding a row. Statistics over utterances are in statistics.h and report.h.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

struct Utterance;

/// One metric of one utterance: a ratio that adds up, or null with a reason.
/// `sum` is in the metric's unit, so value() is too: 2 errors in 8 words give {200 %, 8}.
/// A null value may still carry a sum: insertions against an empty reference count in the corpus.
struct MetricValue {
    double sum = 0;
    double count = 0;
    std::string reason;                   // empty: valid. else one of metric_reasons()
    std::map<std::string, double> extra;  // what was counted: "substitutions", "frames", ...

    bool valid() const { return reason.empty(); }
    bool failed() const { return !valid() && reason != "not_applicable"; }
    double value() const { return sum / count; }
};

/// {sum, count}, or null: "non_finite" for NaN or Inf, "too_few" where count is not positive.
MetricValue metric_value(double sum, double count, std::map<std::string, double> extra = {});
MetricValue metric_null(std::string reason);

/// The reasons a value may be null, from a closed list.
std::span<const std::string_view> metric_reasons();

enum class Better { down, up, near_one, none };
std::string_view better_name(Better better);     // "down", "up", "near_one", "none"
Better better_from_name(std::string_view name);  // DataError for another name

/// What a row needs of its utterance; score_metric() gives null with a reason where it is absent.
enum MetricNeeds : unsigned {
    needs_wave = 1,
    needs_reference = 2,  // a reference wave of the same text
    needs_text = 4,
    needs_transcript = 8,
    needs_tokens = 16,
    needs_synchronous = 32  // wave and reference on one time axis (codec reconstruction)
};

struct Metric {
    std::string_view id;     // names the whole parameter set; a changed parameter is a new id
    std::string_view label;  // for people: "word error rate"
    std::string_view unit;   // "%", "dB", "s", "" for pure numbers
    Better better = Better::none;
    unsigned needs = 0;    // MetricNeeds, or-ed
    std::string_view doc;  // formula and source
    MetricValue (*score)(const Utterance&) = nullptr;
    bool proportion = false;  // every item is 0 or 1: Wilson's interval, McNemar's test
};

/// THE table, in report order.
std::span<const Metric> metrics();

/// The row of an id; UserError with the nearest name otherwise.
const Metric& find_metric(std::string_view id);

/// Rows for ids, in the order of the table; UserError naming every unknown id.
std::vector<const Metric*> find_metrics(std::span<const std::string> ids);

/// The headline metrics of the TTS recipe.
std::vector<std::string> headline_tts_metrics();

/// Scores one row: checks its needs, then calls it. A DataError inside becomes a null value.
MetricValue score_metric(const Metric& metric, const Utterance& utterance);

/// values[u][m] for utterances x rows, in parallel over reference recordings (0: all cores). Features
/// are computed once per recording and dropped when its last utterance is done, so memory stays bounded.
/// The result does not depend on the number of threads.
std::vector<std::vector<MetricValue>> evaluate(std::span<const Utterance> utterances,
                                               std::span<const Metric* const> rows, int threads = 0);

}  // namespace linvox
