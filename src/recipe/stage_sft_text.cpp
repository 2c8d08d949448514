// sft (text and math): train the decoder LM on the training split's chosen answers.
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/model/model_directory.h"
#include "src/recipe/probe_watch.h"
#include "src/recipe/stages.h"
#include "src/recipe/text_encoder.h"
#include "src/recipe/text_items.h"
#include "src/train/sft.h"

namespace linvox {
namespace {

/// Everything behind BOS becomes the answer, so that the prompt is learned too.
SequenceGroup with_learned_prompt(SequenceGroup group) {
    std::vector<std::int32_t>& ids = group.answers[0].ids;
    ids.insert(ids.begin(), group.prompt_ids.begin() + 1, group.prompt_ids.end());
    group.prompt_ids.resize(1);
    return group;
}

std::vector<SequenceGroup> text_groups(const std::vector<TextItem>& items, const TextEncoder& encoder,
                                       std::int64_t context, bool learn_prompts) {
    std::vector<SequenceGroup> groups;
    for (const TextItem& item : items) {
        groups.push_back(encoder.group(item.id, item.prompt, item.chosen));
        if (learn_prompts) groups.back() = with_learned_prompt(std::move(groups.back()));
        LINVOX_REQUIRE(
            longest_sequence(groups.back()) <= context, DataError,
            "'{}' ({}) takes {} tokens, more than model.max_position_embeddings = {}; raise it or drop the "
            "record",
            item.id, item.source, longest_sequence(groups.back()), context);
    }
    return groups;
}

}  // namespace

void stage_sft_text(const StageContext& context) {
    const RecipeConfig& config = context.config;
    const auto prepare = context.run.stage("prepare");
    const TextEncoder encoder = TextEncoder::load(prepare);
    const auto items = read_text_items(prepare / "items.jsonl");
    ModelConfig shape = config.model.shape;
    shape.vocab_size = encoder.size();
    shape.bos_token_id = TextEncoder::bos;
    shape.eos_token_ids = {TextEncoder::eos};
    Decoder decoder = make_decoder(shape, mix_seed(static_cast<std::uint64_t>(config.seed), "weights"));
    const bool learn_prompts = config.task == "text" && config.text_data.learn_prompts;
    const auto training =
        text_groups(with_split(items, "train"), encoder, shape.max_position_embeddings, learn_prompts);
    log_line(fmt::format("  {:.2f} M weights, {} training examples",
                         static_cast<double>(weight_count(decoder)) / 1e6, training.size()));
    SftData data;
    data.epoch = [&](int, Rng&) { return training; };
    data.validation = text_groups(with_split(items, "valid"), encoder, shape.max_position_embeddings, false);
    data.vocab_begin = TextEncoder::eos;
    data.vocab_end = encoder.size();
    data.identity = {{"items", sha256_file(prepare / "items.jsonl")}};
    const TrainRun run{context.folder / "checkpoints", true, [&](std::int64_t resume_step) {
                           return watch_training(context, context.folder, decoder, resume_step);
                       }};
    const TrainResult result = train_sft(decoder, data, config.sft, run);
    save_model_directory(context.folder / "model", decoder);
    std::filesystem::remove_all(context.folder / "checkpoints");
    log_line(fmt::format("  {} steps, best validation {:.3f} nats per token at step {}", result.steps,
                         result.best_loss, result.best_step));
}

}  // namespace linvox
