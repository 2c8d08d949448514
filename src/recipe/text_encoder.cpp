#include "src/recipe/text_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/model/model_directory.h"
#include "src/text/chat_encoding.h"
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

constexpr const char* kTokenizerFolder = "tokenizer";  // beside vocabulary.json: a checkpoint's

bool contains(const std::vector<std::int32_t>& ids, std::int32_t id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// What a model wrote, without its end; rows of the model that have no token say nothing.
std::string chat_text(const ChatEncoding& chat, std::span<const std::int32_t> ids,
                      const std::vector<std::int32_t>& stop_ids) {
    std::vector<std::int32_t> said;
    for (const std::int32_t id : ids)
        if (!contains(stop_ids, id) && id < chat.tokenizer.size() && !chat.tokenizer.token(id).empty())
            said.push_back(id);
    return chat.tokenizer.decode(said, /*skip_special=*/true);
}

nlohmann::json template_json(const ChatTemplate& form) {
    nlohmann::json roles = nlohmann::json::array();
    for (const RoleForm& r : form.roles)
        roles.push_back(
            {{"role", r.role}, {"prefix", r.prefix}, {"lead", r.lead}, {"stop", r.stop}, {"after", r.after}});
    return {{"name", form.name},
            {"start", form.start},
            {"default_system", form.default_system},
            {"answer_role", form.answer_role},
            {"trim", form.trim},
            {"roles", roles}};
}

ChatTemplate template_of(const nlohmann::json& document) {
    ChatTemplate form{.name = document.at("name"),
                      .start = document.at("start"),
                      .default_system = document.at("default_system")};
    form.answer_role = document.at("answer_role");
    form.trim = document.at("trim");
    for (const nlohmann::json& r : document.at("roles"))
        form.roles.push_back({r.at("role"), r.at("prefix"), r.at("lead"), r.at("stop"), r.at("after")});
    return form;
}

}  // namespace

struct TextEncoder::State {
    std::string kind;
    std::vector<std::string> names;            // of the tokens behind the control ids
    std::map<std::string, std::int32_t> word;  // words: id by name
    std::string model;                         // pieces: the serialised model
    std::optional<SentencepieceTokenizer> pieces;
    std::vector<std::int32_t> stop_ids = {eos};
    std::optional<ChatEncoding> chat;  // from here on: of a checkpoint
    std::int32_t rows = 0;
    std::vector<std::int32_t> closing;  // what every answer of the data ends in beside its template
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

TextEncoder TextEncoder::from_checkpoint(const StartConfig& start) {
    const ModelConfig model = read_model_config(start.directory);
    auto state = std::make_shared<State>();
    state->kind = "checkpoint";
    state->chat = ChatEncoding{load_tokenizer(start.directory), start.form()};
    check(*state->chat);
    state->rows = static_cast<std::int32_t>(model.vocab_size);
    state->stop_ids.assign(model.eos_token_ids.begin(), model.eos_token_ids.end());
    const std::vector<std::int32_t> end = linvox::closing_ids(*state->chat);
    if (!end.empty()) {
        std::erase(state->stop_ids, end.back());
        state->stop_ids.insert(state->stop_ids.begin(), end.back());
    }
    LINVOX_REQUIRE(
        !state->stop_ids.empty(), UserError,
        "{}: neither config.json (eos_token_id) nor a chat template says what ends an answer; name one in "
        "model.template",
        start.directory.string());
    if (end.empty()) state->closing = {state->stop_ids.front()};
    return TextEncoder(std::move(state));
}

TextEncoder TextEncoder::load(const std::filesystem::path& folder) {
    const nlohmann::json document = read_json(folder / "vocabulary.json");
    LINVOX_REQUIRE(document.value("format", "") == kEncoderFormat, DataError, "{}: \"format\" must be \"{}\"",
                   (folder / "vocabulary.json").string(), kEncoderFormat);
    if (document.at("kind") == "checkpoint") return load_checkpoint(document, folder);
    if (document.at("kind") == "pieces") return from_pieces(read_file(folder / "text.model"));
    auto state = std::make_shared<State>();
    state->kind = "words";
    document.at("tokens").get_to(state->names);
    for (const std::string& name : state->names)
        state->word.emplace(name, first_token + static_cast<std::int32_t>(state->word.size()));
    return TextEncoder(std::move(state));
}

void TextEncoder::save(const std::filesystem::path& folder) const {
    if (state_->chat) return save_checkpoint(folder);
    write_json(folder / "vocabulary.json",
               {{"format", kEncoderFormat}, {"kind", state_->kind}, {"tokens", state_->names}});
    if (state_->pieces) write_file_atomic(folder / "text.model", state_->model);
}

void TextEncoder::save_checkpoint(const std::filesystem::path& folder) const {
    const ChatEncoding& chat = *state_->chat;
    ensure_directory(folder / kTokenizerFolder);
    nlohmann::json digests = nlohmann::json::object();
    for (const std::filesystem::path& file : tokenizer_files(chat.tokenizer.file().parent_path())) {
        write_file_atomic(folder / kTokenizerFolder / file.filename(), read_file(file));
        digests[file.filename().string()] = sha256_file(file);
    }
    write_json(folder / "vocabulary.json",
               {{"format", kEncoderFormat},
                {"kind", state_->kind},
                {"rows", state_->rows},
                {"stop_ids", state_->stop_ids},
                {"closing", state_->closing},
                {"template", chat.form ? template_json(*chat.form) : nlohmann::json()},
                {"tokenizer", digests}});
}

TextEncoder TextEncoder::load_checkpoint(const nlohmann::json& document,
                                         const std::filesystem::path& folder) {
    auto state = std::make_shared<State>();
    state->kind = "checkpoint";
    state->chat = ChatEncoding{load_tokenizer(folder / kTokenizerFolder)};
    if (!document.at("template").is_null()) state->chat->form = template_of(document.at("template"));
    state->rows = document.at("rows");
    state->stop_ids = document.at("stop_ids").get<std::vector<std::int32_t>>();
    state->closing = document.at("closing").get<std::vector<std::int32_t>>();
    return TextEncoder(std::move(state));
}

std::int32_t TextEncoder::size() const {
    if (state_->chat) return state_->rows;
    return first_token + static_cast<std::int32_t>(state_->names.size());
}

const std::string& TextEncoder::kind() const { return state_->kind; }
const std::vector<std::int32_t>& TextEncoder::stop_ids() const { return state_->stop_ids; }

SoftmaxRange TextEncoder::softmax() const { return {state_->chat ? 0 : eos, size(), {}}; }

SamplingConfig TextEncoder::restrict(SamplingConfig sampling) const {
    const SoftmaxRange range = softmax();
    sampling.vocab_begin = range.begin;
    sampling.vocab_end = range.end;
    sampling.control_ids = state_->chat ? 0 : first_token - eos;
    return sampling;
}

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

std::vector<std::int32_t> TextEncoder::prompt_ids(const std::vector<ChatMessage>& prompt) const {
    if (state_->chat) return linvox::prompt_ids(*state_->chat, prompt);
    std::vector<std::int32_t> all = {bos};
    for (const ChatMessage& turn : prompt) {
        all.push_back(role_id(turn.role));
        const std::vector<std::int32_t> more = ids(turn.content);
        all.insert(all.end(), more.begin(), more.end());
        if (role_id(turn.role) == kAssistant) all.push_back(eos);
    }
    all.push_back(kAssistant);
    return all;
}

std::vector<std::int32_t> TextEncoder::answer_ids(const std::string& answer) const {
    std::vector<std::int32_t> all = state_->chat ? linvox::answer_ids(*state_->chat, answer) : ids(answer);
    const std::vector<std::int32_t>& end = state_->chat ? state_->closing : state_->stop_ids;
    all.insert(all.end(), end.begin(), end.end());
    return all;
}

std::vector<LabelledSpan> TextEncoder::token_spans(const std::string& answer,
                                                   const std::vector<LabelledSpan>& spans) const {
    if (spans.empty()) return {};
    const std::vector<std::int32_t> all = answer_ids(answer);
    if (state_->chat)
        return linvox::token_spans(text_coder(*state_->chat), framed_answer(*state_->chat, answer), answer,
                                   all, spans);
    const TextCoder coder{[this](std::string_view front) { return ids(std::string(front)); },
                          [this](std::span<const std::int32_t> some) { return text(some); }};
    return linvox::token_spans(coder, {answer, 0, answer.size(), 0}, answer, all, spans);
}

std::string TextEncoder::text(std::span<const std::int32_t> given) const {
    if (state_->chat) return chat_text(*state_->chat, given, state_->stop_ids);
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

SequenceGroup TextEncoder::group(const std::string& id, const std::vector<ChatMessage>& prompt,
                                 const std::string& answer) const {
    return {id, prompt_ids(prompt), {{answer_ids(answer), {}}}};
}

GenerationPlan TextEncoder::plan(const std::vector<ChatMessage>& prompt) const {
    GenerationPlan plan;
    plan.prompt_ids = prompt_ids(prompt);
    plan.stop_id = state_->stop_ids.front();
    return plan;
}

}  // namespace linvox
