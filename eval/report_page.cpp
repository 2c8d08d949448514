#include "eval/report_page.h"

#include <fmt/format.h>

#include <set>

#include "eval/report_markup.h"

namespace linvox {
namespace {

std::string facts_list(const Report& report) {
    const ReportRun& run = report.input.run;
    std::vector<std::pair<std::string, std::string>> facts = run.facts;
    if (!run.asr.empty()) facts.emplace_back("recogniser", run.asr);
    facts.emplace_back("seed", std::to_string(run.seed));
    if (!run.config_hash.empty()) facts.emplace_back("configuration", run.config_hash.substr(0, 12));
    if (!run.args.empty()) {
        std::string command;
        for (const std::string& arg : run.args) command += (command.empty() ? "" : " ") + arg;
        facts.emplace_back("command", command);
    }
    std::string html = "<dl class=facts>";
    for (const auto& [name, value] : facts)
        html += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape_html(name), escape_html(value));
    return html + "</dl>";
}

std::string counts_line(const Report& report) {
    const ReportInput& in = report.input;
    std::set<std::string> clusters;
    for (const ReportItem& item : in.items) clusters.insert(item.cluster.empty() ? item.id : item.cluster);
    std::int64_t failed = 0;
    for (const ReportAnswer& answer : in.answers)
        for (const auto& [id, value] : answer.values) failed += value.failed();
    const auto count = [](std::size_t n, const char* what) {
        return fmt::format("<span><b>{}</b> {}{}</span>", n, what, n == 1 ? "" : "s");
    };
    return "<p class=counts>" + count(in.systems.size(), "system") + count(in.items.size(), "item") +
           count(clusters.size(), "prompt") + count(in.answers.size(), "answer") +
           fmt::format("<span class={}><b>{}</b> failed value{}</span>", failed ? "bad" : "good", failed,
                       failed == 1 ? "" : "s") +
           "</p>";
}

std::string names_of(const Report& report, const std::string& baseline, const std::string& candidate,
                     const std::string& verdict, bool numbers) {
    std::string text;
    for (const ComparisonResult& c : report.comparisons) {
        if (c.baseline != baseline || c.candidate != candidate || c.verdict != verdict || !c.p_holm) continue;
        const ReportMetric& metric = report_metric_of(report.input, c.metric);
        if (!text.empty()) text += ", ";
        text += escape_html(metric.label);
        if (numbers && !c.distance_from_one)
            text += fmt::format(
                " <span class=num>({}&nbsp;&rarr;&nbsp;{})</span>",
                format_value(*c.baseline_value, metric.unit),
                escape_html(with_unit(format_value(*c.candidate_value, metric.unit), metric.unit)));
    }
    return text;
}

/// One paragraph a comparison: what is better, what is worse, what cannot be told.
std::string findings(const Report& report) {
    std::string html;
    for (const ReportComparison& names : report.input.comparisons) {
        const std::string better = names_of(report, names.baseline, names.candidate, "better", true);
        const std::string worse = names_of(report, names.baseline, names.candidate, "worse", true);
        const std::string open = names_of(report, names.baseline, names.candidate, "", false);
        if (better.empty() && worse.empty() && open.empty()) continue;
        html += fmt::format("<li><p class=who><i class=\"dot {}\"></i><b>{}</b> against {}</p><ul>",
                            system_class(report.input, names.candidate),
                            escape_html(system_label(report.input, names.candidate)),
                            escape_html(system_label(report.input, names.baseline)));
        if (!better.empty()) html += "<li><span class=\"tag good\">better</span> " + better + "</li>";
        if (!worse.empty()) html += "<li><span class=\"tag bad\">worse</span> " + worse + "</li>";
        if (!open.empty()) html += "<li><span class=\"tag\">no clear difference</span> " + open + "</li>";
        html += "</ul></li>";
    }
    if (html.empty()) return "";
    return "<section class=findings aria-label=Findings><ul>" + html +
           "</ul><p class=fine>Better and worse: paired test, Holm-adjusted p below 0.05 over all headline "
           "metrics and "
           "comparisons.</p></section>";
}

std::string boxed_list(const char* kind, const char* title, const std::vector<std::string>& texts) {
    if (texts.empty()) return "";
    std::string html = fmt::format("<aside class=\"box {}\"><h2>{}</h2><ul>", kind, title);
    for (const std::string& text : texts) html += "<li>" + escape_html(text) + "</li>";
    return html + "</ul></aside>";
}

std::string navigation(const std::string& body) {
    const std::pair<const char*, const char*> kSections[] = {
        {"summary", "Summary"},       {"comparisons", "Comparisons"},
        {"listen", "Items"},          {"distributions", "Spread"},
        {"divergence", "Divergence"}, {"curves", "Training"},
        {"sweep", "Sweep"},           {"runs", "Runs"},
        {"pairs", "Pairs"},           {"codec", "Codec"},
        {"method", "All numbers"}};
    std::string html = "<nav aria-label=Sections><ul>";
    for (const auto& [id, title] : kSections)
        if (body.find(fmt::format("id=\"{}\"", id)) != std::string::npos)
            html += fmt::format("<li><a href=\"#{}\">{}</a></li>", id, title);
    return html + "</ul></nav>";
}

}  // namespace

std::string page_header(const Report& report) {
    const ReportRun& run = report.input.run;
    std::string where = fmt::format("Linvox {}", escape_html(run.version));
    if (!run.commit.empty()) where += " &middot; " + escape_html(run.commit.substr(0, 12));
    if (!run.date.empty()) where += " &middot; " + escape_html(run.date);
    return fmt::format("<header><p class=brand>{}</p><h1>{}</h1>{}{}</header>", where, escape_html(run.title),
                       counts_line(report), facts_list(report)) +
           findings(report) + boxed_list("warn", "Warnings", report.warnings) +
           boxed_list("note", "Notes", run.notes);
}

std::string report_page(const Report& report, const std::filesystem::path& directory) {
    const std::string body = page_summary(report) + page_comparisons(report) + page_items(report) +
                             page_distributions(report) + page_divergence(report) + page_curves(report) +
                             page_panels(report) + page_method(report);
    // The policy forbids every request: what the page shows it carries. Files in media/ only when not
    // embedded.
    const char* media = report.input.media.embed ? "data:" : "data: 'self' file:";
    std::string html = fmt::format(
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
        "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; img-src {0}; media-src {0}; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        "<meta name=color-scheme content=\"light dark\">\n<title>{1}</title>\n<style>",
        media, escape_html(report.input.run.title));
    html += page_style();
    html +=
        "</style>\n</head>\n<body>\n<a class=skip href=\"#summary\">Skip to the results</a>\n<div "
        "class=page>";
    html += page_header(report) + navigation(body) + "<main>" + body + "</main>";
    html +=
        "<footer><p>Everything on this page is rebuilt from <code>report.json</code> and "
        "<code>media/</code>. It "
        "loads nothing from the network.</p></footer></div>\n<div id=tip role=status hidden></div>\n"
        "<script type=\"application/json\" id=data>";
    html += escape_script(page_data(report, directory));
    html += "</script>\n<script>";
    html += page_script();
    return html + "</script>\n</body>\n</html>\n";
}

}  // namespace linvox
