// Metrics of a text or math run by split: with several test splits every metric has one row for each.
#pragma once

#include <string>
#include <vector>

#include "eval/report.h"
#include "eval/text_metrics.h"
#include "src/recipe/recipe_config.h"

namespace linvox {

/// A metric on one split. The id is the metric's own on the first split of answer.splits, else
/// "em.numeric.unseen". Metrics of pairs have one row for each of data.spans, "pref.ranking.strategy".
struct TextRow {
    const TextMetric* metric = nullptr;
    std::string split;
    std::string span;  // the label whose pairs the metric is taken over; "" all
    ReportMetric report;
};

MetricValue score_row(const TextRow& row, const TextAnswer& answer);

std::vector<TextRow> text_rows(const RecipeConfig& config);

}  // namespace linvox
