// rounds (math): the aligned models answer fresh prompts and are trained again; nothing with rounds = 1.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "src/recipe/recipe.h"
#include "src/recipe/rounds.h"
#include "src/recipe/stages.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

constexpr std::array kRoundStages = {"candidates", "pairs", "reference", "align"};

fs::path round_folder(const RunDirectory& run, const std::string& name, std::int64_t round) {
    return run.stage("rounds") / name / fmt::format("{}", round);
}

/// The model that `round` leaves behind; round 1 is the align stage itself.
fs::path model_after(const RunDirectory& run, const std::string& name, std::int64_t round) {
    const fs::path stages = round == 1 ? run.root() / "stages" : round_folder(run, name, round) / "stages";
    return stages / "align" / name / "model";
}

/// A link that survives when the run moves.
void link_folder(const fs::path& target, const fs::path& link) {
    ensure_directory(link.parent_path());
    fs::remove(link);
    fs::create_directory_symlink(fs::relative(target, link.parent_path()), link);
}

std::vector<Stage> stages_of_round(const std::string& task) {
    const auto row =
        std::find_if(tasks().begin(), tasks().end(), [&](const Task& t) { return t.name == task; });
    LINVOX_ASSERT(row != tasks().end(), "the task '{}' has no stages", task);
    std::vector<Stage> stages;
    for (const Stage& stage : row->stages)
        if (std::find(kRoundStages.begin(), kRoundStages.end(), stage.name) != kRoundStages.end())
            stages.push_back(stage);
    return stages;
}

void train_round(const StageContext& context, const AlignRun& entry, std::int64_t round) {
    log_line(fmt::format("  {}, round {} of {}", entry.name, round, context.config.rounds));
    const fs::path folder = round_folder(context.run, entry.name, round);
    link_folder(context.run.stage("prepare"), folder / "stages" / "prepare");
    link_folder(model_after(context.run, entry.name, round - 1), folder / "stages" / "sft" / "model");
    RecipeConfig config = context.config;
    config.align = {entry};
    config.round = round;
    run_stages(stages_of_round(config.task), config, RunDirectory(folder), {});
}

}  // namespace

fs::path final_model(const RecipeConfig& config, const RunDirectory& run, const std::string& name) {
    return model_after(run, name, config.rounds);
}

void stage_rounds(const StageContext& context) {
    for (const AlignRun& entry : context.config.align)
        for (std::int64_t round = 2; round <= context.config.rounds; ++round)
            train_round(context, entry, round);
}

}  // namespace linvox
