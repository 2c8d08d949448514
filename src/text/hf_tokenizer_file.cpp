#include "src/text/hf_tokenizer_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/text/byte_letters.h"

namespace linvox {
namespace {

using nlohmann::json;

/// Where in the file a part stands, for messages: "models/x/tokenizer.json: pre_tokenizer[1]".
struct Place {
    std::string text;
    Place at(std::string_view key) const { return {fmt::format("{}.{}", text, key)}; }
    Place at(std::size_t index) const { return {fmt::format("{}[{}]", text, index)}; }
};

std::string type_of(const json& part, const Place& place) {
    LINVOX_REQUIRE(part.is_object() && part.contains("type"), DataError,
                   "{} must be an object with a \"type\"", place.text);
    return part.at("type").get<std::string>();
}

[[noreturn]] void refuse(const Place& place, const std::string& what, std::string_view supported) {
    throw DataError(fmt::format("{}: {} is not supported; supported: {}", place.text, what, supported));
}

/// Keys that change ids must be absent, null, false, 0 or "".
void require_unset(const json& part, const Place& place, std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
        const auto found = part.find(key);
        if (found == part.end() || found->is_null() || *found == false || *found == 0 || *found == "")
            continue;
        refuse(place.at(key), found->dump(), "the key left out or null");
    }
}

/// The parts of a "Sequence", or the one part itself; none for null.
std::vector<std::pair<const json*, Place>> flatten(const json& part, const Place& place, const char* list) {
    if (part.is_null()) return {};
    if (type_of(part, place) != "Sequence") return {{&part, place}};
    std::vector<std::pair<const json*, Place>> out;
    const json& items = part.at(list);
    for (std::size_t i = 0; i < items.size(); ++i) {
        for (auto& item : flatten(items[i], place.at(list).at(i), list)) out.push_back(std::move(item));
    }
    return out;
}

bool read_normalizer(const json& part, const Place& place) {
    bool nfc = false;
    for (const auto& [item, where] : flatten(part, place, "normalizers")) {
        const std::string type = type_of(*item, where);
        if (type != "NFC") refuse(where, type, "NFC or none");
        nfc = true;
    }
    return nfc;
}

SplitPass read_split(const json& part, const Place& place) {
    SplitPass pass;
    pass.where = place.text;
    const json& pattern = part.at("pattern");
    pass.literal = pattern.contains("String");
    pass.pattern = pattern.at(pass.literal ? "String" : "Regex").get<std::string>();
    const auto behaviour = part.at("behavior").get<std::string>();
    const bool invert = part.value("invert", false);
    if (behaviour == "Removed") {
        (invert ? pass.drop_rest : pass.drop_matches) = true;
    } else if (behaviour != "Isolated") {
        refuse(place.at("behavior"), behaviour, "Isolated, Removed");
    }
    return pass;
}

std::vector<SplitPass> read_pre_tokenizer(const json& part, const Place& place) {
    constexpr std::string_view kSupported = "Split and Digits, then ByteLevel as the last";
    std::vector<SplitPass> passes;
    const auto items = flatten(part, place, "pretokenizers");
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto& [item, where] = items[i];
        const std::string type = type_of(*item, where);
        if (type == "ByteLevel" && i + 1 == items.size()) {
            if (item->value("add_prefix_space", true)) passes.push_back({.prefix_space = true});
            if (item->value("use_regex", true)) passes.push_back({.pattern = std::string(kGpt2Pattern)});
            return passes;
        }
        if (type == "Split") {
            passes.push_back(read_split(*item, where));
        } else if (type == "Digits") {
            passes.push_back({.pattern = item->value("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)"});
        } else {
            refuse(where, type, kSupported);
        }
    }
    refuse(place, "a pre-tokenizer without ByteLevel", kSupported);
}

void require_decoder(const json& part, const Place& place) {
    const auto items = flatten(part, place, "decoders");
    for (const auto& [item, where] : items) {
        const std::string type = type_of(*item, where);
        if (type != "ByteLevel" && type != "Fuse") refuse(where, type, "ByteLevel");
    }
    if (items.empty()) refuse(place, "null", "ByteLevel");
}

std::vector<std::int32_t> template_ids(const json& processor, const std::string& name, const Place& place) {
    const json& known = processor.at("special_tokens");
    LINVOX_REQUIRE(known.contains(name), DataError, "{}.special_tokens lacks the token '{}' of the template",
                   place.text, name);
    return known.at(name).at("ids").get<std::vector<std::int32_t>>();
}

void read_template(const json& part, const Place& place, HfTokenizerFile& file) {
    std::vector<std::int32_t> before, after;
    bool seen = false;
    for (const json& piece : part.at("single")) {
        if (piece.contains("SpecialToken")) {
            const auto name = piece.at("SpecialToken").at("id").get<std::string>();
            auto& side = seen ? after : before;
            for (const std::int32_t id : template_ids(part, name, place)) side.push_back(id);
        } else if (piece.contains("Sequence") && !seen) {
            seen = true;
        } else {
            refuse(place.at("single"), piece.dump(), "special tokens around one Sequence");
        }
    }
    LINVOX_REQUIRE(seen, DataError, "{}.single holds no Sequence", place.text);
    // A later processor of a sequence wraps the earlier ones.
    file.before.insert(file.before.begin(), before.begin(), before.end());
    file.after.insert(file.after.end(), after.begin(), after.end());
}

void read_post_processor(const json& part, const Place& place, HfTokenizerFile& file) {
    for (const auto& [item, where] : flatten(part, place, "processors")) {
        const std::string type = type_of(*item, where);
        if (type == "TemplateProcessing") {
            read_template(*item, where, file);
        } else if (type != "ByteLevel") {  // ByteLevel moves offsets only
            refuse(where, type, "TemplateProcessing, ByteLevel");
        }
    }
}

// Ids of a vocabulary are small; a huge one would make a huge table.
constexpr std::int64_t kMostIds = std::int64_t{1} << 24;

void set_token(std::vector<std::string>& tokens, const std::string& token, std::int64_t id,
               const Place& place) {
    LINVOX_REQUIRE(id >= 0 && id < kMostIds, DataError, "{}: the id {} of '{}' must be from 0 to {}",
                   place.text, id, token, kMostIds - 1);
    const auto at = static_cast<std::size_t>(id);
    if (tokens.size() <= at) tokens.resize(at + 1);
    LINVOX_REQUIRE(tokens[at].empty() || tokens[at] == token, DataError,
                   "{}: the id {} belongs to '{}' and to '{}'", place.text, id, tokens[at], token);
    tokens[at] = token;
}

/// -1 for a token that is not in the vocabulary.
std::int32_t find_token(const TokenIds& ids, std::string_view token) {
    const auto found = ids.find(token);
    return found == ids.end() ? -1 : found->second;
}

/// "a b" or ["a", "b"]; two empty strings for anything else.
std::pair<std::string, std::string> read_merge(const json& merge) {
    if (merge.is_array() && merge.size() == 2)
        return {merge[0].get<std::string>(), merge[1].get<std::string>()};
    const auto text = merge.is_string() ? merge.get<std::string>() : std::string();
    const std::size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) return {};
    return {text.substr(0, space), text.substr(space + 1)};
}

std::vector<BpeMerge> read_merges(const json& list, const TokenIds& ids, const Place& place) {
    std::vector<BpeMerge> merges;
    merges.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        const auto [left, right] = read_merge(list[i]);
        LINVOX_REQUIRE(!left.empty() && !right.empty(), DataError,
                       "{} must be \"a b\" or [\"a\", \"b\"], not {}", place.at(i).text, list[i].dump());
        merges.push_back({find_token(ids, left), find_token(ids, right), find_token(ids, left + right)});
        const BpeMerge& merge = merges.back();
        LINVOX_REQUIRE(merge.left >= 0 && merge.right >= 0 && merge.merged >= 0, DataError,
                       "{}: the token '{}' is not in the vocabulary", place.at(i).text,
                       merge.left < 0    ? left
                       : merge.right < 0 ? right
                                         : left + right);
    }
    return merges;
}

TokenIds read_vocabulary(const json& vocab, const Place& place, HfTokenizerFile& file) {
    TokenIds ids;
    ids.reserve(vocab.size());
    for (const auto& [token, id] : vocab.items()) {
        set_token(file.tokens, token, id.get<std::int64_t>(), place);
        ids.emplace(token, id.get<std::int32_t>());
    }
    return ids;
}

/// Returns the ids of the model's tokens, without added ones.
TokenIds read_model(const json& part, const Place& place, HfTokenizerFile& file) {
    const auto type = part.value("type", "BPE");
    if (type != "BPE")
        refuse(place.at("type"), type, "BPE over bytes; give the tokenizer.model of sentencepiece");
    require_unset(part, place,
                  {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"});
    TokenIds ids = read_vocabulary(part.at("vocab"), place.at("vocab"), file);
    for (std::size_t byte = 0; byte < 256; ++byte) {
        const char raw = static_cast<char>(byte);
        const std::string letter = to_byte_letters({&raw, 1});
        file.bpe.byte_ids[byte] = find_token(ids, letter);
        LINVOX_REQUIRE(
            file.bpe.byte_ids[byte] >= 0, DataError,
            "{}.vocab: the token '{}' is not in the vocabulary, which must hold each of the 256 bytes",
            place.text, letter);
    }
    file.bpe.merges = read_merges(part.at("merges"), ids, place.at("merges"));
    if (!part.value("ignore_merges", false)) return ids;
    for (const auto& [token, id] : ids) {
        if (auto bytes = from_byte_letters(token)) file.bpe.whole_words.emplace(std::move(*bytes), id);
    }
    return ids;
}

void add_token(const AddedToken& token, const TokenIds& model_ids, const Place& place,
               HfTokenizerFile& file) {
    const auto own = model_ids.find(token.text);
    LINVOX_REQUIRE(own == model_ids.end() || own->second == token.id, DataError,
                   "{}: '{}' has the id {} here and {} in model.vocab", place.text, token.text, token.id,
                   own->second);
    const auto next = static_cast<std::int64_t>(file.tokens.size());
    LINVOX_REQUIRE(own != model_ids.end() || token.id == next, DataError,
                   "{}: '{}' has the id {} where {} is next; Hugging Face's tokenizers renumber such a file, "
                   "so its ids are not what they seem",
                   place.text, token.text, token.id, next);
    set_token(file.tokens, token.text, token.id, place);
    file.added.push_back(token);
}

void read_added_tokens(const json& document, const std::vector<AddedToken>& more, const TokenIds& model_ids,
                       const Place& place, HfTokenizerFile& file) {
    TokenIds seen;
    const json none = json::array();
    const auto found = document.find("added_tokens");
    const json& list = found == document.end() || found->is_null() ? none : *found;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const AddedToken token = read_added_token(list[i], list[i].at("id").get<std::int32_t>());
        LINVOX_REQUIRE(seen.emplace(token.text, token.id).second, DataError, "{}: '{}' comes twice",
                       place.at(i).text, token.text);
        add_token(token, model_ids, place.at(i), file);
    }
    for (const AddedToken& token : more) {
        const auto own = seen.find(token.text);
        LINVOX_REQUIRE(own == seen.end() || own->second == token.id, DataError,
                       "{}: '{}' has the id {} here and {} in tokenizer_config.json", place.text, token.text,
                       own->second, token.id);
        if (own == seen.end()) add_token(token, model_ids, {"tokenizer_config.json"}, file);
    }
}

void require_known_keys(const json& document, const Place& place) {
    constexpr std::array kKnown = {"version",       "truncation",     "padding", "added_tokens", "normalizer",
                                   "pre_tokenizer", "post_processor", "decoder", "model"};
    LINVOX_REQUIRE(document.is_object() && document.contains("model"), DataError,
                   "{}: not a tokenizer.json: it must be an object with a \"model\"", place.text);
    for (const auto& [key, value] : document.items()) {
        if (std::find(kKnown.begin(), kKnown.end(), key) == kKnown.end() && !value.is_null())
            refuse(place, fmt::format("the key \"{}\"", key), "the keys of version 1.0");
    }
}

HfTokenizerFile read_document(const json& document, const std::vector<AddedToken>& more,
                              const std::string& name) {
    const auto part = [&](const char* key) {
        const auto found = document.find(key);
        return found == document.end() ? json() : *found;
    };
    require_known_keys(document, {name});
    HfTokenizerFile file;
    const TokenIds ids = read_model(document.at("model"), {name + ": model"}, file);
    file.nfc = read_normalizer(part("normalizer"), {name + ": normalizer"});
    file.passes = read_pre_tokenizer(part("pre_tokenizer"), {name + ": pre_tokenizer"});
    require_decoder(part("decoder"), {name + ": decoder"});
    read_post_processor(part("post_processor"), {name + ": post_processor"}, file);
    read_added_tokens(document, more, ids, {name + ": added_tokens"}, file);
    for (const auto* side : {&file.before, &file.after}) {
        for (const std::int32_t id : *side) {
            LINVOX_REQUIRE(id >= 0 && static_cast<std::size_t>(id) < file.tokens.size(), DataError,
                           "{}: post_processor names the id {}, which no token has", name, id);
        }
    }
    return file;
}

}  // namespace

AddedToken read_added_token(const json& entry, std::int32_t id) {
    return {.text = entry.at("content").get<std::string>(),
            .id = id,
            .special = entry.value("special", false),
            .normalized = entry.value("normalized", true),
            .left_strip = entry.value("lstrip", false),
            .right_strip = entry.value("rstrip", false),
            .single_word = entry.value("single_word", false)};
}

HfTokenizerFile read_hf_tokenizer(const std::filesystem::path& path, const std::vector<AddedToken>& more) {
    const json document = read_json(path);
    try {
        return read_document(document, more, path.string());
    } catch (const json::exception& problem) {
        throw DataError(fmt::format("{}: not a tokenizer.json as Hugging Face writes it: {}", path.string(),
                                    problem.what()));
    }
}

}  // namespace linvox
