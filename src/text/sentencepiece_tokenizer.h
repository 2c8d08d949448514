// Subword pieces (sentencepiece): trained on given lines or loaded. Used by the plain layout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/text/token_ids.h"

namespace linvox {

struct SentencepieceConfig {
    std::int64_t vocabulary_size = 256;  // an upper limit: small text gives fewer pieces
    std::string kind = "unigram";        // "unigram", "bpe", "char"
    double character_coverage = 1.0;
    std::int64_t seed = 0;
};

/// Trains a model; the same lines and configuration give the same bytes. Returns the serialised
/// model. DataError when there is no text.
std::string train_sentencepiece(std::span<const std::string> lines, const SentencepieceConfig& config);

class SentencepieceTokenizer {
public:
    /// From a .model file, or from bytes as train_sentencepiece gives them. DataError naming the file.
    static SentencepieceTokenizer load(const std::filesystem::path& path);
    static SentencepieceTokenizer from_bytes(std::string_view model);
    SentencepieceTokenizer(SentencepieceTokenizer&&) noexcept;
    SentencepieceTokenizer& operator=(SentencepieceTokenizer&&) noexcept;
    ~SentencepieceTokenizer();

    std::vector<std::string> pieces(std::string_view text) const;
    std::vector<std::int32_t> ids(std::string_view text) const;
    std::string decode(std::span<const std::string> pieces) const;
    std::string decode(std::span<const std::int32_t> ids) const;
    /// All pieces in id order, control and unknown included.
    std::vector<std::string> vocabulary() const;
    SpecialIds special_ids() const;
    /// Control and unknown pieces: no text of their own.
    bool is_control(std::int32_t id) const;

private:
    struct State;
    explicit SentencepieceTokenizer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace linvox
