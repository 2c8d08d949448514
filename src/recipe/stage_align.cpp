// align: train every aligned model from the same start on the same pairs, gates first.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/model/adapter_directory.h"
#include "src/model/model_directory.h"
#include "src/recipe/align_inputs.h"
#include "src/recipe/contrast.h"
#include "src/recipe/probe_watch.h"
#include "src/recipe/stages.h"
#include "src/recipe/start_model.h"
#include "src/train/align_reference.h"
#include "src/train/reference_cache.h"

namespace linvox {
namespace {

void align_one(const StageContext& context, const AlignRun& entry, const AlignInputs& inputs) {
    const auto folder = context.folder / entry.name;
    if (std::filesystem::exists(folder / "done.json")) {
        log_line(fmt::format("  {}: done before the stop", entry.name));
        return;
    }
    ensure_directory(folder);
    Decoder policy = load_start_model(context.run);
    const ScoreConfig score = align_score_config(entry.train, inputs.softmax);
    const auto reference_file = context.run.stage("reference") / "reference.jsonl";
    AlignData data;
    data.train = inputs.train;
    data.held_out = inputs.watch;
    if (!uses_live_reference(entry.train))
        data.reference = read_reference(reference_file, reference_identity(policy, score, inputs.digests));
    data.softmax = inputs.softmax;
    data.identity = {{"start", decoder_digest(policy)}, {"reference", sha256_file(reference_file)}};
    log_line(fmt::format("  {}: {}", entry.name, describe_loss(entry.train.loss)));
    if (loss_reads(entry.train.loss).contrastive_weights)
        data.contrast = train_contrast(context, entry.train, data, folder / "contrast");
    const TrainRun run{folder / "checkpoints", true, [&](std::int64_t resume_step) {
                           return watch_training(context, folder, policy, resume_step, /*probe_first=*/true);
                       }};
    const TrainResult result = train_align(policy, data, entry.train, run);
    if (policy.has_lora())
        save_adapter(folder / "adapter", policy, (context.run.stage("sft") / "model").string());
    save_in_start_form(context.config, folder / "model", policy);
    std::filesystem::remove_all(folder / "checkpoints");
    write_json(folder / "done.json",
               {{"steps", result.steps}, {"seconds", result.seconds}, {"best_step", result.best_step}});
}

}  // namespace

void stage_align(const StageContext& context) {
    const AlignInputs inputs = load_align_inputs(context);
    for (const AlignRun& entry : context.config.align) align_one(context, entry, inputs);
}

}  // namespace linvox
