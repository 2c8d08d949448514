// A recipe from file to report: reads it, walks its stages.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/recipe/recipe_config.h"
#include "src/recipe/stage.h"

namespace linvox {

/// The stages of the TTS recipe in order.
const std::vector<Stage>& tts_stages();

/// Runs a recipe in `run_dir` (empty: the recipe's own). Returns the run directory.
std::filesystem::path run_recipe(const RecipeConfig& config, const std::filesystem::path& run_dir,
                                 const StageOptions& options);

}  // namespace linvox
