#include "eval/report_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "eval/report_markup.h"
#include "src/base/text.h"

namespace linvox {
namespace {

std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
}

std::string csv_number(const std::optional<double>& value) { return value ? fmt::format("{}", *value) : ""; }

std::string status_of(const MetricValue& value) {
    return value.valid() ? "ok" : value.failed() ? "failed" : "not_applicable";
}

std::string plain_minus(std::string text) {
    for (std::size_t at; (at = text.find("\u2212")) != std::string::npos;) text.replace(at, 3, "-");
    return text;
}

/// "28.2 [25.1, 31.4]"
std::string value_with_interval(const Aggregate& a, const ReportMetric& metric) {
    if (!a.corpus) return a.n_failed > 0 ? fmt::format("none ({} failed)", a.n_failed) : "-";
    std::string text = format_value(*a.corpus, metric.unit);
    if (a.interval) text += " " + format_interval(a.interval, metric.unit);
    return plain_minus(a.n_failed > 0 ? fmt::format("{} ({} failed)", text, a.n_failed) : text);
}

std::string difference_with_interval(const ComparisonResult& c, const ReportMetric& metric) {
    if (!c.difference) return "none";
    std::string text = format_signed(*c.difference, metric.unit);
    if (c.interval)
        text += fmt::format(" [{}, {}]", format_signed(c.interval->low, metric.unit),
                            format_signed(c.interval->high, metric.unit));
    return plain_minus(text);
}

std::vector<const ReportMetric*> headline_metrics(const Report& report) {
    std::vector<const ReportMetric*> rows;
    for (const ReportMetric& metric : report.input.metrics)
        if (metric.headline) rows.push_back(&metric);
    return rows;
}

std::string metric_head(const ReportMetric& metric) { return trim(metric.id + " " + metric.unit); }

std::string short_direction(Better better) {
    return better == Better::down       ? "lower"
           : better == Better::up       ? "higher"
           : better == Better::near_one ? "near 1"
                                        : "";
}

// --- aligned columns for a terminal --------------------------------------------------------------

std::size_t shown_width(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

using Rows = std::vector<std::vector<std::string>>;

std::vector<std::size_t> column_widths(const Rows& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (widths.size() <= i) widths.push_back(0);
            widths[i] = std::max(widths[i], shown_width(row[i]));
        }
    return widths;
}

std::string aligned(const Rows& rows) {
    const auto widths = column_widths(rows);
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i)
            line += row[i] + std::string(widths[i] - shown_width(row[i]) + (i + 1 < row.size() ? 2 : 0), ' ');
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

/// One column a metric: its head, its direction, a value per system.
std::vector<std::string> metric_column(const Report& report, const ReportMetric& metric) {
    std::vector<std::string> column{metric_head(metric), short_direction(metric.better)};
    for (const ReportSystem& system : report.input.systems)
        column.push_back(value_with_interval(*find_aggregate(report, system.id, metric.id), metric));
    return column;
}

std::string system_blocks(const Report& report, std::size_t width) {
    std::vector<std::string> names{"", ""};
    for (const ReportSystem& system : report.input.systems)
        names.push_back(system.ceiling ? system.label + " (ceiling)" : system.label);
    std::size_t name_width = 0;
    for (const std::string& name : names) name_width = std::max(name_width, shown_width(name));
    std::string text;
    Rows block;
    std::size_t used = 0;
    const auto flush = [&] {
        if (!block.empty()) text += (text.empty() ? "" : "\n") + aligned(block);
        block.clear();
        used = 0;
    };
    for (const ReportMetric* metric : headline_metrics(report)) {
        const auto column = metric_column(report, *metric);
        std::size_t needed = 2;
        for (const std::string& cell : column) needed = std::max(needed, shown_width(cell) + 2);
        if (used > 0 && used + needed > width) flush();
        if (block.empty()) {
            for (const std::string& name : names) block.push_back({name});
            used = name_width;
        }
        for (std::size_t i = 0; i < column.size(); ++i) block[i].push_back(column[i]);
        used += needed;
    }
    flush();
    return text;
}

Rows comparison_rows(const Report& report, const ReportComparison& names) {
    Rows rows;
    for (const ReportMetric* metric : headline_metrics(report))
        for (const ComparisonResult& c : report.comparisons) {
            if (c.metric != metric->id || c.baseline != names.baseline || c.candidate != names.candidate)
                continue;
            if (metric->better == Better::none) continue;
            const std::string head = c.distance_from_one ? metric->id + " off 1" : metric_head(*metric);
            rows.push_back({head, difference_with_interval(c, *metric),
                            "p " + format_p(c.p_holm ? c.p_holm : c.p), fmt::format("n {}", c.n), c.verdict});
        }
    return rows;
}

std::string markdown_row(const std::vector<std::string>& cells) {
    std::string row = "|";
    for (const std::string& cell : cells) row += " " + cell + " |";
    return row + "\n";
}

std::string panel_markdown(const ReportPanel& panel) {
    std::string md = fmt::format("\n## {}\n\n", panel.title);
    for (const auto& [name, value] : panel.facts) md += fmt::format("- {}: {}\n", name, value);
    for (const ReportTable& table : panel.tables) {
        const std::vector<std::string> rule(table.columns.size(), "---");
        md += fmt::format("\n{}\n\n", table.caption) + markdown_row(table.columns) + markdown_row(rule);
        for (const auto& row : table.rows) md += markdown_row(row);
    }
    return md;
}

}  // namespace

std::string utterances_csv(const Report& report) {
    std::string csv = "system,item,metric,profile,value,status,reason,sum,count\n";
    for (const ReportAnswer& answer : report.input.answers)
        for (const ReportMetric& metric : report.input.metrics) {
            const auto found = answer.values.find(metric.id);
            if (found == answer.values.end()) continue;
            const MetricValue& v = found->second;
            csv += fmt::format("{},{},{},{}/1,{},{},{},{},{}\n", csv_field(answer.system),
                               csv_field(answer.item), metric.id, metric.id,
                               v.valid() ? fmt::format("{}", v.value()) : "", status_of(v), v.reason, v.sum,
                               v.count);
        }
    return csv;
}

std::string utterances_wide_csv(const Report& report) {
    const std::vector<ReportAnswer>& all = report.input.answers;
    const bool written =
        std::any_of(all.begin(), all.end(), [](const ReportAnswer& a) { return a.response.has_value(); });
    std::string csv = written ? "item,system,text,response,finish" : "item,system,text,transcript,finish";
    for (const ReportMetric& metric : report.input.metrics) csv += "," + metric.id;
    csv += "\n";
    std::map<std::string, std::string> text;
    for (const ReportItem& item : report.input.items) text[item.id] = item.text;
    for (const ReportAnswer& answer : report.input.answers) {
        csv += fmt::format("{},{},{},{},{}", csv_field(answer.item), csv_field(answer.system),
                           csv_field(text[answer.item]),
                           csv_field((written ? answer.response : answer.transcript).value_or("")),
                           csv_field(answer.finish));
        for (const ReportMetric& metric : report.input.metrics) {
            const auto found = answer.values.find(metric.id);
            const bool valid = found != answer.values.end() && found->second.valid();
            csv += "," + csv_number(valid ? std::optional<double>(found->second.value()) : std::nullopt);
        }
        csv += "\n";
    }
    return csv;
}

std::string summary_csv(const Report& report) {
    std::string csv =
        "system,metric,unit,n,n_failed,n_not_applicable,corpus,ci_low,ci_high,ci_method,mean,sd,median,q1,"
        "q3\n";
    for (const Aggregate& a : report.aggregates) {
        const auto& d = a.description;
        const auto low = a.interval ? std::optional<double>(a.interval->low) : std::nullopt;
        const auto high = a.interval ? std::optional<double>(a.interval->high) : std::nullopt;
        const auto of = [&d](double Description::*part) {
            return d ? std::optional<double>((*d).*part) : std::nullopt;
        };
        csv += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(a.system), a.metric,
                           csv_field(report_metric_of(report.input, a.metric).unit), a.n, a.n_failed,
                           a.n_not_applicable, csv_number(a.corpus), csv_number(low), csv_number(high),
                           csv_field(a.interval_method), csv_number(of(&Description::mean)),
                           csv_number(of(&Description::sd)), csv_number(of(&Description::median)),
                           csv_number(of(&Description::quartile1)), csv_number(of(&Description::quartile3)));
    }
    return csv;
}

std::string summary_markdown(const Report& report) {
    const ReportInput& in = report.input;
    std::string md = fmt::format("# {}\n\nLinvox {} {}\n\n", in.run.title, in.run.version, in.run.date);
    for (const auto& [name, value] : in.run.facts) md += fmt::format("- {}: {}\n", name, value);
    md +=
        fmt::format("\n{} items. Corpus values with 95 % intervals.\n\n| metric | better |", in.items.size());
    for (const ReportSystem& system : in.systems) md += " " + system.label + " |";
    md += "\n|---|---|";
    for (std::size_t i = 0; i < in.systems.size(); ++i) md += "---:|";
    md += "\n";
    for (const ReportMetric* metric : headline_metrics(report)) {
        md += fmt::format("| `{}` {} | {} |", metric->id, metric->unit, short_direction(metric->better));
        for (const ReportSystem& system : in.systems)
            md += " " + value_with_interval(*find_aggregate(report, system.id, metric->id), *metric) + " |";
        md += "\n";
    }
    for (const ReportComparison& names : in.comparisons) {
        md += fmt::format(
            "\n## {} against {}\n\n| metric | difference | p (Holm) | n | verdict "
            "|\n|---|---:|---|---|---|\n",
            system_label(in, names.candidate), system_label(in, names.baseline));
        for (const auto& row : comparison_rows(report, names)) {
            md += fmt::format("| {} | {} | {} | {} | {} |\n", row[0], row[1], row[2].substr(2),
                              row[3].substr(2), row[4]);
        }
    }
    for (const ReportPanel& panel : in.panels) md += panel_markdown(panel);
    if (!report.warnings.empty()) md += "\n## Warnings\n\n";
    for (const std::string& warning : report.warnings) md += "- " + warning + "\n";
    return md;
}

std::string terminal_tables(const ReportPanel& panel) {
    std::string text;
    for (const ReportTable& table : panel.tables) {
        Rows rows = {table.columns};
        rows.insert(rows.end(), table.rows.begin(), table.rows.end());
        text += fmt::format("\n{}\n{}", table.caption, aligned(rows));
    }
    return text;
}

std::string terminal_table(const Report& report, int width) {
    std::string text = system_blocks(report, static_cast<std::size_t>(std::max(width, 40)));
    for (const ReportComparison& names : report.input.comparisons) {
        Rows rows = comparison_rows(report, names);
        if (rows.empty()) continue;
        text += fmt::format("\n{} against {} (difference [95 %], p after Holm)\n",
                            system_label(report.input, names.candidate),
                            system_label(report.input, names.baseline));
        for (auto& row : rows) row[0] = "  " + row[0];
        text += aligned(rows);
    }
    for (const std::string& warning : report.warnings) text += "\nwarning: " + warning;
    return report.warnings.empty() ? text : text + "\n";
}

}  // namespace linvox
