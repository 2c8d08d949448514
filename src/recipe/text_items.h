// Prompts and answers in text form, as the text and math recipes prepare them. Written by prepare, read by
// every stage that needs words again; ids are made by text_encoder.h.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/data/preference_texts.h"

namespace linvox {

/// A prompt with its good answer. What the splits mean: train is learned by SFT, prompts are answered by the
/// model itself (verified, never shown with their solution), dialogue is learned by SFT and makes no pair,
/// valid is for tuning and early stopping, all others are test splits.
struct TextItem {
    std::string id, split;
    std::vector<ChatMessage> prompt;
    std::string chosen;                                // the worked solution, the preferred answer
    std::vector<std::string> rejected;                 // text recipe; empty in the math recipe
    std::string gold;                                  // math recipe: the final answer
    std::string source;                                // where it comes from: "generated", "file.jsonl:12"
    AnswerDetails chosen_details = {};                 // text recipe: spans, or the turns of a dialogue
    std::vector<AnswerDetails> rejected_details = {};  // of each rejected answer, or none
    bool operator==(const TextItem&) const = default;
};

void write_text_items(const std::filesystem::path& path, const std::vector<TextItem>& items);
std::vector<TextItem> read_text_items(const std::filesystem::path& path);
std::vector<TextItem> with_split(const std::vector<TextItem>& items, const std::string& split);

/// The prompt for people: one message as it is, several with their roles.
std::string prompt_text(const std::vector<ChatMessage>& prompt);

}  // namespace linvox
