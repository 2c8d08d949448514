// Conversations: messages out of JSON, which of the assistant's turns a loss scores, and their tokens. A
// dialogue is an answer like any other: it begins with the assistant's first turn, and what others say in
// between is given.
//
//   {"messages": [{"role": "user", "content": "..", "cal_loss": false}, ..]}
//   {"dialog" (or "dialoge"): [{"role" (or "type"), "cal_loss", "content_list": [{"type", "content",
//    "audio_infos": {"audio_tokens": "<|g0r0_5|>.."}}]}, ..], or that list as a string of JSON}: UniTTS.
//    <|audio|> in a content stands for its audio tokens, one of audio_infos after the other.
//
// "cal_loss" may be left out: the turn is scored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "src/text/chat_template.h"
#include "src/text/token_sequence.h"

namespace linvox {

/// A list of messages of either form above; DataError naming message and field. Roles: system, user,
/// assistant, and speaker, whose voice some speech models are given as a message.
std::vector<ChatMessage> parse_messages(const nlohmann::json& list, const std::string& name);

/// A whole conversation, the assistant's first turn and what stands before it included.
struct Dialogue {
    std::string id;  // "line-12" where the file has none
    std::vector<ChatMessage> messages;
    std::size_t line = 0;
};

/// Whether a record is a conversation rather than a pair.
bool is_dialogue(const nlohmann::json& record);

/// DataError naming the field: another form, no turn of the assistant's, none before or one behind it, an
/// empty turn of the assistant's.
Dialogue parse_dialogue(const nlohmann::json& record, std::size_t line);

/// A whole file; DataErrors with file and line.
std::vector<Dialogue> read_dialogues(const std::filesystem::path& file);

/// The message that the assistant's first turn is; the number of messages without one.
std::size_t first_answer(std::span<const ChatMessage> messages);

/// Which of the assistant's turns are scored.
struct TurnSelection {
    enum class Kind { marked, all, last, listed };
    Kind kind = Kind::marked;          // marked: those whose "cal_loss" is not false
    std::vector<std::int64_t> listed;  // numbers of the assistant's turns, from 1 at the conversation's start
};

/// "marked", "all", "last", or numbers: "2" or "1,3". UserError otherwise.
TurnSelection parse_turn_selection(const std::string& text);

/// Sets `scored` of the assistant's turns from message `first` on. DataError when none is scored then.
void select_turns(std::vector<ChatMessage>& messages, std::size_t first, const TurnSelection& selection);

using EncodePrompt = std::function<std::vector<std::int32_t>(std::span<const ChatMessage>)>;
using EncodeAnswer = std::function<std::vector<std::int32_t>(const std::string&)>;

/// What follows encode_prompt(prompt): the assistant's turns as encode_answer has them, scored where they say
/// so, and given between them what encode_prompt has for a prompt that reaches so far. So every turn sees the
/// tokens that it will see in use. DataError where the two do not fit together: a mark of the template in a
/// text.
TokenSequence encode_dialogue(const EncodePrompt& encode_prompt, const EncodeAnswer& encode_answer,
                              std::span<const ChatMessage> prompt, std::span<const ChatMessage> turns);

}  // namespace linvox
