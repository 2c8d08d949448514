// Messages as one text, in the form a model was trained on: strings around each role's content. Not Jinja:
// a form is a few strings that a recipe can state; the common ones have names.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/text/token_sequence.h"

namespace linvox {

class Tokenizer;

struct ChatMessage {
    std::string role, content;
    bool scored = true;  // of the answering role: whether a loss may score the turn
    bool operator==(const ChatMessage&) const = default;
};

/// prefix + lead + content + stop + after. A model that answers in this role is given `prefix` and `after`
/// and predicts the rest.
struct RoleForm {
    std::string role;
    std::string prefix, lead, stop, after;
    bool operator==(const RoleForm&) const = default;
};

struct ChatTemplate {
    std::string name;
    std::string start;            // before everything: mostly the BOS token
    std::string default_system;   // stands for the system message when there is none; "": nothing does
    std::vector<RoleForm> roles;  // one of them is `answer_role`
    std::string answer_role = "assistant";
    bool trim = false;        // contents lose their outer ASCII white space
    std::string doc, source;  // for people: what it is, where it is from
};

/// The form of the role that a model answers in; UserError when the template has none.
const RoleForm& answering_role(const ChatTemplate& form);

/// The presets, in listing order.
const std::vector<ChatTemplate>& chat_templates();

/// UserError with the nearest name for an unknown one.
const ChatTemplate& find_chat_template(std::string_view name);

/// Half-open range of bytes.
struct TextSpan {
    std::size_t begin = 0, end = 0;
    bool operator==(const TextSpan&) const = default;
};

struct RenderedChat {
    std::string text;
    std::vector<TextSpan> answers;  // lead, content and stop of each turn of the answering role
};

/// `open` ends the text with the answering role's prefix, for a model to go on.
/// DataError naming the message for a role the template lacks.
RenderedChat render_chat(const ChatTemplate& form, std::span<const ChatMessage> messages, bool open = false);

/// Ids of a rendered chat; everything but the answers is `given`. Each answer is encoded by itself, so the
/// ids in front of it are those of the prompt alone and no token reaches over a border.
TokenSequence encode_chat(const Tokenizer& tokenizer, const RenderedChat& chat);

/// "name  doc" lines, then the strings of each, escaped: what `linvox templates` prints.
std::string describe_chat_templates();

}  // namespace linvox
