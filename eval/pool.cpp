#include "eval/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "eval/report_markup.h"
#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {
namespace {

template <typename T>
std::string ids_of(const std::vector<T>& list) {
    std::vector<std::string> ids;
    for (const T& entry : list) ids.push_back(entry.id);
    return join(ids, ", ");
}

void require_alike(const std::vector<PooledRun>& runs) {
    LINVOX_REQUIRE(!runs.empty(), DataError, "no run to pool; name at least one");
    std::set<std::string> names;
    const auto alike = [&](const PooledRun& run, const char* what, const std::string& first,
                           const std::string& here) {
        LINVOX_REQUIRE(first == here, DataError,
                       "run '{}' has the {} {}, run '{}' has {}; pool runs of one recipe", runs[0].name, what,
                       first, run.name, here);
    };
    for (const PooledRun& run : runs) {
        LINVOX_REQUIRE(names.insert(run.name).second, DataError, "the run '{}' is named twice", run.name);
        alike(run, "systems", ids_of(runs[0].report.input.systems), ids_of(run.report.input.systems));
        alike(run, "metrics", ids_of(runs[0].report.input.metrics), ids_of(run.report.input.metrics));
    }
}

ReportInput pooled_input(const std::vector<PooledRun>& runs) {
    const ReportInput& first = runs[0].report.input;
    ReportInput pooled;
    pooled.run = first.run;
    pooled.run.title = fmt::format("{}: {} runs", first.run.title, runs.size());
    pooled.metrics = first.metrics;
    pooled.systems = first.systems;
    pooled.comparisons = first.comparisons;
    pooled.resampling = first.resampling;
    pooled.media.max_items = 0;
    for (const PooledRun& run : runs) {
        for (ReportItem item : run.report.input.items) {
            item.cluster = item.cluster.empty() ? item.id : item.cluster;
            item.id = run.name + "/" + item.id;
            pooled.items.push_back(std::move(item));
        }
        for (ReportAnswer answer : run.report.input.answers) {
            answer.item = run.name + "/" + answer.item;
            answer.audio_file = answer.spectrogram_file = "";
            answer.pitch_hz.clear();
            pooled.answers.push_back(std::move(answer));
        }
    }
    return pooled;
}

/// 97.5 % quantile of Student's t (table of any statistics text; 1.96 beyond 30 degrees of freedom).
double student_t(std::size_t degrees) {
    constexpr std::array<double, 30> kTable = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                               2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                               2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                               2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
    return degrees <= kTable.size() ? kTable[degrees - 1] : 1.96;
}

struct RunMean {
    double mean = 0;
    std::optional<Interval> interval;
};

std::optional<RunMean> mean_over_runs(const std::vector<std::optional<double>>& values) {
    double sum = 0, squares = 0;
    for (const auto& value : values) {
        if (!value) return std::nullopt;  // a mean of some runs would mislead
        sum += *value;
    }
    const auto n = static_cast<double>(values.size());
    RunMean result{sum / n, {}};
    if (values.size() < 2) return result;
    for (const auto& value : values) squares += (*value - result.mean) * (*value - result.mean);
    const double half = student_t(values.size() - 1) * std::sqrt(squares / (n - 1) / n);
    result.interval = Interval{result.mean - half, result.mean + half};
    return result;
}

/// One column of a run table: its heading and its value in every run.
struct Column {
    std::string heading;
    std::vector<std::optional<double>> values;
    bool is_difference = false;
};

std::vector<Column> columns_of(const std::vector<PooledRun>& runs, const ReportMetric& metric) {
    const ReportInput& input = runs[0].report.input;
    std::vector<Column> columns;
    for (const ReportSystem& system : input.systems) {
        Column column{system_label(input, system.id), {}};
        for (const PooledRun& run : runs) {
            const Aggregate* a = find_aggregate(run.report, system.id, metric.id);
            column.values.push_back(a ? a->corpus : std::nullopt);
        }
        columns.push_back(std::move(column));
    }
    for (const ReportComparison& pair : input.comparisons) {
        Column column{
            fmt::format("{} − {}", system_label(input, pair.candidate), system_label(input, pair.baseline)),
            {},
            true};
        for (const PooledRun& run : runs)
            for (const ComparisonResult& c : run.report.comparisons)
                if (c.metric == metric.id && c.baseline == pair.baseline && c.candidate == pair.candidate)
                    column.values.push_back(c.difference);
        column.values.resize(runs.size());
        columns.push_back(std::move(column));
    }
    std::erase_if(columns, [](const Column& column) {
        return std::none_of(column.values.begin(), column.values.end(),
                            [](const auto& v) { return v.has_value(); });
    });
    return columns;
}

ReportTable run_table(const std::vector<PooledRun>& runs, const ReportMetric& metric) {
    const std::string unit = metric.unit.empty() ? "" : ", " + metric.unit;
    ReportTable table{
        fmt::format("{}{} ({})", metric.label, unit, direction_words(metric.better)), {"run"}, {}};
    const std::vector<Column> columns = columns_of(runs, metric);
    for (const PooledRun& run : runs) table.rows.push_back({run.name});
    table.rows.push_back({"mean"});
    table.rows.push_back({"95 % over runs"});
    for (const Column& column : columns) {
        const auto show = [&](double value) {
            return column.is_difference ? format_signed(value, metric.unit)
                                        : format_value(value, metric.unit);
        };
        table.columns.push_back(column.heading);
        for (std::size_t r = 0; r < runs.size(); ++r)
            table.rows[r].push_back(column.values[r] ? show(*column.values[r]) : "none");
        const auto mean = mean_over_runs(column.values);
        table.rows[runs.size()].push_back(mean ? show(mean->mean) : "none");
        table.rows[runs.size() + 1].push_back(
            mean && mean->interval
                ? fmt::format("[{}, {}]", show(mean->interval->low), show(mean->interval->high))
                : "none");
    }
    return table;
}

ReportPanel runs_panel(const std::vector<PooledRun>& runs) {
    ReportPanel panel;
    panel.id = "runs";
    panel.title = "Every run alone";
    panel.lead =
        "The intervals above resample prompts and keep these runs. Here the runs are the sample: the mean of "
        "their values with a 95 % interval by Student's t says what another seed may bring.";
    for (const ReportMetric& metric : runs[0].report.input.metrics)
        if (metric.headline || metric.id == kDivergenceMetric)
            panel.tables.push_back(run_table(runs, metric));
    return panel;
}

}  // namespace

Report pool_reports(const std::vector<PooledRun>& runs) {
    require_alike(runs);
    Report report = build_report(pooled_input(runs));
    report.input.panels.push_back(runs_panel(runs));
    return report;
}

}  // namespace linvox
