// A linear list of stages, each skipped while its inputs are unchanged. No graph engine.
//
// A stage's key is a digest of the config sections it uses, the files it reads and the program's
// version. stage.json holds the key and is written last, so a stage without it is unfinished:
// with the same key in started.json it goes on where it stopped, with another it starts afresh.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "src/recipe/recipe_config.h"
#include "src/recipe/run_directory.h"

namespace linvox {

/// What a stage function gets.
struct StageContext {
    const RecipeConfig& config;
    const RunDirectory& run;
    std::filesystem::path folder;  // the stage's own folder, made before the call
};

/// Beside a link in a stage's folder: a digest of what it points to, which stages that read the link have in
/// their keys. So the weights of a checkpoint are hashed by the stage that links them and not by each reader.
inline constexpr const char* kLinkedDigestFile = "linked.sha256";

struct Stage {
    std::string name;
    std::string doc;                           // one line for --help and --dry-run
    std::vector<std::string> sections;         // top-level config keys that shape the result
    std::vector<std::filesystem::path> reads;  // relative to RUN/stages: files or folders
    std::function<std::vector<std::filesystem::path>(const RecipeConfig&)>
        outside;  // inputs from elsewhere, may be empty
    void (*run)(const StageContext&);
};

struct StageOptions {
    std::string from;  // redo this stage and all after it
    std::string only;  // run just this one; its inputs must be there
    bool dry_run = false;
    std::filesystem::path reuse;  // another run: its finished stages are copied where they fit; or empty
};

/// Runs what has to run. UserError for an unknown stage name, or --only without its inputs.
void run_stages(const std::vector<Stage>& stages, const RecipeConfig& config, const RunDirectory& run,
                const StageOptions& options);

}  // namespace linvox
