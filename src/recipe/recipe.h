// A recipe from file to report: reads it, walks its stages.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/recipe/recipe_config.h"
#include "src/recipe/stage.h"

namespace linvox {

/// What a recipe may align, with its stages in order.
struct Task {
    std::string name;
    std::vector<Stage> stages;
};
const std::vector<Task>& tasks();

/// Runs a recipe in `run_dir` (empty: the recipe's own). Returns the run directory.
std::filesystem::path run_recipe(const RecipeConfig& config, const std::filesystem::path& run_dir,
                                 const StageOptions& options);

}  // namespace linvox
