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

#include "src/text/token_ids.h"

namespace linvox {

/// Immutable and safe to use from several threads at once. Copies share the vocabulary.
class Tokenizer {
public:
    /// Ids of `text`. `add_special` adds what the model puts around a text, mostly BOS: the post-processor of
    /// tokenizer.json; for sentencepiece what add_bos_token and add_eos_token of tokenizer_config.json say.
    /// Special tokens that tokenizer.json names become their ids where the text has them. Bytes that are not
    /// UTF-8 count as U+FFFD, one for each maximal broken part, as Python's decode(errors="replace") has it.
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

    /// From tokenizer_config.json, else special_tokens_map.json, else the sentencepiece model.
    const SpecialIds& special_ids() const;

    /// All tokens by id, as token() gives them.
    const std::vector<std::string>& tokens() const;

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

/// The files of a model directory that load_tokenizer may read, as far as they exist; in a fixed order.
std::vector<std::filesystem::path> tokenizer_files(const std::filesystem::path& directory);

}  // namespace linvox
