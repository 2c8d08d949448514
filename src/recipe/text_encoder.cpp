#include "src/recipe/text_encoder.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/text/sentencepiece_tokenizer.h"
#include "src/text/word_tokens.h"

namespace linvox {
namespace {

constexpr const char* kEncoderFormat = "linvox-text-vocabulary/1";
constexpr std::array kRoles = {"system", "user", "assistant"};
constexpr std::int32_t kFirstRole = 3, kAssistant = 5;

std::int32_t role_id(const std::string& role) {
    for (std::size_t i = 0; i < kRoles.size(); ++i)
        if (role == kRoles[i]) return kFirstRole + static_cast<std::int32_t>(i);
    throw DataError(fmt::format("the role '{}' is not one of system user assistant", role));
}

}  // namespace

struct TextEncoder::State {
    std::string kind;
    std::vector<std::string> names;            // of the tokens behind the control ids
    std::map<std::string, std::int32_t> word;  // words: id by name
    std::string model;                         // pieces: the serialised model
    std::optional<SentencepieceTokenizer> pieces;
};

TextEncoder::TextEncoder(std::shared_ptr<const State> state) : state_(std::move(state)) {}

TextEncoder TextEncoder::from_words(std::span<const std::string> texts) {
    std::set<std::string> names;
    for (const std::string& text : texts)
        for (std::string& token : word_tokens(text)) names.insert(std::move(token));
    auto state = std::make_shared<State>();
    state->kind = "words";
    state->names.assign(names.begin(), names.end());
    for (const std::string& name : state->names)
        state->word.emplace(name, first_token + static_cast<std::int32_t>(state->word.size()));
    return TextEncoder(std::move(state));
}

TextEncoder TextEncoder::from_pieces(std::string model) {
    auto state = std::make_shared<State>();
    state->kind = "pieces";
    state->pieces = SentencepieceTokenizer::from_bytes(model);
    state->names = state->pieces->vocabulary();
    state->model = std::move(model);
    return TextEncoder(std::move(state));
}

TextEncoder TextEncoder::load(const std::filesystem::path& folder) {
    const nlohmann::json document = read_json(folder / "vocabulary.json");
    LINVOX_REQUIRE(document.value("format", "") == kEncoderFormat, DataError, "{}: \"format\" must be \"{}\"",
                   (folder / "vocabulary.json").string(), kEncoderFormat);
    if (document.at("kind") == "pieces") return from_pieces(read_file(folder / "text.model"));
    auto state = std::make_shared<State>();
    state->kind = "words";
    document.at("tokens").get_to(state->names);
    for (const std::string& name : state->names)
        state->word.emplace(name, first_token + static_cast<std::int32_t>(state->word.size()));
    return TextEncoder(std::move(state));
}

void TextEncoder::save(const std::filesystem::path& folder) const {
    write_json(folder / "vocabulary.json",
               {{"format", kEncoderFormat}, {"kind", state_->kind}, {"tokens", state_->names}});
    if (state_->pieces) write_file_atomic(folder / "text.model", state_->model);
}

std::int32_t TextEncoder::size() const {
    return first_token + static_cast<std::int32_t>(state_->names.size());
}

const std::string& TextEncoder::kind() const { return state_->kind; }

std::vector<std::int32_t> TextEncoder::ids(const std::string& text) const {
    std::vector<std::int32_t> found;
    if (state_->pieces) {
        found = state_->pieces->ids(text);
        for (std::int32_t& id : found) id += first_token;
        return found;
    }
    for (const std::string& token : word_tokens(text)) {
        const auto word = state_->word.find(token);
        LINVOX_REQUIRE(word != state_->word.end(), DataError, "the token '{}' does not occur in training",
                       token);
        found.push_back(word->second);
    }
    return found;
}

std::vector<std::int32_t> TextEncoder::prompt_ids(const std::vector<ChatTurn>& prompt) const {
    std::vector<std::int32_t> all = {bos};
    for (const ChatTurn& turn : prompt) {
        all.push_back(role_id(turn.role));
        const std::vector<std::int32_t> more = ids(turn.text);
        all.insert(all.end(), more.begin(), more.end());
    }
    all.push_back(kAssistant);
    return all;
}

std::vector<std::int32_t> TextEncoder::answer_ids(const std::string& answer) const {
    std::vector<std::int32_t> all = ids(answer);
    all.push_back(eos);
    return all;
}

std::string TextEncoder::text(std::span<const std::int32_t> given) const {
    if (state_->pieces) {
        std::vector<std::int32_t> inner;
        for (const std::int32_t id : given)
            if (id >= first_token) inner.push_back(id - first_token);
        return state_->pieces->decode(std::span<const std::int32_t>(inner));
    }
    std::vector<std::string> tokens;
    for (const std::int32_t id : given)
        if (id >= first_token) tokens.push_back(state_->names.at(static_cast<std::size_t>(id - first_token)));
    return join_word_tokens(tokens);
}

SequenceGroup TextEncoder::group(const std::string& id, const std::vector<ChatTurn>& prompt,
                                 const std::string& answer) const {
    return {id, prompt_ids(prompt), {{answer_ids(answer), {}}}};
}

GenerationPlan TextEncoder::plan(const std::vector<ChatTurn>& prompt) const {
    GenerationPlan plan;
    plan.prompt_ids = prompt_ids(prompt);
    plan.stop_id = eos;
    return plan;
}

}  // namespace linvox
