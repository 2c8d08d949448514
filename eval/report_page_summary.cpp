// Summary cards with whiskers, and the forest plot of paired differences.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "eval/report_markup.h"
#include "eval/report_page.h"

namespace linvox {
namespace {

struct Axis {
    double low = 0, high = 1;
    void cover(double value) {
        low = std::min(low, value);
        high = std::max(high, value);
    }
    /// Percent of the width, kept inside a margin so that marks are not cut.
    double place(double value) const { return high > low ? 4 + 92 * (value - low) / (high - low) : 50; }
};

Axis axis_of(const Report& report, const ReportMetric& metric) {
    Axis axis{1e300, -1e300};
    for (const Aggregate& a : report.aggregates) {
        if (a.metric != metric.id || !a.corpus) continue;
        axis.cover(*a.corpus);
        if (a.interval) axis.cover(a.interval->low), axis.cover(a.interval->high);
    }
    if (metric.better == Better::near_one && axis.low <= axis.high) axis.cover(1);
    return axis;
}

std::string whisker(const Aggregate& a, const Axis& axis, const std::string& colour, bool ceiling,
                    std::optional<double> line) {
    std::string svg = fmt::format("<svg class=\"whisker {}\" aria-hidden=true>", colour);
    if (line)
        svg += fmt::format("<line class=target x1={0:.1f}% x2={0:.1f}% y1=0 y2=100% />", axis.place(*line));
    if (a.interval)
        svg += fmt::format("<line class=ci x1={:.1f}% x2={:.1f}% y1=50% y2=50% />",
                           axis.place(a.interval->low), axis.place(a.interval->high));
    if (a.corpus) {
        if (ceiling)
            svg += fmt::format("<line class=tick x1={0:.1f}% x2={0:.1f}% y1=18% y2=82% />",
                               axis.place(*a.corpus));
        else
            svg += fmt::format("<circle cx={:.1f}% cy=50% r=5 />", axis.place(*a.corpus));
    }
    return svg + "</svg>";
}

std::string reasons_text(const Aggregate& a) {
    std::string text;
    for (const auto& [reason, count] : a.reasons)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, reason);
    return text;
}

std::string count_cell(const Aggregate& a) {
    std::string cell = std::to_string(a.n);
    if (a.n_failed > 0)
        cell += fmt::format("<span class=\"bad failed\" title=\"{}\">{} failed</span>",
                            escape_html(reasons_text(a)), a.n_failed);
    return cell;
}

/// "better"/"worse" against the first baseline that the system was compared with.
std::string verdict_tag(const Report& report, const std::string& system, const std::string& metric) {
    for (const ComparisonResult& c : report.comparisons) {
        if (c.candidate != system || c.metric != metric) continue;
        if (c.verdict.empty()) return "";
        return fmt::format("<span class=\"tag {}\" title=\"{} than {}, Holm-adjusted p {}\">{}</span>",
                           c.verdict == "better" ? "good" : "bad", c.verdict,
                           escape_html(system_label(report.input, c.baseline)),
                           escape_html(format_p(c.p_holm)), c.verdict);
    }
    return "";
}

std::string card(const Report& report, const ReportMetric& metric) {
    const Axis axis = axis_of(report, metric);
    const std::string arrow = direction_arrow(metric.better);
    std::string html = fmt::format(
        "<div class=card><table><caption><b>{}</b> {}<span class=arrow title=\"{}\">{}</span>"
        "<span class=id>{}</span></caption><thead class=hidden><tr><th scope=col>system</th>"
        "<th scope=col>95 % interval</th><th scope=col>value</th><th scope=col>n</th></tr></thead><tbody>",
        escape_html(metric.label),
        metric.unit.empty() ? "" : "<span class=unit>" + escape_html(metric.unit) + "</span> ",
        direction_words(metric.better), arrow, escape_html(metric.id));
    const std::optional<double> target =
        metric.better == Better::near_one ? std::optional<double>(1.0) : std::nullopt;
    for (const ReportSystem& system : report.input.systems) {
        const Aggregate* a = find_aggregate(report, system.id, metric.id);
        if (!a || (a->n == 0 && a->n_failed == 0)) continue;
        const std::string value = a->corpus ? "<b>" + format_value(*a->corpus, metric.unit) + "</b>"
                                            : "<span class=bad>none</span>";
        html += fmt::format(
            "<tr class={}><th scope=row><i class=\"dot {}\"></i>{} {}</th><td class=plot>{}</td>"
            "<td class=num>{}<small>{}</small></td><td class=n>{}</td></tr>",
            system.ceiling ? "ceiling" : "ranked", system_class(report.input, system.id),
            escape_html(system_label(report.input, system.id)), verdict_tag(report, system.id, metric.id),
            whisker(*a, axis, system_class(report.input, system.id), system.ceiling, target), value,
            format_interval(a->interval, metric.unit), count_cell(*a));
    }
    return html + "</tbody></table></div>";
}

// --- forest plot -----------------------------------------------------------------------------------

/// Points right mean better, so the sign of "lower is better" metrics is turned for drawing only.
double towards_better(double difference, Better better) {
    return better == Better::up ? difference : -difference;
}

std::string forest_plot(const ComparisonResult& c, Better better, double half_range,
                        const std::string& colour) {
    const auto place = [&](double difference) {
        return 50 + 46 * std::clamp(towards_better(difference, better) / half_range, -1.0, 1.0);
    };
    std::string svg = fmt::format(
        "<svg class=\"whisker forest {}\" aria-hidden=true>"
        "<line class=zero x1=50% x2=50% y1=0 y2=100% />",
        colour);
    if (c.interval) {
        const double a = place(c.interval->low), b = place(c.interval->high);
        svg += fmt::format("<line class=ci x1={:.1f}% x2={:.1f}% y1=50% y2=50% />", std::min(a, b),
                           std::max(a, b));
    }
    svg += fmt::format("<circle cx={:.1f}% cy=50% r=5 {}/></svg>", place(*c.difference),
                       c.verdict.empty() ? "class=open " : "");
    return svg;
}

double forest_range(const Report& report, const std::string& metric) {
    double range = 1e-12;
    for (const ComparisonResult& c : report.comparisons) {
        if (c.metric != metric || !c.difference) continue;
        range = std::max(range, std::fabs(*c.difference));
        if (c.interval) range = std::max({range, std::fabs(c.interval->low), std::fabs(c.interval->high)});
    }
    return range;
}

std::string signed_interval(const std::optional<Interval>& interval, std::string_view unit) {
    if (!interval) return "";
    return fmt::format("[{}, {}]", format_signed(interval->low, unit), format_signed(interval->high, unit));
}

std::string forest_row(const Report& report, const ReportMetric& metric, const ComparisonResult& c,
                       double half_range) {
    const std::string who = fmt::format("<i class=\"dot {}\"></i>{} <span class=soft>vs {}</span>",
                                        system_class(report.input, c.candidate),
                                        escape_html(system_label(report.input, c.candidate)),
                                        escape_html(system_label(report.input, c.baseline)));
    if (!c.difference)
        return fmt::format(
            "<tr><th scope=row>{}</th><td class=plot></td><td colspan=5 class=soft>no item is valid in "
            "both ({} left out)</td></tr>",
            who, c.n_left_out);
    const std::string improved =
        c.probability_improved ? fmt::format("{:.0f} %", 100 * *c.probability_improved) : "n/a";
    const char* tone = c.verdict == "better" ? "good" : c.verdict == "worse" ? "bad" : "soft";
    return fmt::format(
        "<tr><th scope=row>{}</th><td class=plot>{}</td><td class=\"num {}\"><b>{}</b><small>{}</small></td>"
        "<td class=num>{}</td><td class=num>{}</td><td class=num>{:+.2f}</td><td class=n>{}{}</td></tr>",
        who, forest_plot(c, metric.better, half_range, system_class(report.input, c.candidate)), tone,
        format_signed(*c.difference, metric.unit), signed_interval(c.interval, metric.unit),
        escape_html(format_p(c.p_holm ? c.p_holm : c.p)), improved, c.cliffs_delta.value_or(0), c.n,
        c.n_left_out > 0 ? fmt::format(" <span class=bad>{} left out</span>", c.n_left_out) : "");
}

}  // namespace

std::string page_summary(const Report& report) {
    std::string html =
        "<section id=\"summary\"><h2>Summary</h2><p class=lead>Each card is one metric on its own axis. Dots "
        "are systems, "
        "ticks are ceilings, bars are 95&nbsp;% intervals. Corpus values: all errors over all words, all "
        "frames over all "
        "frames; means elsewhere.</p><div class=cards>";
    for (const ReportMetric& metric : report.input.metrics)
        if (metric.headline) html += card(report, metric);
    return html + "</div></section>";
}

std::string page_comparisons(const Report& report) {
    if (report.comparisons.empty()) return "";
    std::string html =
        "<section id=\"comparisons\"><h2>Paired differences</h2><p class=lead>Same items, same decoding "
        "settings. Right "
        "of the line is better; a filled dot survives Holm's correction. Every metric has its own scale.</p>"
        "<div class=scroll><table class=forest-table><caption class=hidden>Paired differences between "
        "systems</caption>"
        "<thead><tr><th scope=col>comparison</th><th scope=col class=plot><span class=ends><span>&larr; "
        "worse</span>"
        "<span>better &rarr;</span></span></th><th scope=col>difference</th><th scope=col>p (Holm)</th>"
        "<th scope=col>P(improved)</th><th scope=col>Cliff's &delta;</th><th scope=col>n</th></tr></thead>";
    for (const ReportMetric& metric : report.input.metrics) {
        if (!metric.headline || metric.better == Better::none) continue;
        const double range = forest_range(report, metric.id);
        html += fmt::format(
            "<tbody><tr class=group><th scope=rowgroup colspan=7>{} <span class=arrow>{}</span> "
            "<span class=id>{}{}</span></th></tr>",
            escape_html(metric.label), direction_arrow(metric.better),
            escape_html(metric.better == Better::near_one ? "|value - 1|" : metric.unit),
            metric.unit.empty() && metric.better != Better::near_one ? "" : "");
        for (const ComparisonResult& c : report.comparisons)
            if (c.metric == metric.id) html += forest_row(report, metric, c, range);
        html += "</tbody>";
    }
    return html + "</table></div></section>";
}

}  // namespace linvox
