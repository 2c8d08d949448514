// The evaluation report: from scored items to one directory that a browser shows from disk.
//
//   report.json (linvox.report/1, strict JSON) + media/  ->  everything else:
//   index.html  summary.md  summary.csv  utterances.csv  utterances_wide.csv
//
// Nothing here scores audio, and no number is dropped: what failed is null with its reason.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/metric.h"
#include "eval/statistics.h"

namespace linvox {

struct ReportRun {
    std::string title = "Linvox report";
    std::string version, commit, config_hash, date;
    std::vector<std::string> args;
    std::uint64_t seed = 12345;
    std::string asr;  // recogniser, model and language model, as printed
    /// Shown in the head of the page, in order: {"model", "2.0 M weights"}, {"decoding", "T 0.7"}.
    std::vector<std::pair<std::string, std::string>> facts;
    std::vector<std::string> notes;  // sentences the reader must know
};

/// A metric as the report carries it, so that report.json stands without the program.
struct ReportMetric {
    std::string id, label, unit, doc;
    Better better = Better::none;
    bool headline = false;
    bool proportion = false;  // every item is 0 or 1
};

struct ReportSystem {
    std::string id, label;
    bool ceiling = false;  // recording, codec reconstruction: shown apart, never ranked
    std::vector<std::uint64_t> seeds;
};

/// One test item. Items of one cluster (samples of one prompt, one speaker) are resampled together.
struct ReportItem {
    std::string id, cluster, text;
};

/// One system's answer to one item. An answer that should exist and does not is listed all the
/// same, with failed values; an absent answer (a ceiling without that item) has no entry.
struct ReportAnswer {
    std::string system, item;
    std::map<std::string, MetricValue> values;  // by metric id
    std::optional<std::string> transcript;
    std::optional<std::string> response;  // what a model of text wrote, shown as it stands
    std::string finish;               // "stop", "length", ...; "" for recordings
    std::filesystem::path wave_path;  // input of the media; "" for none
    // Filled by write_report, relative to the report directory; "" where not embedded.
    std::string audio_file, spectrogram_file;
    std::optional<double> seconds;
    double pitch_start_s = 0, pitch_step_s = 0;
    std::vector<double> pitch_hz;  // 0 = unvoiced
};

/// `candidate` is hoped to be better than `baseline`.
struct ReportComparison {
    std::string baseline, candidate;
};

/// One series of a training log, thinned for drawing.
struct Curve {
    std::string run;    // "lpo": takes the colour of the system with this id
    std::string name;   // "logratio/chosen_per_token"
    std::string split;  // "train" or "held-out"
    std::vector<double> step, value;
    std::vector<double> low, high;  // 10 and 90 percentiles, or empty
};

/// Bars of one panel: histograms, shares, counts.
struct ReportBars {
    std::string title, unit;
    std::vector<std::string> labels;
    std::vector<std::pair<std::string, std::vector<double>>> series;
};
struct ReportTable {
    std::string caption;
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
};
/// A point with 95 % intervals where they are known; its label stands beside it.
struct ReportPoint {
    double x = 0, y = 0;
    std::optional<Interval> x_interval, y_interval;
    std::string label;
};
struct ReportSeries {
    std::string name;    // in the legend; "" for none
    std::string colour;  // the id of a system, "chosen" or "rejected"
    bool joined = false;
    std::vector<ReportPoint> points;
};
struct ReportPlot {
    std::string title, note, x_label;
    bool log_x = false;  // all x are positive
    std::vector<ReportSeries> series;
};
/// A section that the report shows without knowing its subject: pairs, codec, data.
struct ReportPanel {
    std::string id, title, lead;
    std::vector<std::pair<std::string, std::string>> facts;
    std::vector<ReportTable> tables;
    std::vector<ReportBars> bars;
    std::vector<std::string> warnings;
    std::vector<ReportPlot> plots;
};

/// The metric whose values place a model on the axis of divergence from the baseline (nats a token): what
/// the page's plots of gain against divergence are drawn from. The baseline itself has the value 0.
inline constexpr const char* kDivergenceMetric = "divergence.kl";

struct ReportMediaOptions {
    int max_items = 24;       // items with players on the page; 0: none
    double max_seconds = 20;  // longer audio is cut on the page, and the page says so
    bool embed = true;        // inside index.html; false: files in media/ only
};

struct ReportInput {
    ReportRun run;
    std::vector<ReportMetric> metrics;
    std::vector<ReportSystem> systems;  // in display order
    std::vector<ReportItem> items;
    std::vector<ReportAnswer> answers;
    std::vector<ReportComparison> comparisons;
    std::vector<Curve> curves;
    std::vector<ReportPanel> panels;
    ReportMediaOptions media;
    Resampling resampling;
};

/// One system, one metric, over all its answers.
struct Aggregate {
    std::string system, metric;
    std::int64_t n = 0, n_failed = 0, n_not_applicable = 0, clusters = 0;
    std::optional<double> corpus;            // sum of sums / sum of counts: the number that is printed
    std::optional<Description> description;  // over item values; its mean is the macro mean
    std::optional<Interval> interval;        // of `corpus`; none for n < 2
    std::string interval_method;             // "bootstrap", "cluster bootstrap", "wilson", ...
    std::map<std::string, std::int64_t> reasons;
};

/// Candidate against baseline on the items valid in both.
struct ComparisonResult {
    std::string baseline, candidate, metric;
    std::int64_t n = 0, clusters = 0, n_left_out = 0;
    bool distance_from_one = false;  // metrics that should be near 1 are compared by |value - 1|
    std::optional<double> baseline_value, candidate_value;
    std::optional<double> difference;  // candidate minus baseline
    std::optional<Interval> interval;
    std::optional<double> probability_improved;
    std::optional<double> cliffs_delta;
    std::string test;                             // "swap randomisation", "mcnemar exact"
    std::optional<double> p, p_holm, p_wilcoxon;  // p_holm: headline metrics only
    /// "better" or "worse" when p_holm < 0.05, else "".
    std::string verdict;
};

struct Report {
    ReportInput input;
    std::vector<Aggregate> aggregates;
    std::vector<ComparisonResult> comparisons;
    std::vector<std::string> warnings;
};

/// A row of the metric table as a report carries it.
ReportMetric report_metric(const Metric& metric, bool headline);

/// Aggregates, intervals, paired tests (Holm over headline metrics x comparisons), warnings.
/// DataError where ids repeat or name nothing.
Report build_report(ReportInput input);

/// Writes the directory (atomically: it appears whole). Audio and spectrograms are made from the
/// wave paths for the items worth hearing: worst and typical ones, at most media.max_items.
void write_report(const std::filesystem::path& directory, Report report);

/// Everything but media/ again from report.json and media/ of `directory`.
void rebuild_report(const std::filesystem::path& directory);

nlohmann::json report_to_json(const Report& report);
/// DataError naming the key where the document is not a linvox.report/1.
Report report_from_json(const nlohmann::json& document);

/// For the terminal: systems as rows, headline metrics with 95 % intervals in as many blocks as
/// `width` asks for, then the comparisons with difference, interval and Holm-adjusted p.
std::string terminal_table(const Report& report, int width = 100);

/// The tables of a panel for the terminal.
std::string terminal_tables(const ReportPanel& panel);

const Aggregate* find_aggregate(const Report& report, const std::string& system, const std::string& metric);

/// Numeric fields of a training log (JSON lines with "step") as curves of at most `points` points. A field
/// NAME may come with NAME_p10 and NAME_p90, or be an object {mean, p10, p90}; "eval_NAME" is NAME on the
/// held-out set. DataError where the file is no JSON lines.
std::vector<Curve> read_curves(const std::filesystem::path& jsonl, const std::string& run,
                               const std::string& split, int points = 120);

/// The pair report and the codec report of a recipe as panels; unknown keys are shown as they are.
ReportPanel pair_panel(const nlohmann::json& pair_report);
ReportPanel codec_panel(const nlohmann::json& codec_report);

}  // namespace linvox
