#include "src/text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <variant>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"
#include "src/text/hf_tokenizer.h"
#include "src/text/sentencepiece_tokenizer.h"
#include "src/text/utf8.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A sentencepiece model with what tokenizer_config.json adds to it.
struct PieceModel {
    SentencepieceTokenizer pieces;
    std::vector<std::string> tokens;
    std::vector<std::int32_t> before, after;
};

/// What tokenizer_config.json and special_tokens_map.json say, for one of the two kinds of file.
struct TokenizerSettings {
    std::string bos, eos, pad, unk;  // "": not named
    bool add_bos = false, add_eos = false;
    std::vector<AddedToken> added;
};

/// "<s>" or {"content": "<s>", ...}.
std::string token_text(const json& document, const char* key) {
    const auto found = document.find(key);
    if (found == document.end()) return "";
    if (found->is_object()) return found->at("content").get<std::string>();
    return found->is_string() ? found->get<std::string>() : "";
}

std::int32_t id_of_key(const std::string& key) {
    std::int32_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    LINVOX_REQUIRE(error == std::errc() && end == key.data() + key.size() && id >= 0, DataError,
                   "added_tokens_decoder: the key '{}' must be an id", key);
    return id;
}

constexpr std::array kSettingsFiles = {"tokenizer_config.json", "special_tokens_map.json"};

void read_settings(const fs::path& path, TokenizerSettings& settings) {
    if (!fs::exists(path)) return;
    const json document = read_json(path);
    try {
        const auto fill = [&](std::string& text, const char* key) {
            if (text.empty()) text = token_text(document, key);
        };
        fill(settings.bos, "bos_token");
        fill(settings.eos, "eos_token");
        fill(settings.pad, "pad_token");
        fill(settings.unk, "unk_token");
        const auto flag = [&](const char* key) { return document.contains(key) && document.at(key) == true; };
        settings.add_bos = settings.add_bos || flag("add_bos_token");
        settings.add_eos = settings.add_eos || flag("add_eos_token");
        const auto decoder = document.find("added_tokens_decoder");
        if (decoder == document.end()) return;
        for (const auto& [key, entry] : decoder->items())
            settings.added.push_back(read_added_token(entry, id_of_key(key)));
        std::sort(settings.added.begin(), settings.added.end(),
                  [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
    } catch (const json::exception& problem) {
        throw DataError(fmt::format("{}: {}", path.string(), problem.what()));
    } catch (const DataError& problem) {
        throw DataError(fmt::format("{}: {}", path.string(), problem.what()));
    }
}

TokenizerSettings read_settings_beside(const fs::path& file) {
    TokenizerSettings settings;
    for (const char* name : kSettingsFiles) read_settings(file.parent_path() / name, settings);
    return settings;
}

/// tokenizer.json, tokenizer.model, or the only *.model of the directory.
fs::path find_tokenizer_file(const fs::path& directory) {
    for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
        if (fs::is_regular_file(directory / name)) return directory / name;
    }
    std::vector<std::string> models;
    for (const auto& entry : fs::directory_iterator(directory)) {
        if (entry.path().extension() == ".model") models.push_back(entry.path().filename().string());
    }
    LINVOX_REQUIRE(models.size() < 2, DataError,
                   "{}: no tokenizer.json or tokenizer.model, and more than one *.model "
                   "({}); name the file itself",
                   directory.string(), join(models, " "));
    LINVOX_REQUIRE(
        !models.empty(), DataError,
        "{}: no tokenizer; looked for tokenizer.json, tokenizer.model and *.model. vocab.json with "
        "merges.txt is the old form: save it with transformers' AutoTokenizer to get tokenizer.json",
        directory.string());
    return directory / models.front();
}

}  // namespace

struct Tokenizer::State {
    fs::path file;
    std::variant<std::unique_ptr<HfTokenizer>, PieceModel> model;
    TokenIds ids;
    SpecialIds special;

    const HfTokenizer* hf() const {
        const auto* held = std::get_if<std::unique_ptr<HfTokenizer>>(&model);
        return held ? held->get() : nullptr;
    }
    const PieceModel& pieces() const { return std::get<PieceModel>(model); }
    const std::vector<std::string>& tokens() const { return hf() ? hf()->tokens() : pieces().tokens; }

    void index_tokens() {
        for (std::size_t id = 0; id < tokens().size(); ++id) {
            if (!tokens()[id].empty()) ids.emplace(tokens()[id], static_cast<std::int32_t>(id));
        }
    }
    void name_special(const TokenizerSettings& settings) {
        const auto set = [&](std::int32_t& id, const std::string& text) {
            if (const auto found = ids.find(text); found != ids.end()) id = found->second;
        };
        set(special.bos, settings.bos);
        set(special.eos, settings.eos);
        set(special.pad, settings.pad);
        set(special.unk, settings.unk);
    }
};

namespace {

PieceModel load_piece_model(const fs::path& file, const TokenizerSettings& settings) {
    PieceModel model{SentencepieceTokenizer::load(file), {}, {}, {}};
    model.tokens = model.pieces.vocabulary();
    for (const AddedToken& token : settings.added) {
        const auto id = static_cast<std::size_t>(token.id);
        LINVOX_REQUIRE(
            id < model.tokens.size() && model.tokens[id] == token.text, DataError,
            "{}: lacks the token '{}' (id {}) that tokenizer_config.json adds; save the tokenizer with "
            "transformers' AutoTokenizer to get a tokenizer.json",
            file.string(), token.text, token.id);
    }
    const SpecialIds special = model.pieces.special_ids();
    if (settings.add_bos && special.bos >= 0) model.before.push_back(special.bos);
    if (settings.add_eos && special.eos >= 0) model.after.push_back(special.eos);
    return model;
}

std::vector<std::int32_t> encode_pieces(const PieceModel& model, std::string_view text, bool add_special) {
    std::vector<std::int32_t> ids = model.pieces.ids(is_utf8(text) ? text : repair_utf8(text));
    if (!add_special) return ids;
    ids.insert(ids.begin(), model.before.begin(), model.before.end());
    ids.insert(ids.end(), model.after.begin(), model.after.end());
    return ids;
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_special) const {
    if (const HfTokenizer* hf = state_->hf()) return hf->encode(text, add_special);
    return encode_pieces(state_->pieces(), text, add_special);
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
    for (std::size_t i = 0; i < ids.size(); ++i) {
        LINVOX_REQUIRE(
            ids[i] >= 0 && ids[i] < size() && !state_->tokens()[static_cast<std::size_t>(ids[i])].empty(),
            DataError, "id {} of the {} to decode is {}, which no token of {} has (0 to {})", i + 1,
            ids.size(), ids[i], state_->file.string(), size() - 1);
    }
    if (const HfTokenizer* hf = state_->hf()) return hf->decode(ids, skip_special);
    const PieceModel& model = state_->pieces();
    if (!skip_special) return repair_utf8(model.pieces.decode(ids));
    std::vector<std::int32_t> kept;
    for (const std::int32_t id : ids) {
        if (!is_special(id)) kept.push_back(id);
    }
    return repair_utf8(model.pieces.decode(kept));
}

std::int32_t Tokenizer::size() const { return static_cast<std::int32_t>(state_->tokens().size()); }

std::string Tokenizer::token(std::int32_t id) const {
    LINVOX_REQUIRE(id >= 0 && id < size(), DataError, "{}: no token has the id {}; ids go from 0 to {}",
                   state_->file.string(), id, size() - 1);
    return state_->tokens()[static_cast<std::size_t>(id)];
}

std::optional<std::int32_t> Tokenizer::id(std::string_view token) const {
    const auto found = state_->ids.find(token);
    if (found == state_->ids.end()) return std::nullopt;
    return found->second;
}

bool Tokenizer::is_special(std::int32_t id) const {
    LINVOX_ASSERT(id >= 0 && id < size(), "is_special({}) of {} tokens", id, size());
    if (const HfTokenizer* hf = state_->hf()) return hf->is_special(id);
    return state_->pieces().pieces.is_control(id);
}

const SpecialIds& Tokenizer::special_ids() const { return state_->special; }
const std::vector<std::string>& Tokenizer::tokens() const { return state_->tokens(); }
std::string Tokenizer::kind() const { return state_->hf() ? "byte-level BPE" : "sentencepiece"; }
fs::path Tokenizer::file() const { return state_->file; }

std::vector<fs::path> tokenizer_files(const fs::path& directory) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory)) {
        const fs::path name = entry.path().filename();
        if (name == "tokenizer.json" || name.extension() == ".model" ||
            std::find(kSettingsFiles.begin(), kSettingsFiles.end(), name) != kSettingsFiles.end())
            files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

Tokenizer load_tokenizer(const fs::path& directory_or_file) {
    LINVOX_REQUIRE(fs::exists(directory_or_file), DataError,
                   "{}: no such file or directory; give a model directory, a tokenizer.json or a *.model",
                   directory_or_file.string());
    const fs::path file =
        fs::is_directory(directory_or_file) ? find_tokenizer_file(directory_or_file) : directory_or_file;
    const TokenizerSettings settings = read_settings_beside(file);
    auto state = std::make_shared<Tokenizer::State>();
    state->file = file;
    if (file.extension() == ".json") {
        state->model = std::make_unique<HfTokenizer>(read_hf_tokenizer(file, settings.added));
    } else {
        auto& model = state->model.emplace<PieceModel>(load_piece_model(file, settings));
        state->special = model.pieces.special_ids();
    }
    state->index_tokens();
    state->name_special(settings);
    return Tokenizer(std::move(state));
}

}  // namespace linvox
