// Dialogues as the ids that a checkpoint was trained on: its tokenizer and, where it has one, its chat
// template.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/text/chat_template.h"
#include "src/text/text_spans.h"
#include "src/text/tokenizer.h"

namespace linvox {

struct ChatEncoding {
    Tokenizer tokenizer;
    std::optional<ChatTemplate> form;  // none: one message as plain text, behind the tokenizer's own BOS
    bool lead_in_prompt = false;       // the template's lead is fed: where the softmax leaves it out
};

/// UserError when a mark of the template ("<|im_start|>") is no token of the tokenizer, or it has no
/// answering role.
void check(const ChatEncoding& encoding);

/// Everything in front of an answer to `messages`. DataError for several messages without a template, and for
/// a role that the template lacks.
std::vector<std::int32_t> prompt_ids(const ChatEncoding& encoding, std::span<const ChatMessage> messages);

/// The answer between the template's lead and stop, which it may already have; without a template the text
/// alone.
std::vector<std::int32_t> answer_ids(const ChatEncoding& encoding, std::string_view answer);

/// The text that answer_ids() encodes.
FramedText framed_answer(const ChatEncoding& encoding, std::string_view answer);

/// The tokenizer alone, for spans of such a text.
TextCoder text_coder(const ChatEncoding& encoding);

/// The ids that the template closes an answer with; empty without one.
std::vector<std::int32_t> closing_ids(const ChatEncoding& encoding);

}  // namespace linvox
