// Text to ids and back for the text and math recipes: the tokenizer and chat template of a checkpoint
// (src/text/chat_encoding.h), or for a model trained from scratch one layout over whatever cuts text into
// tokens:
//
//   0 PAD  1 BOS  2 EOS  3 SYSTEM  4 USER  5 ASSISTANT | tokens ...
//   prompt  BOS (role, tokens)... ASSISTANT          answer  tokens EOS
//   An earlier turn of the assistant's ends in EOS too, as it did when it was the answer.
//
// A prompt ends in ASSISTANT, so it is always a prefix of the whole and no token spans the border.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "src/data/pack.h"
#include "src/generate/sampler.h"
#include "src/model/softmax_range.h"
#include "src/recipe/checkpoint.h"
#include "src/recipe/text_items.h"
#include "src/text/text_spans.h"
#include "src/text/token_layout.h"

namespace linvox {

class TextEncoder {
public:
    static constexpr std::int32_t pad = 0, bos = 1, eos = 2, first_token = 6;  // not of a checkpoint

    /// Words, digits and marks (word_tokens.h), every token of `texts` in order of its name.
    static TextEncoder from_words(std::span<const std::string> texts);
    /// Sentencepiece, a serialised model.
    static TextEncoder from_pieces(std::string model);
    /// A checkpoint's; UserError when its tokenizer lacks the template's marks or nothing says what ends an
    /// answer.
    static TextEncoder from_checkpoint(const StartConfig& start);
    /// What save() wrote into `folder`: vocabulary.json, and text.model with pieces, or a checkpoint's
    /// tokenizer.
    static TextEncoder load(const std::filesystem::path& folder);
    void save(const std::filesystem::path& folder) const;

    /// Rows of the model.
    std::int32_t size() const;
    /// The kind of tokens: "words", "pieces", "checkpoint".
    const std::string& kind() const;
    /// What ends an answer; the first is what answers of the data get.
    const std::vector<std::int32_t>& stop_ids() const;
    /// The ids that may be predicted, and the settings with sampling limited to them.
    SoftmaxRange softmax() const;
    SamplingConfig restrict(SamplingConfig sampling) const;

    /// DataError naming the token or the role that has no id.
    std::vector<std::int32_t> prompt_ids(const std::vector<ChatMessage>& prompt) const;
    /// With its end.
    std::vector<std::int32_t> answer_ids(const std::string& answer) const;
    /// Spans of an answer in characters as spans of its answer_ids().
    std::vector<LabelledSpan> token_spans(const std::string& answer,
                                          const std::vector<LabelledSpan>& spans) const;
    /// The tokens' text; control ids are left out.
    std::string text(std::span<const std::int32_t> ids) const;

    SequenceGroup group(const std::string& id, const std::vector<ChatMessage>& prompt,
                        const std::string& answer) const;
    GenerationPlan plan(const std::vector<ChatMessage>& prompt) const;

private:
    struct State;
    explicit TextEncoder(std::shared_ptr<const State> state);
    std::vector<std::int32_t> ids(const std::string& text) const;
    void save_checkpoint(const std::filesystem::path& folder) const;
    static TextEncoder load_checkpoint(const nlohmann::json& document, const std::filesystem::path& folder);
    std::shared_ptr<const State> state_;
};

}  // namespace linvox
