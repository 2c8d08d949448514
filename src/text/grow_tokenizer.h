// More tokens in the tokenizer of a text model, for one that is to speak: codec tokens in tokenizer.json
// and tokenizer_config.json. Everything else in the two files keeps its bytes. Does not touch weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// "<|s_N|>" with N from `first` to `first` + `count` - 1. UserError for a pattern without one "N".
std::vector<std::string> numbered_tokens(std::string_view pattern, std::int32_t count,
                                         std::int32_t first = 0);

struct TokenizerGrowth {
    struct File {
        std::string name, bytes;
    };
    std::vector<File> files;    // those that change, whole: tokenizer.json, tokenizer_config.json if there
    std::int32_t first_id = 0;  // of the first new token; the others follow in order
    std::int32_t size = 0;      // of the grown vocabulary: the least number of embedding rows
};

/// Added tokens behind the last id of the tokenizer.json in `directory`; nothing is written. The first
/// `special` of them are marks, which decode(skip_special) leaves out. UserError for a token that is there
/// already, is empty or comes twice, DataError for a directory without a tokenizer.json that Tokenizer can
/// read.
TokenizerGrowth grow_tokenizer(const std::filesystem::path& directory, std::span<const std::string> tokens,
                               std::size_t special = 0);

}  // namespace linvox
