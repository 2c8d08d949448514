// Panels (pairs, codec, ...), the table of all numbers, and the frame of the item browser.
#include <fmt/format.h>

#include <algorithm>

#include "eval/report_markup.h"
#include "eval/report_page.h"
#include "eval/report_plot.h"

namespace linvox {
namespace {

bool is_number(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789.,+-e% ") == std::string::npos;
}

std::string table_html(const ReportTable& table) {
    std::string html = fmt::format("<div class=scroll><table class=plain><caption>{}</caption><thead><tr>",
                                   escape_html(table.caption));
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const bool numbers = !table.rows.empty() && i < table.rows[0].size() && is_number(table.rows[0][i]);
        html += fmt::format("<th scope=col{}>{}</th>", numbers ? " class=num" : "",
                            escape_html(table.columns[i]));
    }
    html += "</tr></thead><tbody>";
    for (const auto& row : table.rows) {
        html += "<tr>";
        for (std::size_t i = 0; i < row.size(); ++i)
            html += fmt::format("<td{}>{}</td>", is_number(row[i]) ? " class=num" : "", escape_html(row[i]));
        html += "</tr>";
    }
    return html + "</tbody></table></div>";
}

std::string bars_html(const ReportBars& bars) {
    double top = 0;
    for (const auto& [name, values] : bars.series)
        for (double v : values) top = std::max(top, v);
    std::string html = fmt::format(
        "<div class=scroll><table class=bars><caption>{} <span class=unit>{}</span></caption><tbody>",
        escape_html(bars.title), escape_html(bars.unit));
    for (std::size_t i = 0; i < bars.labels.size(); ++i)
        for (const auto& [name, values] : bars.series) {
            if (i >= values.size()) continue;
            const std::string label = bars.series.size() > 1 ? bars.labels[i] + ", " + name : bars.labels[i];
            html += fmt::format(
                "<tr><th scope=row>{}</th><td class=plot><svg class=bar aria-hidden=true><rect width={:.1f}% "
                "height=100% rx=3 /></svg></td><td class=num>{}</td></tr>",
                escape_html(label), top > 0 ? 100 * values[i] / top : 0, format_tick(values[i]));
        }
    return html + "</tbody></table></div>";
}

std::string panel_html(const ReportInput& input, const ReportPanel& panel) {
    std::string html = fmt::format("<section id=\"{}\"><h2>{}</h2><p class=lead>{}</p>",
                                   escape_html(panel.id), escape_html(panel.title), escape_html(panel.lead));
    if (!panel.facts.empty()) {
        html += "<dl class=facts>";
        for (const auto& [name, value] : panel.facts)
            html += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape_html(name), escape_html(value));
        html += "</dl>";
    }
    std::string plots;
    for (const ReportPlot& plot : panel.plots) plots += plot_html(input, plot);
    if (!plots.empty()) html += "<div class=figures>" + plots + "</div>";
    html += "<div class=panel>";
    for (const ReportTable& table : panel.tables) html += table_html(table);
    for (const ReportBars& bars : panel.bars) html += bars_html(bars);
    return html + "</div></section>";
}

std::string number_row(const Report& report, const ReportMetric& metric, const Aggregate& a) {
    const auto& d = a.description;
    const auto show = [&](double value) { return format_value(value, metric.unit); };
    std::string failures = std::to_string(a.n_failed);
    for (const auto& [reason, count] : a.reasons)
        failures += fmt::format(" <small>{} {}</small>", count, reason);
    return fmt::format(
        "<tr><th scope=row><i class=\"dot {}\"></i>{}</th><td class=num>{}</td><td class=num>{}</td><td "
        "class=num>{}</td>"
        "<td class=num>{}</td><td class=num>{}</td><td class=num>{}</td><td "
        "class=num>{}</td><td>{}</td><td>{}</td></tr>",
        system_class(report.input, a.system), escape_html(system_label(report.input, a.system)),
        a.corpus ? "<b>" + show(*a.corpus) + "</b>" : "none", format_interval(a.interval, metric.unit),
        d ? show(d->mean) : "none", d ? show(d->sd) : "none", d ? show(d->median) : "none",
        d ? fmt::format("{} &ndash; {}", show(d->quartile1), show(d->quartile3)) : "none", a.n, failures,
        escape_html(a.interval_method));
}

}  // namespace

std::string page_divergence(const Report& report) {
    std::string plots;
    for (const ReportPlot& plot : divergence_plots(report)) plots += plot_html(report.input, plot);
    if (plots.empty()) return "";
    return "<section id=\"divergence\"><h2>Gain against divergence</h2><p class=lead>How far each model went "
           "from "
           "the baseline and what that bought. KL is estimated from the model's own samples at temperature "
           "1, "
           "scored by both models. Models compare fairly where they stand at the same place on the "
           "horizontal "
           "axis. Bars: 95&nbsp;% intervals.</p><div class=figures>" +
           plots + "</div></section>";
}

std::string page_panels(const Report& report) {
    std::string html;
    for (const ReportPanel& panel : report.input.panels) html += panel_html(report.input, panel);
    return html;
}

namespace {

/// What the item browser is for: written answers are read.
std::string items_lead(const Report& report) {
    const auto& answers = report.input.answers;
    if (std::any_of(answers.begin(), answers.end(),
                    [](const ReportAnswer& a) { return a.response.has_value(); }))
        return "Worst first; open one to read every answer to it side by side.";
    std::size_t with_audio = 0;
    bool cut = false;
    for (const ReportItem& item : report.input.items) {
        bool any = false;
        for (const ReportAnswer& answer : report.input.answers)
            if (answer.item == item.id && !answer.audio_file.empty()) {
                any = true;
                cut = cut || answer.seconds.value_or(0) > report.input.media.max_seconds;
            }
        with_audio += any;
    }
    std::string note = fmt::format(
        "{} of {} items carry players{}: half of them the worst by the first headline metric, half spread "
        "evenly over the "
        "rest. ",
        with_audio, report.input.items.size(), report.input.media.embed ? " inside this file" : "");
    if (cut) note += fmt::format("Audio longer than {:.0f} s is cut here. ", report.input.media.max_seconds);
    return fmt::format(
        "Worst first; open one to listen and look. {}Keys: <kbd>1</kbd>&ndash;<kbd>9</kbd> switch systems at "
        "the "
        "same position, <kbd>space</kbd> plays and pauses.",
        note);
}

}  // namespace

std::string page_items(const Report& report) {
    return fmt::format(
        "<section id=\"listen\"><h2>Items</h2><p class=lead>{}</p>"
        "<noscript><p>The item browser needs JavaScript. All values are in utterances.csv.</p></noscript>"
        "<form class=controls id=controls><label>Find <input type=search id=find placeholder=\"text or "
        "id\"></label>"
        "<label>Sort by <select id=metric></select></label><label>of <select id=system></select></label>"
        "<label class=check><input type=checkbox id=playable> with audio</label>"
        "<label class=check><input type=checkbox id=failed> failed only</label><output "
        "id=shown></output></form>"
        "<div class=scroll><table class=items id=items><caption "
        "class=hidden>Items</caption><thead></thead><tbody></tbody>"
        "</table></div><button id=more type=button hidden>Show more</button></section>",
        items_lead(report));
}

std::string page_method(const Report& report) {
    std::string html =
        "<section id=\"method\"><h2>All numbers</h2><p class=lead>Corpus value: sum over sum. Mean: of item "
        "values. "
        "Failed items have no value and are counted, never set to 0.</p>";
    for (const ReportMetric& metric : report.input.metrics) {
        html += fmt::format(
            "<details><summary><b>{}</b> <span class=id>{}</span> {} <span class=soft>{}</span></summary>"
            "<p class=doc>{}</p><div class=scroll><table class=plain><caption class=hidden>{}</caption>"
            "<thead><tr><th scope=col>system</th><th scope=col>corpus</th><th scope=col>95 % interval</th>"
            "<th scope=col>mean</th><th scope=col>SD</th><th scope=col>median</th><th "
            "scope=col>quartiles</th>"
            "<th scope=col>n</th><th scope=col>failed</th><th scope=col>interval by</th></tr></thead><tbody>",
            escape_html(metric.label), escape_html(metric.id), escape_html(metric.unit),
            direction_words(metric.better), escape_html(metric.doc), escape_html(metric.label));
        for (const Aggregate& a : report.aggregates)
            if (a.metric == metric.id) html += number_row(report, metric, a);
        html += "</tbody></table></div></details>";
    }
    const Resampling& r = report.input.resampling;
    html += fmt::format(
        "<p class=fine>Intervals: percentile bootstrap over prompts, {} resamples, seed {}; proportions "
        "after Wilson. "
        "Samples of one prompt are resampled together. Tests: {} random swaps of the two systems within each "
        "prompt "
        "(two-sided), McNemar's exact test for proportions; Holm's correction over headline metrics and "
        "comparisons. "
        "Metrics that should be near 1 are compared by |value - 1|. Resampling streams derive from seed, "
        "metric and "
        "systems, so results repeat.</p></section>",
        r.resamples, r.seed, r.trials);
    return html;
}

}  // namespace linvox
