// Reads a Hugging Face tokenizer.json into the parts that HfTokenizer runs. Byte-level BPE only; what is
// not supported is refused by name, never skipped. "truncation" and "padding" are not read: they are
// settings of a batch, which transformers replaces as well.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "src/text/added_tokens.h"
#include "src/text/byte_bpe.h"
#include "src/text/pre_tokenizer.h"

namespace linvox {

struct HfTokenizerFile {
    bool nfc = false;                  // normaliser
    std::vector<SplitPass> passes;     // pre-tokeniser
    ByteBpe::Config bpe;               // model
    std::vector<AddedToken> added;     // in the file's order
    std::vector<std::int32_t> before;  // what the post-processor puts in front of a text ...
    std::vector<std::int32_t> after;   // ... and behind it
    std::vector<std::string> tokens;   // by id, as the file writes them; "" where an id is unused
};

/// `more` are tokens that the file may lack (tokenizer_config.json's "added_tokens_decoder").
/// DataError naming the file and the part that is missing, broken or not supported.
HfTokenizerFile read_hf_tokenizer(const std::filesystem::path& path,
                                  const std::vector<AddedToken>& more = {});

/// An entry of "added_tokens" or of "added_tokens_decoder", which keeps its id outside of it.
AddedToken read_added_token(const nlohmann::json& entry, std::int32_t id);

}  // namespace linvox
