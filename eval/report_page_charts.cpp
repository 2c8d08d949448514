// Distributions of item values and training curves, as inline SVG.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "eval/report_markup.h"
#include "eval/report_page.h"
#include "eval/report_plot.h"

namespace linvox {
namespace {

// --- distributions -----------------------------------------------------------------------------------

constexpr int kBins = 72;

std::vector<double> item_values(const Report& report, const std::string& system, const std::string& metric) {
    std::vector<double> values;
    for (const ReportAnswer& answer : report.input.answers) {
        if (answer.system != system) continue;
        const auto found = answer.values.find(metric);
        if (found != answer.values.end() && found->second.valid()) values.push_back(found->second.value());
    }
    return values;
}

/// Density at the centres of kBins bins over [low, high]: Gaussian kernel, Silverman's bandwidth. Values
/// outside are drawn at the edges.
std::vector<double> density(const std::vector<double>& values, double low, double high) {
    const Description d = describe(values);
    const double spread = std::min(d.sd, (d.quartile3 - d.quartile1) / 1.34);
    const double silverman = 0.9 * (spread > 0 ? spread : d.sd) * std::pow(static_cast<double>(d.n), -0.2);
    const double width = std::max(silverman, (high - low) / kBins);
    std::vector<double> curve(kBins, 0.0);
    for (double value : values) {
        const double v = std::clamp(value, low, high);
        for (int i = 0; i < kBins; ++i) {
            const double z = (low + (high - low) * (i + 0.5) / kBins - v) / width;
            curve[static_cast<std::size_t>(i)] += std::exp(-z * z / 2);
        }
    }
    return curve;
}

std::string ridge(const std::vector<double>& curve, double peak, double x0, double width, double base,
                  double height) {
    std::string path = fmt::format("M{:.1f} {:.1f}", x0, base);
    for (int i = 0; i < kBins; ++i)
        path += fmt::format("L{:.1f} {:.1f}", x0 + width * (i + 0.5) / kBins,
                            base - height * curve[static_cast<std::size_t>(i)] / peak);
    return path + fmt::format("L{:.1f} {:.1f}Z", x0 + width, base);
}

std::string distribution(const Report& report, const ReportMetric& metric) {
    struct Row {
        const ReportSystem* system;
        std::vector<double> values;
    };
    std::vector<Row> rows;
    std::vector<double> all;
    for (const ReportSystem& system : report.input.systems) {
        std::vector<double> values = item_values(report, system.id, metric.id);
        if (values.empty()) continue;
        all.insert(all.end(), values.begin(), values.end());
        rows.push_back({&system, std::move(values)});
    }
    if (rows.empty()) return "";
    // The outermost 1 % would squeeze the rest; it is drawn at the edges.
    double low = linear_quantile(all, 0.005), high = linear_quantile(all, 0.99);
    if (!(high > low)) low -= 0.5, high = low + 1;
    const double x0 = 92, width = 316, row_height = 34, top = 8;
    const double bottom = top + row_height * static_cast<double>(rows.size());
    std::string svg = fmt::format(
        "<svg class=\"chart spread\" viewBox=\"0 0 420 {:.0f}\" role=img aria-label=\"{} by system\">",
        bottom + 26, escape_html(metric.label));
    for (double tick : axis_ticks(low, high, 5)) {
        const double x = x0 + width * (tick - low) / (high - low);
        svg += fmt::format(
            "<line class=grid x1={0:.1f} x2={0:.1f} y1={1} y2={2:.1f} /><text class=axis x={0:.1f} "
            "y={3:.1f} text-anchor=middle>{4}</text>",
            x, top, bottom, bottom + 17, format_tick(tick));
    }
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const Row& row = rows[r];
        const auto curve = density(row.values, low, high);
        const double base = top + row_height * static_cast<double>(r + 1) - 3;
        const double peak = *std::max_element(curve.begin(), curve.end());
        const Description d = describe(row.values);
        const auto place = [&](double v) {
            return x0 + width * std::clamp((v - low) / (high - low), 0.0, 1.0);
        };
        svg += fmt::format(
            "<g class={}><text class=label x={:.0f} y={:.1f} text-anchor=end>{}</text><path class=ridge "
            "d=\"{}\" />"
            "<line class=box x1={:.1f} x2={:.1f} y1={:.1f} y2={:.1f} /><line class=median x1={:.1f} "
            "x2={:.1f} "
            "y1={:.1f} y2={:.1f} /><title>{}: median {}, quartiles {} and {}, n {}</title></g>",
            system_class(report.input, row.system->id), x0 - 9, base - 6,
            escape_html(system_label(report.input, row.system->id)),
            ridge(curve, std::max(peak, 1e-9), x0, width, base, row_height - 9), place(d.quartile1),
            place(d.quartile3), base, base, place(d.median), place(d.median), base - 7, base + 3,
            escape_html(system_label(report.input, row.system->id)), format_value(d.median, metric.unit),
            format_value(d.quartile1, metric.unit), format_value(d.quartile3, metric.unit), d.n);
    }
    return fmt::format(
        "<figure><figcaption><b>{}</b> <span class=unit>{}</span></figcaption>{}</svg></figure>",
        escape_html(metric.label), escape_html(metric.unit), svg);
}

// --- curves --------------------------------------------------------------------------------------------

struct CurveStyle {
    std::string name, label;
    const char* dash;  // stroke-dasharray or ""
    const char* tone;  // CSS class of a fixed colour, "" for the run's
};

struct ChartSpec {
    std::string title, note;
    std::vector<CurveStyle> series;
    bool per_run = false;  // one chart a run on a common scale, else all runs in one
};

const std::vector<ChartSpec>& chart_specs() {
    static const std::vector<ChartSpec> specs{
        {"Log-ratio per token",
         "policy against reference, nats; bands are the 10 to 90 percentiles",
         {{"logratio/chosen_per_token", "chosen", "", "t-chosen"},
          {"logratio/rejected_per_token", "rejected", "", "t-rejected"}},
         true},
        {"Margin per token",
         "chosen minus rejected log-ratio, nats",
         {{"margin/per_token", "", "", ""}},
         false},
        {"Pair accuracy",
         "share of pairs with a positive margin",
         {{"rewards/accuracies", "", "", ""}},
         false},
        {"Displacement",
         "share of pairs whose chosen answer (dotted: both answers) lost probability",
         {{"displacement/chosen", "chosen", "", ""}, {"displacement/both", "both", "2 4", ""}},
         false},
        {"Share past the target margin", "", {{"margin/past_target", "", "", ""}}, false},
        {"Gradient norm", "before clipping", {{"grad_norm", "", "", ""}}, false},
    };
    return specs;
}

struct Line {
    const Curve* curve;
    std::string label, css, dash;
};

PlotFrame frame_of(const std::vector<Line>& lines) {
    std::vector<double> values;
    PlotFrame f{1e300, -1e300, 0, 1};
    for (const Line& line : lines) {
        const Curve& c = *line.curve;
        values.insert(values.end(), c.value.begin(), c.value.end());
        values.insert(values.end(), c.low.begin(), c.low.end());
        values.insert(values.end(), c.high.begin(), c.high.end());
        f.x_low = std::min(f.x_low, c.step.front());
        f.x_high = std::max(f.x_high, c.step.back());
    }
    // A few spikes at the start must not flatten everything else.
    return plot_frame(f.x_low, f.x_high, linear_quantile(values, 0.002), linear_quantile(values, 0.998));
}

std::string polyline(const PlotFrame& f, const std::vector<double>& steps,
                     const std::vector<double>& values) {
    std::string path;
    for (std::size_t i = 0; i < steps.size(); ++i)
        path += fmt::format("{}{:.1f} {:.1f}", i == 0 ? 'M' : 'L', f.x(steps[i]),
                            f.y(std::clamp(values[i], f.y_low, f.y_high)));
    return path;
}

std::string band(const PlotFrame& f, const Curve& c) {
    if (c.low.empty() || c.low.size() != c.step.size() || c.high.size() != c.step.size()) return "";
    std::string path = polyline(f, c.step, c.high);
    for (std::size_t i = c.step.size(); i-- > 0;)
        path += fmt::format("L{:.1f} {:.1f}", f.x(c.step[i]), f.y(std::clamp(c.low[i], f.y_low, f.y_high)));
    return fmt::format("<path class=band d=\"{}Z\" />", path);
}

std::string draw_line(const PlotFrame& f, const Line& line) {
    const Curve& c = *line.curve;
    const bool held_out = c.split != "train";
    std::string svg = fmt::format("<g class=\"{}{}\" data-label=\"{}\">", line.css,
                                  held_out ? " held-out" : "", escape_html(line.label));
    svg += band(f, c);
    svg += fmt::format("<path class=line d=\"{}\"{} />", polyline(f, c.step, c.value),
                       line.dash.empty() ? "" : fmt::format(" stroke-dasharray=\"{}\"", line.dash));
    if (held_out && c.step.size() <= 40)
        for (std::size_t i = 0; i < c.step.size(); ++i)
            svg += fmt::format("<circle cx={:.1f} cy={:.1f} r=2.6 />", f.x(c.step[i]),
                               f.y(std::clamp(c.value[i], f.y_low, f.y_high)));
    return svg + "</g>";
}

/// Data for the pointer readout: the script finds the nearest step in it.
std::string readout(const std::vector<Line>& lines) {
    std::string json = "[";
    for (const Line& line : lines) {
        const auto numbers = [](const std::vector<double>& values) {
            std::string text;
            for (double v : values) text += fmt::format("{}{:.5g}", text.empty() ? "" : ",", v);
            return text;
        };
        json += fmt::format("{}[[{}],[{}]]", json.size() > 1 ? "," : "", numbers(line.curve->step),
                            numbers(line.curve->value));
    }
    return json + "]";
}

std::string line_chart(const std::string& title, const std::string& note, const std::vector<Line>& lines,
                       const std::vector<Line>& scale) {
    if (lines.empty()) return "";
    const PlotFrame f = frame_of(scale);
    std::string html =
        fmt::format("<figure><figcaption><b>{}</b>{}</figcaption><p class=legend>", escape_html(title),
                    note.empty() ? "" : "<span class=soft>" + escape_html(note) + "</span>");
    for (const Line& line : lines)
        html += fmt::format(
            "<span class={}><svg class=key aria-hidden=true><line x1=0 x2=100% y1=50% y2=50%{} "
            "/></svg>{}</span>",
            line.css, line.dash.empty() ? "" : fmt::format(" stroke-dasharray=\"{}\"", line.dash),
            escape_html(line.label));
    html += fmt::format(
        "</p><svg class=\"chart curve\" viewBox=\"0 0 420 218\" role=img aria-label=\"{}\" "
        "data-frame=\"{} {} {} {}\" data-values=\"{}\">",
        escape_html(title), f.left, f.width, f.x_low, f.x_high, readout(lines));
    html += plot_axes(f, axis_ticks(f.x_low, f.x_high, 6));
    for (const Line& line : lines) html += draw_line(f, line);
    html += fmt::format("<line class=cursor x1=0 x2=0 y1={} y2={} visibility=hidden /></svg></figure>", f.top,
                        f.top + f.height);
    return html;
}

std::string split_words(const Curve& curve) { return curve.split == "train" ? "" : " (" + curve.split + ")"; }

class CurveCharts {
public:
    explicit CurveCharts(const Report& report) : report_(report) {
        for (const Curve& curve : report.input.curves) {
            if (curve.step.empty() || curve.step.size() != curve.value.size()) continue;
            curves_.push_back(&curve);
            if (std::find(runs_.begin(), runs_.end(), curve.run) == runs_.end()) runs_.push_back(curve.run);
        }
        std::stable_partition(curves_.begin(), curves_.end(),
                              [](const Curve* c) { return c->split == "train"; });
    }
    bool empty() const { return curves_.empty(); }

    std::string main_charts() {
        std::string html;
        for (const ChartSpec& spec : chart_specs())
            html += spec.per_run ? one_each(spec) : together(spec, groups().front());
        // Losses of different objectives share no scale.
        for (const std::string& run : runs_) {
            const auto lines = lines_of({"loss", "", "", ""}, run);
            html += line_chart("Loss, " + system_label(report_.input, run), "", lines, lines);
        }
        return html;
    }

    std::string other_charts() {
        std::set<std::string> names;
        for (const Curve* curve : curves_)
            if (!shown_.contains(curve)) names.insert(curve->name);
        std::string html;
        for (const std::string& name : names)
            for (const auto& runs : groups()) html += together({name, "", {{name, "", "", ""}}, false}, runs);
        return html;
    }

private:
    std::vector<Line> lines_of(const CurveStyle& style, const std::string& run) {
        std::vector<Line> lines;
        for (const Curve* curve : curves_) {
            if (curve->name != style.name || curve->run != run) continue;
            shown_.insert(curve);
            std::string label = system_label(report_.input, run);
            if (!style.label.empty()) label = *style.tone ? style.label : label + ", " + style.label;
            std::string dash = style.dash;
            if (dash.empty() && curve->split != "train") dash = "6 4";
            lines.push_back({curve, label + split_words(*curve),
                             *style.tone ? style.tone : system_class(report_.input, run), dash});
        }
        return lines;
    }

    /// Runs that share a step axis: those that train on pairs, then every other run alone.
    std::vector<std::vector<std::string>> groups() const {
        std::vector<std::vector<std::string>> all(1);
        for (const std::string& run : runs_) {
            const bool on_pairs = std::any_of(curves_.begin(), curves_.end(), [&](const Curve* c) {
                return c->run == run && c->name.starts_with("logratio/");
            });
            if (on_pairs)
                all.front().push_back(run);
            else
                all.push_back({run});
        }
        if (all.front().empty()) all.erase(all.begin());
        return all;
    }

    std::string together(const ChartSpec& spec, const std::vector<std::string>& runs) {
        std::vector<Line> lines;
        for (const std::string& run : runs)
            for (const CurveStyle& style : spec.series)
                for (Line& line : lines_of(style, run)) lines.push_back(std::move(line));
        return line_chart(spec.title, spec.note, lines, lines);
    }

    std::string one_each(const ChartSpec& spec) {
        std::vector<std::pair<std::string, std::vector<Line>>> charts;
        std::vector<Line> all;
        for (const std::string& run : runs_) {
            std::vector<Line> lines;
            for (const CurveStyle& style : spec.series)
                for (Line& line : lines_of(style, run)) lines.push_back(std::move(line));
            if (lines.empty()) continue;
            all.insert(all.end(), lines.begin(), lines.end());
            charts.emplace_back(run, std::move(lines));
        }
        std::string html;
        for (const auto& [run, lines] : charts)
            html += line_chart(spec.title + ", " + system_label(report_.input, run), spec.note, lines, all);
        return html;
    }

    const Report& report_;
    std::vector<const Curve*> curves_;
    std::vector<std::string> runs_;
    std::set<const Curve*> shown_;
};

}  // namespace

std::string page_distributions(const Report& report) {
    std::string figures;
    for (const ReportMetric& metric : report.input.metrics)
        if (metric.headline && !metric.proportion) figures += distribution(report, metric);
    if (figures.empty()) return "";
    return "<section id=\"distributions\"><h2>Spread over items</h2><p class=lead>Values of single items. "
           "Bar: middle "
           "half; tick: median. The outermost percent is drawn at the edges.</p><div class=figures>" +
           figures + "</div></section>";
}

std::string page_curves(const Report& report) {
    CurveCharts charts(report);
    if (charts.empty()) return "";
    std::string html =
        "<section id=\"curves\"><h2>Training</h2><p class=lead>Over optimiser steps. Dashed: held-out pairs. "
        "A falling chosen curve alone is no failure; chosen and rejected falling together is "
        "displacement.</p><div class=figures>" +
        charts.main_charts() + "</div>";
    if (const std::string others = charts.other_charts(); !others.empty())
        html +=
            "<details><summary>All other curves</summary><div class=figures>" + others + "</div></details>";
    return html + "</section>";
}

}  // namespace linvox
