// The parts of a report that do not depend on the task.
#pragma once

#include "eval/report.h"
#include "src/recipe/stage.h"

namespace linvox {

/// Title, version, config hash, date, seed and the facts every run has: model, time, the losses.
ReportRun describe_report_run(const StageContext& context);

/// SFT and every aligned model, in the order of the recipe.
std::vector<ReportSystem> list_models(const RecipeConfig& config);

/// Every aligned model against SFT, and every later model against the first aligned one.
std::vector<ReportComparison> list_comparisons(const RecipeConfig& config);

/// The training logs of SFT and the aligned models.
std::vector<Curve> training_curves(const StageContext& context);

/// Writes the report's directory, and table.txt into the stage's folder.
void finish_report(const StageContext& context, ReportInput input);

}  // namespace linvox
