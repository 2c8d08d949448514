// Lines of JSON that a person or another program writes: a prompt, and answers to it, as ids or as text.
// Wider than records.h, which reads only what stages write; used by the commands that take any such file.
//
//   prompt    "prompt_ids": [..] or "prompt": "text"
//   answers   "ids" | "answer_ids" | "completion" | "answer"      one answer
//             "answers": [[..], "text", {"ids": [..]}, {"text": ".."}, ..]
//             "chosen_ids" / "chosen" and "rejected_ids" / "rejected"   (one, or a list of them)
//             "candidates": [{"ids": [..], "given": [[b, e], ..]}, ..]
//   "id" is optional; a first line {"format": ...} is passed over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "src/data/pack.h"
#include "src/model/model_config.h"

namespace linvox {

/// Text to ids; `opens` says that it opens the sequence, where a model may want a BOS token.
using EncodeText = std::function<std::vector<std::int32_t>(const std::string& text, bool opens)>;

struct LineRules {
    EncodeText encode;               // empty: a file with text is refused
    std::int64_t vocab_size = 0;     // of the model
    std::int64_t max_positions = 0;  // longest prompt and answer together
};

/// The rules of a model directory. Its tokenizer is loaded when the first text comes.
LineRules line_rules(const std::filesystem::path& model, const ModelConfig& config);

struct PromptLine {
    std::string id;  // "line-12" where the file has none
    std::vector<std::int32_t> prompt_ids;
    std::string text;  // of the prompt, where the file has it
};

/// A prompt with answers, which are named as in the file: "answer", "answers[2]", "chosen", "rejected[0]".
struct AnswerLine {
    SequenceGroup group;
    std::vector<std::string> names;
};

/// DataErrors name the field; for_each_json_line puts file and line in front.
PromptLine read_prompt_line(const nlohmann::json& line, std::size_t number, const LineRules& rules);
AnswerLine read_answer_line(const nlohmann::json& line, std::size_t number, const LineRules& rules);

/// The lines of a file; DataError for a repeated id or a file without any.
std::vector<PromptLine> read_prompt_lines(const std::filesystem::path& file, const LineRules& rules);
std::vector<AnswerLine> read_answer_lines(const std::filesystem::path& file, const LineRules& rules);

}  // namespace linvox
