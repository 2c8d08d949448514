// What the linvox commands do once their arguments are known. Results go to stdout.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/config/config_io.h"
#include "src/recipe/stage.h"

namespace linvox {

struct RunArguments {
    ConfigSource source;        // recipe, profile, overrides
    std::filesystem::path run;  // --run; empty: the recipe's run_dir
    StageOptions stages;
    bool resume = false;  // runs always resume; the flag is for scripts that say so
};

void command_run(const RunArguments& arguments);
void command_config(const ConfigSource& source);
void command_stages();
void command_losses();
void command_losses_eval(const std::filesystem::path& file);
void command_metrics();

/// Pools the reports of several run directories into the report directory `out`.
void command_pool(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& out);

}  // namespace linvox
