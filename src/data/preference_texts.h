// Foreign preference data in text form, one JSON object a line, as prompt turns with a preferred and rejected
// answers. Token ids are records.h's; tokenising is the caller's.
//
//   trl              {"prompt": "..." or messages, "chosen": "...", "rejected": "..." or a list of them}
//   trl-chat         the same with lists of {"role", "content"}; `prompt` may be left out (or be a string)
//   when the answers
//                    repeat its turns
//   trl-implicit     {"chosen": "...", "rejected": "..."}: the prompt is their common beginning
//   ultrafeedback    {"instruction": "...", "completions": [{"response": "...", "overall_score": 7}, ...]}
//                    Behind the prompt stands one message of the assistant's, or a dialogue (dialogues.h)
//   lpo-candidates   {"model_input": "...", "better_context": "...", "candidate_set": ["...", ...]}
//
// trl and trl-chat may name parts of the answers, in characters of their text (Unicode code points):
//   "chosen_spans": [{"begin": 0, "end": 12, "label": "strategy"}, ..], "rejected_spans": the same, or a list
//   for each of several rejected answers
//
// Not here: parquet and other binary forms (convert them first), unpaired data ("label").
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "src/data/dialogues.h"
#include "src/text/chat_template.h"
#include "src/text/text_spans.h"

namespace linvox {

/// What an answer may have beside its text.
struct AnswerDetails {
    std::vector<ChatMessage>
        turns;  // of a dialogue: all its messages, whose first one is the text; else none
    std::vector<LabelledSpan> spans;  // parts that are scored by themselves, in characters of the text
    bool operator==(const AnswerDetails&) const = default;
};

struct PreferenceText {
    std::vector<ChatMessage> prompt;
    std::string chosen;
    std::vector<std::string> rejected;  // at least one
    std::size_t line = 0;
    AnswerDetails chosen_details = {};
    std::vector<AnswerDetails> rejected_details = {};  // of each rejected answer
};

/// Whether a record is preference data in text form: not when a side is token ids.
bool is_preference_text(const nlohmann::json& record);

/// The names above.
const std::vector<std::string>& preference_formats();

/// The format of a record by its fields; DataError saying what is missing, or why it is refused.
std::string preference_format_of(const nlohmann::json& record);

/// One record of a known format. DataError naming the field: missing, of another type, a last message that is
/// not the assistant's, a prompt that is not the beginning of the answers, no common beginning.
PreferenceText parse_preference_text(const nlohmann::json& record, const std::string& format);

/// A whole file. DataError with file and line for the first record that cannot be used: as
/// parse_preference_text says, of another format than the first one, with an empty prompt or answer, or with
/// equal answers. `linvox validate` lists all.
std::vector<PreferenceText> read_preference_texts(const std::filesystem::path& path);

/// What makes a parsed pair unusable, or "": an empty side, equal answers.
std::string pair_problem(const PreferenceText& pair);

/// End and turn marks that belong to a tokenizer or template ("</s>", "<|im_end|>", ...) at the edges of a
/// text, in order; they would stand twice once the answer is encoded.
std::vector<std::string> edge_marks(const std::string& text);
std::string without_edge_marks(const std::string& text);

}  // namespace linvox
