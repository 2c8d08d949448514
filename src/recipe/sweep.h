// Runs that differ in one setting of their training: what the setting does, as a panel of the report.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "eval/report.h"
#include "src/recipe/recipe_config.h"

namespace linvox {

/// The one key in which three or more align entries differ, and its value in each of them.
struct Sweep {
    std::string key;  // "loss.r2"
    std::vector<double> values;
};

/// Nothing when the entries differ in no key, in several, or in one that is not a number.
std::optional<Sweep> find_sweep(const std::vector<AlignRun>& runs);

/// Log-ratios of chosen and rejected answers and the headline metrics against the setting. `align_folder`
/// holds each run's train.jsonl.
ReportPanel sweep_panel(const Sweep& sweep, const std::vector<AlignRun>& runs,
                        const std::filesystem::path& align_folder, const Report& report);

}  // namespace linvox
