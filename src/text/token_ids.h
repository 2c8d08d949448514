// From a token's text to its id (string_views are looked up without a copy), and the ids with a role.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace linvox {

struct TokenHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// Tokens with a role, by the names of tokenizer_config.json; -1: the tokenizer has none.
struct SpecialIds {
    std::int32_t bos = -1, eos = -1, pad = -1, unk = -1;
    bool operator==(const SpecialIds&) const = default;
};

using TokenIds = std::unordered_map<std::string, std::int32_t, TokenHash, std::equal_to<>>;

}  // namespace linvox
