// sft (text and math): train the decoder LM on the training split's chosen answers.
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "src/recipe/stages.h"
#include "src/recipe/start_model.h"
#include "src/recipe/text_answers.h"
#include "src/train/sft.h"

namespace linvox {
namespace {

/// Everything behind the first token, mostly BOS, becomes the answer, so that the prompt is learned too.
SequenceGroup with_learned_prompt(SequenceGroup group) {
    std::vector<std::int32_t>& ids = group.answers[0].ids;
    ids.insert(ids.begin(), group.prompt_ids.begin() + 1, group.prompt_ids.end());
    const auto moved = static_cast<std::int32_t>(group.prompt_ids.size() - 1);
    for (Span& span : group.answers[0].given) span = {span.begin + moved, span.end + moved};
    group.prompt_ids.resize(1);
    return group;
}

std::vector<SequenceGroup> text_groups(const std::vector<TextItem>& items, const TextEncoder& encoder,
                                       std::int64_t context, bool learn_prompts) {
    std::vector<SequenceGroup> groups;
    for (const TextItem& item : items) {
        groups.push_back(chosen_group(encoder, item));
        if (learn_prompts) groups.back() = with_learned_prompt(std::move(groups.back()));
        LINVOX_REQUIRE(
            longest_sequence(groups.back()) <= context, DataError,
            "'{}' ({}) takes {} tokens, more than the model's context of {}; shorten or drop the record",
            item.id, item.source, longest_sequence(groups.back()), context);
    }
    return groups;
}

}  // namespace

void stage_sft_text(const StageContext& context) {
    const RecipeConfig& config = context.config;
    if (keeps_checkpoint(config)) return link_checkpoint(context);
    const auto prepare = context.run.stage("prepare");
    const TextEncoder encoder = TextEncoder::load(prepare);
    const auto items = read_text_items(prepare / "items.jsonl");
    Decoder decoder = initial_decoder(config, encoder.size(), TextEncoder::bos, encoder.stop_ids().front());
    const std::int64_t length = start_context(config);
    const bool learn_prompts = config.task == "text" && config.text_data.learn_prompts;
    std::vector<TextItem> learned = with_split(items, "train");
    for (TextItem& item : with_split(items, "dialogue")) learned.push_back(std::move(item));
    const auto training = text_groups(learned, encoder, length, learn_prompts);
    log_line(fmt::format("  {:.2f} M weights, {} training examples",
                         static_cast<double>(weight_count(decoder)) / 1e6, training.size()));
    SftData data;
    data.epoch = [&](int, Rng&) { return training; };
    data.validation = text_groups(with_split(items, "valid"), encoder, length, false);
    data.softmax = encoder.softmax();
    data.identity = {{"items", sha256_file(prepare / "items.jsonl")}};
    train_start_model(context, std::move(decoder), data);
}

}  // namespace linvox
