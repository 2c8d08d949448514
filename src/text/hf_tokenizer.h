// Runs a tokenizer.json: added tokens, normaliser, pre-tokeniser, byte-level BPE, post-processor, and
// the way back. Use it through Tokenizer (tokenizer.h).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/text/hf_tokenizer_file.h"

namespace linvox {

class HfTokenizer {
public:
    explicit HfTokenizer(HfTokenizerFile file);

    std::vector<std::int32_t> encode(std::string_view text, bool add_special) const;
    /// Ids must be in range.
    std::string decode(std::span<const std::int32_t> ids, bool skip_special) const;

    const std::vector<std::string>& tokens() const { return tokens_; }
    bool is_special(std::int32_t id) const { return special_[static_cast<std::size_t>(id)]; }

private:
    /// What one thread works with; kept between calls for the sake of its word cache.
    struct Scratch {
        PreTokenizer::Scratch matching;
        WordCache words;
        std::vector<TextSection> sections, inner;
    };
    /// A Scratch out of the drawer, put back at the end of the call.
    class Borrowed;

    void encode_section(std::string_view text, Scratch& scratch, std::vector<std::int32_t>& ids) const;

    std::vector<std::string> tokens_;  // by id, in byte letters
    std::vector<std::string> bytes_;   // by id, what decode puts out
    std::vector<bool> special_;
    bool nfc_;
    std::vector<std::int32_t> before_, after_;
    AddedTokenFinder raw_added_, normalized_added_;
    bool has_normalized_added_;
    PreTokenizer pre_tokenizer_;
    ByteBpe bpe_;
    mutable std::mutex drawer_lock_;
    mutable std::vector<std::unique_ptr<Scratch>> drawer_;
};

}  // namespace linvox
