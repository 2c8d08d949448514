#include "src/recipe/text_rows.h"

#include <fmt/format.h>

namespace linvox {

std::vector<TextRow> text_rows(const RecipeConfig& config) {
    std::vector<TextRow> rows;
    for (const TextMetric* metric : text_metrics_of(config.task))
        for (const std::string& split : config.answer.splits) {
            const bool first = split == config.answer.splits.front();
            const bool several = config.answer.splits.size() > 1;
            ReportMetric report{std::string(metric->id) + (first ? "" : "." + split),
                                std::string(metric->label) + (several ? fmt::format(" ({})", split) : ""),
                                std::string(metric->unit),
                                std::string(metric->doc),
                                metric->better,
                                metric->headline,
                                metric->proportion};
            rows.push_back({metric, split, std::move(report)});
        }
    return rows;
}

}  // namespace linvox
