// What the linvox commands do once their arguments are known. Results go to stdout.
#pragma once

#include <filesystem>
#include <string>

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

}  // namespace linvox
