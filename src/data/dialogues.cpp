#include "src/data/dialogues.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"

namespace linvox {
namespace {

using nlohmann::json;

constexpr std::string_view kAudioMark = "<|audio|>";
constexpr const char* kAssistant = "assistant";

/// The field that holds the messages of a conversation, or "".
const char* dialogue_field(const json& record) {
    for (const char* name : {"messages", "dialog", "dialoge"})
        if (record.contains(name)) return name;
    return "";
}

bool flag_at(const json& message, const std::string& where) {
    const auto found = message.find("cal_loss");
    if (found == message.end()) return true;
    const bool is_number = found->is_number_integer() && (*found == 0 || *found == 1);
    LINVOX_REQUIRE(found->is_boolean() || is_number, DataError, "{}.cal_loss must be true or false, found {}",
                   where, found->dump());
    return found->is_boolean() ? found->get<bool>() : *found == 1;
}

/// The tokens of each audio of a part.
std::vector<std::string> audio_texts(const json& part, const std::string& where) {
    std::vector<std::string> texts;
    const json infos = part.value("audio_infos", json());
    for (const json& info : infos.is_array()  ? infos
                            : infos.is_null() ? json::array()
                                              : json::array({infos})) {
        const json tokens = info.is_object() ? info.value("audio_tokens", json()) : json();
        const bool is_list =
            tokens.is_array() &&
            std::all_of(tokens.begin(), tokens.end(), [](const json& token) { return token.is_string(); });
        LINVOX_REQUIRE(tokens.is_string() || is_list, DataError,
                       "{}.audio_infos: \"audio_tokens\" must be text or a list of texts, the tokens as the "
                       "tokenizer names them (\"<|g0r0_5|>\"), found {}",
                       where, tokens.is_array() ? "other items" : tokens.type_name());
        texts.emplace_back(tokens.is_string() ? tokens.get<std::string>() : "");
        if (is_list)
            for (const json& token : tokens) texts.back() += token.get<std::string>();
    }
    return texts;
}

std::string part_text(const json& part, const std::string& where) {
    LINVOX_REQUIRE(part.is_object() && part.contains("content") && part["content"].is_string(), DataError,
                   "{} must be an object with a string \"content\"", where);
    std::string text = part["content"];
    std::size_t at = 0, used = 0;
    const std::vector<std::string> audio = audio_texts(part, where);
    while ((at = text.find(kAudioMark, at)) != std::string::npos) {
        LINVOX_REQUIRE(used < audio.size(), DataError,
                       "{} has more {} than audio_infos ({}); each stands for the tokens of one", where,
                       kAudioMark, audio.size());
        text.replace(at, kAudioMark.size(), audio[used]);
        at += audio[used++].size();
    }
    LINVOX_REQUIRE(used == audio.size(), DataError,
                   "{} has {} audio_infos and {} {} in its content; each needs one", where, audio.size(),
                   used, kAudioMark);
    return text;
}

ChatMessage parse_message(const json& message, const std::string& where) {
    const bool in_parts = message.is_object() && message.contains("content_list");
    const char* role = in_parts && !message.contains("role") ? "type" : "role";
    const bool is_message = message.is_object() && message.contains(role) && message[role].is_string();
    LINVOX_REQUIRE(
        is_message && (in_parts ? message["content_list"].is_array()
                                : message.contains("content") && message["content"].is_string()),
        DataError,
        "{} must be {{\"role\": ..., \"content\": ...}} with two strings, or have a list \"content_list\"",
        where);
    ChatMessage turn{message[role], "", flag_at(message, where)};
    if (!in_parts) turn.content = message["content"];
    for (std::size_t i = 0; in_parts && i < message["content_list"].size(); ++i)
        turn.content += part_text(message["content_list"][i], fmt::format("{}.content_list[{}]", where, i));
    return turn;
}

void append(TokenSequence& answer, std::span<const std::int32_t> ids, bool scored) {
    const auto begin = static_cast<std::int32_t>(answer.ids.size());
    answer.ids.insert(answer.ids.end(), ids.begin(), ids.end());
    const auto end = static_cast<std::int32_t>(answer.ids.size());
    if (scored || begin == end) return;
    if (!answer.given.empty() && answer.given.back().end == begin)
        answer.given.back().end = end;
    else
        answer.given.push_back({begin, end});
}

}  // namespace

std::vector<ChatMessage> parse_messages(const json& list, const std::string& name) {
    static const std::set<std::string> kKnownRoles = {"system", "user", "assistant", "speaker"};
    LINVOX_REQUIRE(list.is_array(), DataError, "\"{}\" must be a list of messages, found {}", name,
                   list.type_name());
    std::vector<ChatMessage> turns;
    for (const json& message : list) {
        const std::string where = fmt::format("{}[{}]", name, turns.size());
        turns.push_back(parse_message(message, where));
        LINVOX_REQUIRE(kKnownRoles.contains(turns.back().role), DataError,
                       "{}.role = \"{}\" is not one of {}", where, turns.back().role,
                       fmt::join(kKnownRoles, " "));
    }
    return turns;
}

bool is_dialogue(const json& record) { return *dialogue_field(record) != 0 && !record.contains("chosen"); }

std::size_t first_answer(std::span<const ChatMessage> messages) {
    const auto first = std::find_if(messages.begin(), messages.end(),
                                    [](const ChatMessage& turn) { return turn.role == kAssistant; });
    return static_cast<std::size_t>(first - messages.begin());
}

Dialogue parse_dialogue(const json& record, std::size_t line) {
    const std::string field = dialogue_field(record);
    LINVOX_REQUIRE(!field.empty(), DataError,
                   "has neither \"messages\" nor \"dialog\": a conversation is a list of messages");
    Dialogue dialogue{fmt::format("line-{}", line), {}, line};
    if (record.contains("id"))
        dialogue.id = record["id"].is_string() ? record["id"] : json(record["id"].dump());
    json list = record[field];
    if (list.is_string()) {
        const std::string text = list.get<std::string>();
        list = json::parse(text, nullptr, /*allow_exceptions=*/false);
        LINVOX_REQUIRE(!list.is_discarded(), DataError, "\"{}\" is a string, and no JSON stands in it",
                       field);
    }
    dialogue.messages = parse_messages(list, field);
    const std::vector<ChatMessage>& turns = dialogue.messages;
    const std::size_t first = first_answer(turns);
    LINVOX_REQUIRE(first < turns.size(), DataError, "\"{}\" has no message of the assistant's to learn",
                   field);
    LINVOX_REQUIRE(first > 0, DataError, "\"{}\" begins with the assistant; a prompt must stand before it",
                   field);
    LINVOX_REQUIRE(
        turns.back().role == kAssistant, DataError,
        "\"{}\" ends with a message of the role \"{}\"; drop what stands behind the assistant's last one",
        field, turns.back().role);
    for (std::size_t i = first; i < turns.size(); ++i)
        LINVOX_REQUIRE(turns[i].role != kAssistant || !trim(turns[i].content).empty(), DataError,
                       "{}[{}] is an empty message of the assistant's; drop the record", field, i);
    return dialogue;
}

std::vector<Dialogue> read_dialogues(const std::filesystem::path& file) {
    std::vector<Dialogue> dialogues;
    std::set<std::string> ids;
    for_each_json_line(file, [&](const json& record, std::size_t line) {
        dialogues.push_back(parse_dialogue(record, line));
        LINVOX_REQUIRE(ids.insert(dialogues.back().id).second, DataError, "the id '{}' stands twice",
                       dialogues.back().id);
    });
    LINVOX_REQUIRE(!dialogues.empty(), DataError, "{}: holds no record", file.string());
    return dialogues;
}

TurnSelection parse_turn_selection(const std::string& text) {
    if (text == "marked") return {TurnSelection::Kind::marked, {}};
    if (text == "all") return {TurnSelection::Kind::all, {}};
    if (text == "last") return {TurnSelection::Kind::last, {}};
    TurnSelection selection{TurnSelection::Kind::listed, {}};
    for (const std::string& part : split(text, ',')) {
        const std::string number = trim(part);
        LINVOX_REQUIRE(
            !number.empty() && number.size() < 7 && std::all_of(number.begin(), number.end(), is_digit) &&
                std::stoll(number) > 0,
            UserError,
            "turns = '{}' must be marked, all, last, or numbers of the assistant's turns from 1 on: '1,3'",
            text);
        selection.listed.push_back(std::stoll(number));
    }
    return selection;
}

void select_turns(std::vector<ChatMessage>& messages, std::size_t first, const TurnSelection& selection) {
    using Kind = TurnSelection::Kind;
    std::int64_t number = 0;
    const std::int64_t count = std::count_if(messages.begin(), messages.end(),
                                             [](const ChatMessage& turn) { return turn.role == kAssistant; });
    bool any = false;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        if (messages[i].role != kAssistant) continue;
        ++number;
        const std::vector<std::int64_t>& listed = selection.listed;
        if (selection.kind == Kind::all) messages[i].scored = true;
        if (selection.kind == Kind::last) messages[i].scored = number == count;
        if (selection.kind == Kind::listed)
            messages[i].scored = std::find(listed.begin(), listed.end(), number) != listed.end();
        any = any || (i >= first && messages[i].scored);
    }
    LINVOX_REQUIRE(
        any, DataError,
        "none of the assistant's turns {} is scored; \"cal_loss\" or data.turns must leave one, or drop the "
        "record",
        first == 0 ? fmt::format("({})", count)
                   : fmt::format("behind the prompt ({} with those in it)", count));
}

TokenSequence encode_dialogue(const EncodePrompt& encode_prompt, const EncodeAnswer& encode_answer,
                              std::span<const ChatMessage> prompt, std::span<const ChatMessage> turns) {
    std::vector<ChatMessage> said(prompt.begin(), prompt.end());
    std::vector<std::int32_t> so_far = encode_prompt(said);
    TokenSequence answer;
    for (std::size_t i = 0; i < turns.size(); ++i) {
        if (turns[i].role == kAssistant) {
            const std::vector<std::int32_t> front = encode_prompt(said);
            LINVOX_REQUIRE(
                front.size() >= so_far.size() && std::equal(so_far.begin(), so_far.end(), front.begin()),
                DataError,
                "the tokens in front of message {} are not those of the messages before it; a mark of the "
                "chat template stands in their text: take it off (`linvox validate` finds them)",
                prompt.size() + i + 1);
            append(answer, std::span(front).subspan(so_far.size()), false);
            const std::vector<std::int32_t> own = encode_answer(turns[i].content);
            append(answer, own, turns[i].scored);
            so_far = front;
            so_far.insert(so_far.end(), own.begin(), own.end());
        }
        said.push_back(turns[i]);
    }
    return answer;
}

}  // namespace linvox
