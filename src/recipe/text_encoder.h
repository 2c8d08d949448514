// Text to ids and back for the text and math recipes: one layout over whatever cuts text into tokens.
//
//   0 PAD  1 BOS  2 EOS  3 SYSTEM  4 USER  5 ASSISTANT | tokens ...
//   prompt  BOS (role, tokens)... ASSISTANT          answer  tokens EOS
//
// A prompt ends in ASSISTANT, so it is always a prefix of the whole and no token spans the border.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/data/pack.h"
#include "src/recipe/text_items.h"
#include "src/text/token_layout.h"

namespace linvox {

class TextEncoder {
public:
    static constexpr std::int32_t pad = 0, bos = 1, eos = 2, first_token = 6;

    /// Words, digits and marks (word_tokens.h), every token of `texts` in order of its name.
    static TextEncoder from_words(std::span<const std::string> texts);
    /// Sentencepiece, a serialised model.
    static TextEncoder from_pieces(std::string model);
    /// What save() wrote into `folder`: vocabulary.json, and text.model with pieces.
    static TextEncoder load(const std::filesystem::path& folder);
    void save(const std::filesystem::path& folder) const;

    std::int32_t size() const;
    /// The kind of tokens: "words", "pieces".
    const std::string& kind() const;

    /// DataError naming the token or the role that has no id.
    std::vector<std::int32_t> prompt_ids(const std::vector<ChatTurn>& prompt) const;
    /// With EOS.
    std::vector<std::int32_t> answer_ids(const std::string& answer) const;
    /// The tokens' text; control ids are left out.
    std::string text(std::span<const std::int32_t> ids) const;

    SequenceGroup group(const std::string& id, const std::vector<ChatTurn>& prompt,
                        const std::string& answer) const;
    GenerationPlan plan(const std::vector<ChatTurn>& prompt) const;

private:
    struct State;
    explicit TextEncoder(std::shared_ptr<const State> state);
    std::vector<std::int32_t> ids(const std::string& text) const;
    std::shared_ptr<const State> state_;
};

}  // namespace linvox
