#include "src/text/chat_encoding.h"

#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {
namespace {

void check_marks(const ChatEncoding& encoding, std::string_view text) {
    for (std::size_t begin = text.find("<|"); begin != std::string_view::npos;
         begin = text.find("<|", begin + 1)) {
        const std::size_t end = text.find("|>", begin);
        if (end == std::string_view::npos) return;
        const std::string_view mark = text.substr(begin, end + 2 - begin);
        LINVOX_REQUIRE(
            encoding.tokenizer.id(mark), UserError,
            "the chat template '{}' has '{}', which is no token of {}; name the template that the model "
            "was trained with",
            encoding.form->name, mark, encoding.tokenizer.file().string());
    }
}

}  // namespace

void check(const ChatEncoding& encoding) {
    if (!encoding.form) return;
    answering_role(*encoding.form);
    check_marks(encoding, encoding.form->start);
    check_marks(encoding, encoding.form->default_system);
    for (const RoleForm& role : encoding.form->roles)
        for (const std::string& text : {role.prefix, role.lead, role.stop, role.after})
            check_marks(encoding, text);
}

std::vector<std::int32_t> prompt_ids(const ChatEncoding& encoding, std::span<const ChatMessage> messages) {
    if (!encoding.form) {
        LINVOX_REQUIRE(
            messages.size() == 1, DataError,
            "the prompt has {} messages, and no chat template says how they are joined; name one (`linvox "
            "templates` lists them)",
            messages.size());
        return encoding.tokenizer.encode(messages[0].content, /*add_special=*/true);
    }
    std::vector<std::int32_t> ids =
        encode_chat(encoding.tokenizer, render_chat(*encoding.form, messages, /*open=*/true)).ids;
    if (encoding.lead_in_prompt) {
        const std::vector<std::int32_t> lead = encoding.tokenizer.encode(answering_role(*encoding.form).lead);
        ids.insert(ids.end(), lead.begin(), lead.end());
    }
    return ids;
}

std::vector<std::int32_t> answer_ids(const ChatEncoding& encoding, std::string_view answer) {
    if (!encoding.form) return encoding.tokenizer.encode(answer);
    const RoleForm& role = answering_role(*encoding.form);
    if (answer.starts_with(role.lead)) answer.remove_prefix(role.lead.size());
    if (answer.ends_with(role.stop)) answer.remove_suffix(role.stop.size());
    return encoding.tokenizer.encode((encoding.lead_in_prompt ? "" : role.lead) +
                                     (encoding.form->trim ? trim(std::string(answer)) : std::string(answer)) +
                                     role.stop);
}

std::vector<std::int32_t> closing_ids(const ChatEncoding& encoding) {
    if (!encoding.form) return {};
    return encoding.tokenizer.encode(answering_role(*encoding.form).stop);
}

}  // namespace linvox
