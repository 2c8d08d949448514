#include "src/recipe/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "src/base/text.h"

namespace linvox {
namespace {

/// Key and value of every setting of a run's training, as the resolved recipe prints them.
std::map<std::string, std::string> settings_of(const AlignRun& run) {
    AlignRun copy = run;
    std::map<std::string, std::string> settings;
    std::string section;
    for (const std::string& line :
         split(config_to_toml([&](ConfigVisitor& v) { copy.train.visit(v); }), '\n')) {
        const std::string text = trim(line);
        if (text.empty() || text[0] == '#') continue;
        if (text[0] == '[') {
            section = text.substr(1, text.size() - 2) + ".";
        } else if (const auto equals = text.find(" = "); equals != std::string::npos) {
            settings[section + text.substr(0, equals)] = text.substr(equals + 3);
        }
    }
    return settings;
}

std::optional<double> number_of(const std::string& text) {
    double value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Mean of a curve over the last `share` of its steps.
double late_mean(const Curve& curve, double share) {
    const double from = curve.step.back() - share * (curve.step.back() - curve.step.front());
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < curve.step.size(); ++i)
        if (curve.step[i] >= from) {
            sum += curve.value[i];
            count += 1;
        }
    return sum / count;
}

/// Line through the runs: one side's log-ratio at the end of training against the setting.
ReportSeries side_series(const Sweep& sweep, const std::vector<std::vector<Curve>>& curves,
                         const std::string& side, const std::string& split, double share) {
    ReportSeries series{side, side, true, {}};
    for (std::size_t r = 0; r < curves.size(); ++r)
        for (const Curve& curve : curves[r])
            if (curve.name == fmt::format("logratio/{}_per_token", side) && curve.split == split)
                series.points.push_back({sweep.values[r], late_mean(curve, share), {}, {}, ""});
    return series;
}

void sort_points(ReportPlot& plot) {
    for (ReportSeries& series : plot.series)
        std::stable_sort(series.points.begin(), series.points.end(),
                         [](const ReportPoint& a, const ReportPoint& b) { return a.x < b.x; });
}

ReportPlot metric_plot(const Sweep& sweep, const std::vector<AlignRun>& runs, const ReportMetric& metric,
                       const Report& report) {
    ReportPlot plot{metric.label, "held-out prompts", sweep.key, false, {{"", runs[0].name, true, {}}}};
    for (std::size_t r = 0; r < runs.size(); ++r)
        if (const Aggregate* a = find_aggregate(report, runs[r].name, metric.id); a && a->corpus)
            plot.series[0].points.push_back({sweep.values[r], *a->corpus, {}, a->interval, ""});
    return plot;
}

}  // namespace

std::optional<Sweep> find_sweep(const std::vector<AlignRun>& runs) {
    if (runs.size() < 3) return std::nullopt;
    std::vector<std::map<std::string, std::string>> settings;
    for (const AlignRun& run : runs) settings.push_back(settings_of(run));
    std::set<std::string> differing;
    for (const auto& other : settings) {
        for (const auto& [key, value] : settings[0])
            if (const auto found = other.find(key); found == other.end() || found->second != value)
                differing.insert(key);
        for (const auto& [key, value] : other)
            if (!settings[0].contains(key)) differing.insert(key);
    }
    if (differing.size() != 1) return std::nullopt;
    Sweep sweep{*differing.begin(), {}};
    for (const auto& run : settings) {
        const auto found = run.find(sweep.key);
        const auto value = found == run.end() ? std::nullopt : number_of(found->second);
        if (!value) return std::nullopt;
        sweep.values.push_back(*value);
    }
    return sweep;
}

ReportPanel sweep_panel(const Sweep& sweep, const std::vector<AlignRun>& runs,
                        const std::filesystem::path& align_folder, const Report& report) {
    std::vector<std::vector<Curve>> curves;
    for (const AlignRun& run : runs)
        curves.push_back(read_curves(align_folder / run.name / "train.jsonl", run.name, "train"));
    ReportPanel panel;
    panel.id = "sweep";
    panel.title = fmt::format("Sweep over {}", sweep.key);
    panel.lead =
        fmt::format("The models differ in {} alone; their pairs, start and steps are the same.", sweep.key);
    panel.plots = {{"Log-ratio per token, training pairs",
                    "policy against reference, nats; mean over the last quarter of the steps",
                    sweep.key,
                    false,
                    {side_series(sweep, curves, "chosen", "train", 0.25),
                     side_series(sweep, curves, "rejected", "train", 0.25)}},
                   {"Log-ratio per token, held-out pairs",
                    "at the end of training",
                    sweep.key,
                    false,
                    {side_series(sweep, curves, "chosen", "held-out", 0.0),
                     side_series(sweep, curves, "rejected", "held-out", 0.0)}}};
    for (const ReportMetric& metric : report.input.metrics)
        if ((metric.headline && metric.better != Better::none) || metric.id == kDivergenceMetric)
            panel.plots.push_back(metric_plot(sweep, runs, metric, report));
    const bool positive =
        std::all_of(sweep.values.begin(), sweep.values.end(), [](double value) { return value > 0; });
    for (ReportPlot& plot : panel.plots) {
        plot.log_x = positive;
        sort_points(plot);
    }
    return panel;
}

}  // namespace linvox
