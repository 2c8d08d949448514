#include "src/recipe/text_rows.h"

#include <fmt/format.h>

namespace linvox {

namespace {

/// What a metric of held-out pairs is taken over: all of them, or those of one span.
std::vector<std::string> pair_labels(const TextMetric& metric, const RecipeConfig& config) {
    const std::vector<std::string>& spans = config.text_data.parts.spans;
    const bool of_pairs = config.task == "text" && metric.id.starts_with("pref.");
    return of_pairs && !spans.empty() ? spans : std::vector<std::string>{""};
}

}  // namespace

MetricValue score_row(const TextRow& row, const TextAnswer& answer) {
    if (row.span.empty()) return row.metric->score(answer);
    TextAnswer part = answer;
    std::erase_if(part.pairs, [&](const PairLogprobs& pair) { return pair.label != row.span; });
    return row.metric->score(part);
}

std::vector<TextRow> text_rows(const RecipeConfig& config) {
    std::vector<TextRow> rows;
    for (const TextMetric* metric : text_metrics_of(config.task))
        for (const std::string& split : config.answer.splits)
            for (const std::string& span : pair_labels(*metric, config)) {
                const bool first = split == config.answer.splits.front();
                const bool several = config.answer.splits.size() > 1;
                ReportMetric report{
                    std::string(metric->id) + (first ? "" : "." + split) + (span.empty() ? "" : "." + span),
                    std::string(metric->label) + (several ? fmt::format(" ({})", split) : "") +
                        (span.empty() ? "" : fmt::format(", {}", span)),
                    std::string(metric->unit),
                    std::string(metric->doc),
                    metric->better,
                    metric->headline,
                    metric->proportion};
                rows.push_back({metric, split, span, std::move(report)});
            }
    return rows;
}

}  // namespace linvox
