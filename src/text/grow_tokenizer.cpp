#include "src/text/grow_tokenizer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

bool is_json_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Behind the string that starts at `at`.
std::size_t skip_json_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
    }
    return at + 1;
}

/// Behind the object or array that starts at `at`.
std::size_t skip_json_brackets(std::string_view text, std::size_t at) {
    for (int depth = 0; at < text.size();) {
        const char c = text[at];
        if (c == '"') {
            at = skip_json_string(text, at);
            continue;
        }
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        ++at;
        if (depth == 0) break;
    }
    return at;
}

/// Where the object or array under `key` of the outermost object stands: from its bracket to behind the
/// other one. npos, npos when there is none. The text is valid JSON.
std::pair<std::size_t, std::size_t> find_member(std::string_view text, std::string_view key) {
    constexpr auto kNone = std::string_view::npos;
    const std::string quoted = fmt::format("\"{}\"", key);
    std::size_t at = text.find('{') + 1;
    while (at < text.size() && text[at] != '}') {
        if (text[at] == '{' || text[at] == '[') {
            at = skip_json_brackets(text, at);
        } else if (text[at] == '"') {
            const std::size_t end = skip_json_string(text, at);
            const bool found = text.substr(at, end - at) == quoted;
            std::size_t value = text.find_first_not_of(" \n\r\t", end);
            if (found && value < text.size() && text[value] == ':') {
                value = text.find_first_not_of(" \n\r\t", value + 1);
                if (text[value] != '{' && text[value] != '[') return {kNone, kNone};
                return {value, skip_json_brackets(text, value)};
            }
            at = end;
        } else {
            ++at;
        }
    }
    return {kNone, kNone};
}

/// A new member of a list: "" or "key": in front, the value behind.
struct NewEntry {
    std::string key;
    Json value;
};

/// The entries as the last ones of the list in text[begin, end), in the list's own style: on lines of
/// their own where it is.
std::string with_entries(std::string_view text, std::size_t begin, std::size_t end,
                         const std::vector<NewEntry>& entries) {
    std::size_t last = end - 1;  // behind the last value
    while (is_json_space(text[last - 1])) --last;
    const bool empty = last - 1 == begin;
    const std::string_view gap = text.substr(last, end - 1 - last);
    const bool lines =
        empty ? text.find('\n') != std::string_view::npos : gap.find('\n') != std::string_view::npos;
    const std::size_t line_start = text.rfind('\n', empty ? begin : end - 1) + 1;
    const std::size_t indent = lines ? text.find_first_not_of(" \t", line_start) - line_start : 0;
    const std::string padding(indent + 2, ' ');
    std::string added;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i > 0 || !empty) added += ",";
        std::string value = entries[i].value.dump(lines ? 2 : -1);
        if (lines) {
            added += "\n" + padding;
            for (std::size_t at = 0; (at = value.find('\n', at)) != std::string::npos;
                 at += padding.size() + 1)
                value.insert(at + 1, padding);
        }
        if (!entries[i].key.empty()) added += fmt::format("\"{}\":{}", entries[i].key, lines ? " " : "");
        added += value;
    }
    std::string out(text.substr(0, last));
    out += added;
    if (empty && lines) out += "\n" + std::string(indent, ' ');
    out += text.substr(last);
    return out;
}

// Keys in the order in which the two packages write them.
NewEntry tokenizer_entry(const std::string& token, std::int32_t id, bool special) {
    return {"", Json{{"id", id},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", special}}};
}

NewEntry settings_entry(const std::string& token, std::int32_t id, bool special) {
    return {fmt::format("{}", id), Json{{"content", token},
                                        {"lstrip", false},
                                        {"normalized", false},
                                        {"rstrip", false},
                                        {"single_word", false},
                                        {"special", special}}};
}

void require_new(std::span<const std::string> tokens, const Tokenizer& tokenizer) {
    std::set<std::string_view> seen;
    LINVOX_REQUIRE(!tokens.empty(), UserError, "no tokens to add to {}", tokenizer.file().string());
    for (const std::string& token : tokens) {
        LINVOX_REQUIRE(!token.empty(), UserError, "an empty token cannot be added");
        LINVOX_REQUIRE(seen.insert(token).second, UserError, "the token '{}' is to be added twice", token);
        LINVOX_REQUIRE(!tokenizer.id(token), UserError, "{}: the token '{}' is there already, with the id {}",
                       tokenizer.file().string(), token, *tokenizer.id(token));
    }
}

}  // namespace

std::vector<std::string> numbered_tokens(std::string_view pattern, std::int32_t count, std::int32_t first) {
    const std::size_t at = pattern.find('N');
    LINVOX_REQUIRE(at != std::string_view::npos && pattern.find('N', at + 1) == std::string_view::npos,
                   UserError, "the pattern of codec tokens '{}' must hold one N for the number, like <|s_N|>",
                   pattern);
    std::vector<std::string> tokens;
    for (std::int32_t i = 0; i < count; ++i)
        tokens.push_back(fmt::format("{}{}{}", pattern.substr(0, at), first + i, pattern.substr(at + 1)));
    return tokens;
}

TokenizerGrowth grow_tokenizer(const fs::path& directory, std::span<const std::string> tokens,
                               std::size_t special) {
    const Tokenizer tokenizer = load_tokenizer(directory / "tokenizer.json");
    require_new(tokens, tokenizer);
    TokenizerGrowth growth{.first_id = tokenizer.size()};
    growth.size = growth.first_id + static_cast<std::int32_t>(tokens.size());
    std::vector<NewEntry> entries, settings;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const std::int32_t id = growth.first_id + static_cast<std::int32_t>(i);
        entries.push_back(tokenizer_entry(tokens[i], id, i < special));
        settings.push_back(settings_entry(tokens[i], id, i < special));
    }
    const std::string text = read_file(directory / "tokenizer.json");
    const auto [begin, end] = find_member(text, "added_tokens");
    LINVOX_REQUIRE(begin != std::string::npos, DataError, "{}: has no list \"added_tokens\" to add to",
                   (directory / "tokenizer.json").string());
    growth.files.push_back({"tokenizer.json", with_entries(text, begin, end, entries)});
    if (!fs::exists(directory / "tokenizer_config.json")) return growth;
    const std::string config = read_file(directory / "tokenizer_config.json");
    // Without that table transformers takes the added tokens from tokenizer.json alone.
    if (const auto [first, last] = find_member(config, "added_tokens_decoder"); first != std::string::npos)
        growth.files.push_back({"tokenizer_config.json", with_entries(config, first, last, settings)});
    return growth;
}

}  // namespace linvox
