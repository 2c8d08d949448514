// The tokenizer of a model directory: text to ids and back, whichever file the directory brings.
// Reads Hugging Face's tokenizer.json (byte-level BPE: GPT-2, Llama 3, Qwen2, Qwen3) and sentencepiece
// models. Ids agree with the Python packages `tokenizers` and `sentencepiece`. Does not train.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// What a directory's tokenizer_config.json (or the sentencepiece model) names; -1: not named.
struct SpecialIds {
    std::int32_t bos = -1, eos = -1, pad = -1, unk = -1;
};

/// Immutable and safe to use from several threads at once. Copies share the vocabulary.
class Tokenizer {
public:
    /// Ids of `text`. `add_special` adds what the model's post-processor adds (mostly BOS) around them.
    /// Special tokens written in the text become their ids either way. Bytes that are not UTF-8 count as
    /// U+FFFD, one for each maximal broken part, as Python's decode(errors="replace") has it.
    std::vector<std::int32_t> encode(std::string_view text, bool add_special = false) const;

    /// Text of `ids`; `skip_special` leaves special tokens out. Always valid UTF-8: cut characters become
    /// U+FFFD. DataError for an id that names no token.
    std::string decode(std::span<const std::int32_t> ids, bool skip_special = false) const;

    /// One above the largest id. Ids in between may be unused: their token is "".
    std::int32_t size() const;

    /// The token as the tokenizer's file writes it ("Ġhello", "<|s_17|>"); DataError outside [0, size()).
    std::string token(std::int32_t id) const;

    /// The id of a token as the file writes it, or none.
    std::optional<std::int32_t> id(std::string_view token) const;

    /// Whether the token is marked special: decode(skip_special) leaves it out.
    bool is_special(std::int32_t id) const;

    const SpecialIds& special_ids() const;

    /// "byte-level BPE" or "sentencepiece", and the file it was read from.
    std::string kind() const;
    std::filesystem::path file() const;

    struct State;
    explicit Tokenizer(std::shared_ptr<const State> state);

private:
    std::shared_ptr<const State> state_;
};

/// From a model directory: tokenizer.json, else tokenizer.model, else the only *.model; or from such a
/// file itself. tokenizer_config.json beside it, where there is one, names the special tokens.
/// DataError that names what was looked for, or the file and the part that is not supported.
Tokenizer load_tokenizer(const std::filesystem::path& directory_or_file);

}  // namespace linvox
