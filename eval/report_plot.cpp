#include "eval/report_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/report_markup.h"

namespace linvox {
namespace {

/// Series carry the colour of a system, or one of the two tones of preference pairs.
std::string series_class(const ReportInput& input, const ReportSeries& series) {
    if (series.colour == "chosen" || series.colour == "rejected") return "t-" + series.colour;
    return system_class(input, series.colour);
}

/// Positions on the x axis: the values, or their logarithms.
double placed(const ReportPlot& plot, double x) { return plot.log_x ? std::log10(x) : x; }

PlotFrame frame_over(const ReportPlot& plot) {
    double x_low = 1e300, x_high = -1e300, y_low = 1e300, y_high = -1e300;
    const auto cover_x = [&](double x) {
        x_low = std::min(x_low, placed(plot, x));
        x_high = std::max(x_high, placed(plot, x));
    };
    const auto cover_y = [&](double y) {
        y_low = std::min(y_low, y);
        y_high = std::max(y_high, y);
    };
    for (const ReportSeries& series : plot.series)
        for (const ReportPoint& point : series.points) {
            cover_x(point.x);
            cover_y(point.y);
            if (point.x_interval) cover_x(point.x_interval->low), cover_x(point.x_interval->high);
            if (point.y_interval) cover_y(point.y_interval->low), cover_y(point.y_interval->high);
        }
    const double space = x_high > x_low ? 0.05 * (x_high - x_low) : 0.5;
    return plot_frame(x_low - space, x_high + space, y_low, y_high);
}

/// On a logarithmic axis the points' own values are the numbers shown.
std::string axes_of(const ReportPlot& plot, const PlotFrame& frame) {
    if (!plot.log_x) return plot_axes(frame, axis_ticks(frame.x_low, frame.x_high, 6));
    std::string svg = plot_axes(frame, {});
    std::vector<double> values;
    for (const ReportSeries& series : plot.series)
        for (const ReportPoint& point : series.points) values.push_back(point.x);
    std::sort(values.begin(), values.end());
    double last = -1e300;
    for (const double value : values) {
        const double x = frame.x(placed(plot, value));
        if (x - last < 24) continue;
        last = x;
        svg += fmt::format("<text class=axis x={:.1f} y={:.0f} text-anchor=middle>{}</text>", x,
                           frame.top + frame.height + 17, format_tick(value));
    }
    return svg;
}

std::string point_svg(const PlotFrame& frame, const ReportPlot& plot, const ReportPoint& point) {
    const double x = frame.x(placed(plot, point.x)), y = frame.y(point.y);
    std::string svg;
    const auto whisker = [&](double x1, double x2, double y1, double y2) {
        svg += fmt::format("<line class=reach x1={:.1f} x2={:.1f} y1={:.1f} y2={:.1f} />", x1, x2, y1, y2);
    };
    if (point.x_interval)
        whisker(frame.x(placed(plot, point.x_interval->low)), frame.x(placed(plot, point.x_interval->high)),
                y, y);
    if (point.y_interval) whisker(x, x, frame.y(point.y_interval->low), frame.y(point.y_interval->high));
    svg += fmt::format("<circle class=point cx={:.1f} cy={:.1f} r=4><title>{}: {}, {}</title></circle>", x, y,
                       escape_html(point.label), format_tick(point.x), format_tick(point.y));
    if (point.label.empty()) return svg;
    const bool at_right_edge = x > frame.left + 0.8 * frame.width;
    return svg + fmt::format("<text class=mark x={:.1f} y={:.1f} text-anchor={}>{}</text>",
                             at_right_edge ? x - 7 : x + 7, y - 6, at_right_edge ? "end" : "start",
                             escape_html(point.label));
}

std::string series_svg(const PlotFrame& frame, const ReportPlot& plot, const ReportSeries& series,
                       const std::string& css) {
    std::string svg = fmt::format("<g class={}>", css), path;
    if (series.joined)
        for (const ReportPoint& point : series.points)
            path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? 'M' : 'L', frame.x(placed(plot, point.x)),
                                frame.y(point.y));
    if (!path.empty()) svg += fmt::format("<path class=line d=\"{}\" />", path);
    for (const ReportPoint& point : series.points) svg += point_svg(frame, plot, point);
    return svg + "</g>";
}

}  // namespace

PlotFrame plot_frame(double x_low, double x_high, double y_low, double y_high) {
    const double space = y_high > y_low ? 0.06 * (y_high - y_low) : std::max(0.5, std::fabs(y_high) * 0.1);
    PlotFrame frame{x_low, x_high, y_low - space, y_high + space};
    if (y_low >= 0 && frame.y_low < 0) frame.y_low = 0;
    if (!(x_high > x_low)) frame.x_high = x_low + 1;
    return frame;
}

std::string plot_axes(const PlotFrame& frame, const std::vector<double>& x_ticks) {
    std::string svg;
    for (const double tick : axis_ticks(frame.y_low, frame.y_high, 5))
        svg += fmt::format(
            "<line class=\"grid{0}\" x1={1} x2={2} y1={3:.1f} y2={3:.1f} /><text class=axis x={4} "
            "y={5:.1f} text-anchor=end>{6}</text>",
            std::fabs(tick) < 1e-12 ? " zero" : "", frame.left, frame.left + frame.width, frame.y(tick),
            frame.left - 6, frame.y(tick) + 4, format_tick(tick));
    for (const double tick : x_ticks)
        svg += fmt::format("<text class=axis x={:.1f} y={:.0f} text-anchor=middle>{}</text>", frame.x(tick),
                           frame.top + frame.height + 17, format_tick(tick));
    return svg;
}

std::string plot_html(const ReportInput& input, const ReportPlot& plot) {
    if (std::all_of(plot.series.begin(), plot.series.end(),
                    [](const ReportSeries& series) { return series.points.empty(); }))
        return "";
    const PlotFrame frame = frame_over(plot);
    std::string html = fmt::format("<figure><figcaption><b>{}</b><span class=soft>{}</span></figcaption>",
                                   escape_html(plot.title), escape_html(plot.note));
    std::string legend, drawing;
    for (const ReportSeries& series : plot.series) {
        const std::string css = series_class(input, series);
        if (!series.name.empty())
            legend += fmt::format(
                "<span class={}><svg class=key aria-hidden=true><line x1=0 x2=100% y1=50% y2=50% "
                "/></svg>{}</span>",
                css, escape_html(series.name));
        drawing += series_svg(frame, plot, series, css);
    }
    if (!legend.empty()) html += "<p class=legend>" + legend + "</p>";
    return html +
           fmt::format(
               "<svg class=chart viewBox=\"0 0 420 236\" role=img aria-label=\"{}\">{}{}<text class=axis "
               "x={:.0f} y=231 text-anchor=middle>{}</text></svg></figure>",
               escape_html(plot.title), axes_of(plot, frame), drawing, frame.left + frame.width / 2,
               escape_html(plot.x_label));
}

std::vector<ReportPlot> divergence_plots(const Report& report) {
    std::vector<ReportPlot> plots;
    for (const ReportMetric& metric : report.input.metrics) {
        if (!metric.headline || metric.better == Better::none) continue;
        ReportPlot plot{metric.label,
                        direction_words(metric.better),
                        "KL divergence from the baseline, nats a token",
                        false,
                        {}};
        bool measured = false;
        for (const ReportSystem& system : report.input.systems) {
            const Aggregate* value = find_aggregate(report, system.id, metric.id);
            const Aggregate* kl = find_aggregate(report, system.id, kDivergenceMetric);
            if (system.ceiling || !value || !value->corpus || !kl || !kl->corpus) continue;
            measured = measured || *kl->corpus != 0.0;
            plot.series.push_back({"",
                                   system.id,
                                   false,
                                   {{*kl->corpus, *value->corpus, kl->interval, value->interval,
                                     system_label(report.input, system.id)}}});
        }
        if (measured) plots.push_back(std::move(plot));
    }
    return plots;
}

}  // namespace linvox
