// Lines of JSON that a person or another program writes: a prompt, and answers to it, as ids or as text.
// Wider than records.h, which reads only what stages write; used by the commands that take any such file.
//
//   prompt    "prompt_ids": [..], or "prompt": "text" or [{"role", "content"}, ..]
//   answers   "ids" | "answer_ids" | "completion" | "answer"      one answer
//             "answers": [[..], "text", {"ids": [..]}, {"text": ".."}, ..]
//             "chosen_ids" / "chosen" and "rejected_ids" / "rejected"   (one, or a list of them)
//             "candidates": [{"ids": [..], "given": [[b, e], ..]}, ..]
//   or one of the text forms of preference_texts.h, with its prompt, "chosen" and "rejected".
//   Answers may have labelled spans, of ids in tokens, of text in characters:
//             "spans": [{"begin", "end", "label"}, ..] beside "given"; "chosen_spans"; "rejected_spans"
//   "id" is optional; a first line {"format": ...} is passed over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/data/dialogues.h"
#include "src/data/pack.h"
#include "src/model/model_config.h"
#include "src/text/chat_template.h"
#include "src/text/text_spans.h"

namespace linvox {

struct LineRules {
    // All empty: text is refused.
    EncodePrompt encode_prompt;
    EncodeAnswer encode_answer;
    /// Spans in characters of an answer's text as spans of what encode_answer makes of it.
    std::function<std::vector<LabelledSpan>(const std::string&, const std::vector<LabelledSpan>&)>
        token_spans;
    TurnSelection turns;                // of dialogues
    std::int64_t vocab_size = 0;        // of the model
    std::int64_t max_positions = 0;     // longest prompt and answer together
    std::vector<std::int32_t> end_ids;  // an answer that ends in one of them has its end
    std::vector<std::int32_t> closing;  // what any other answer gets appended
};

/// How the lines of a model directory are encoded.
struct LineStyle {
    std::optional<ChatTemplate> form;    // none: plain text
    bool lead_in_prompt = false;         // as in ChatEncoding
    std::vector<std::int32_t> stop_ids;  // ids that end an answer
    bool append_end = false;             // answers without an end get the template's, else the first stop id
    TurnSelection turns;                 // of dialogues
};

/// The rules of a model directory. Its tokenizer is loaded when the first text comes, with a template at
/// once: UserError when it lacks the template's marks.
LineRules line_rules(const std::filesystem::path& model, const ModelConfig& config,
                     const LineStyle& style = {});

struct PromptLine {
    std::string id;  // "line-12" where the file has none
    std::vector<std::int32_t> prompt_ids;
    std::string text;  // of the prompt, where the file has it
};

/// A prompt with answers, which are named as in the file: "answer", "answers[2]", "chosen", "rejected[0]".
struct AnswerLine {
    SequenceGroup group;
    std::vector<std::string> names;
    std::vector<std::vector<LabelledSpan>> spans;  // of each answer, in tokens; mostly none
};

/// DataErrors name the field; for_each_json_line puts file and line in front.
PromptLine read_prompt_line(const nlohmann::json& line, std::size_t number, const LineRules& rules);
AnswerLine read_answer_line(const nlohmann::json& line, std::size_t number, const LineRules& rules);

/// A conversation with its scored turns; DataError when it is longer than the model's context.
SequenceGroup dialogue_group(Dialogue dialogue, const LineRules& rules);

/// The lines of a file; DataError for a repeated prompt id, a prompt that fills the context, or a file
/// without any. What `visit` throws gets file and line in front too.
std::vector<PromptLine> read_prompt_lines(const std::filesystem::path& file, const LineRules& rules);
void for_each_answer_line(const std::filesystem::path& file, const LineRules& rules,
                          const std::function<void(AnswerLine&&)>& visit);

}  // namespace linvox
