// prepare (text): preference data or prose as prompts with a preferred and rejected answers, splits,
// sentencepiece.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/data/preference_texts.h"
#include "src/recipe/prose_pairs.h"
#include "src/recipe/stages.h"
#include "src/recipe/text_answers.h"
#include "src/recipe/text_encoder.h"
#include "src/text/sentencepiece_tokenizer.h"

namespace linvox {
namespace {

/// A prompt stands on one side only: its text decides the split.
std::vector<TextItem> preference_items(const TextDataConfig& config, std::uint64_t seed) {
    std::vector<TextItem> items;
    const TurnSelection turns = parse_turn_selection(config.parts.turns);
    for (PreferenceText& pair : read_preference_texts(config.manifest)) {
        const double draw = Rng(mix_seed(seed, "text split", prompt_text(pair.prompt))).uniform();
        const std::string split = draw < config.test_share                        ? "test"
                                  : draw < config.test_share + config.valid_share ? "valid"
                                                                                  : "train";
        items.push_back({fmt::format("{}-{:05}", split, items.size()), split, std::move(pair.prompt),
                         std::move(pair.chosen), std::move(pair.rejected), "",
                         fmt::format("{}:{}", config.manifest.filename().string(), pair.line),
                         std::move(pair.chosen_details), std::move(pair.rejected_details)});
        select_item_turns(items.back(), turns);
    }
    return items;
}

std::vector<TextItem> corpus_items(const TextDataConfig& config, std::uint64_t seed) {
    std::vector<Passage> passages;
    for (const std::string& name : config.corpus)
        for (Passage& passage : cut_passages(read_file(config.corpus_folder / name), name, config.prose))
            passages.push_back(std::move(passage));
    return prose_items(passages, config, seed);
}

/// Conversations for SFT: items without a rejected answer.
void add_dialogues(std::vector<TextItem>& items, const AnswerPartsConfig& config) {
    if (config.dialogues.empty()) return;
    const TurnSelection turns = parse_turn_selection(config.turns);
    for (Dialogue& dialogue : read_dialogues(config.dialogues)) {
        std::vector<ChatMessage>& said = dialogue.messages;
        const auto first = said.begin() + static_cast<std::ptrdiff_t>(first_answer(said));
        TextItem item{.id = fmt::format("dialogue-{:05}", dialogue.line),
                      .split = "dialogue",
                      .prompt = {said.begin(), first},
                      .chosen = first->content,
                      .source = fmt::format("{}:{}", config.dialogues.filename().string(), dialogue.line)};
        item.chosen_details.turns.assign(first, said.end());
        select_item_turns(item, turns);
        items.push_back(std::move(item));
    }
}

std::vector<std::string> training_lines(const std::vector<TextItem>& items) {
    std::vector<std::string> lines;
    for (const TextItem& item : items) {
        if (item.split != "train" && item.split != "dialogue") continue;
        for (const ChatMessage& turn : item.prompt) lines.push_back(turn.content);
        for (const ChatMessage& turn : item.chosen_details.turns) lines.push_back(turn.content);
        if (item.chosen_details.turns.empty()) lines.push_back(item.chosen);
    }
    LINVOX_REQUIRE(!lines.empty(), DataError,
                   "no training prompt is left; lower data.valid_share and test_share");
    return lines;
}

}  // namespace

void stage_prepare_text(const StageContext& context) {
    const TextDataConfig& config = context.config.text_data;
    const auto seed = static_cast<std::uint64_t>(context.config.seed);
    std::vector<TextItem> items =
        config.manifest.empty() ? corpus_items(config, seed) : preference_items(config, seed);
    add_dialogues(items, config.parts);
    const std::vector<std::string> lines = training_lines(items);
    const StartConfig& start = context.config.model.start;
    const TextEncoder encoder = start.given() ? TextEncoder::from_checkpoint(start)
                                              : TextEncoder::from_pieces(train_sentencepiece(
                                                    lines, {.vocabulary_size = config.pieces, .seed = 0}));
    encoder.save(context.folder);
    write_text_items(context.folder / "items.jsonl", items);
    std::map<std::string, std::int64_t> splits, pairs;
    for (const TextItem& item : items) {
        ++splits[item.split];
        pairs[item.split] += static_cast<std::int64_t>(item.rejected.size());
    }
    LINVOX_REQUIRE(splits.contains(context.config.answer.splits.front()), DataError,
                   "no prompt falls into the split '{}'; raise data.test_share or data.valid_share",
                   context.config.answer.splits.front());
    write_json(context.folder / "prepare_report.json",
               {{"splits", splits}, {"pairs", pairs}, {"tokens", encoder.size()}});
    log_line(fmt::format("  {} tokens; prompts {}, pairs {}", encoder.size(), nlohmann::json(splits).dump(),
                         nlohmann::json(pairs).dump()));
}

}  // namespace linvox
