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

FramedText framed_answer(const ChatEncoding& encoding, std::string_view answer) {
    if (!encoding.form) return {std::string(answer), 0, answer.size(), 0};
    const RoleForm& role = answering_role(*encoding.form);
    const char* const start = answer.data();
    if (answer.starts_with(role.lead)) answer.remove_prefix(role.lead.size());
    if (answer.ends_with(role.stop)) answer.remove_suffix(role.stop.size());
    const std::string own = encoding.form->trim ? trim(answer) : std::string(answer);
    const std::size_t blank = own.empty() ? 0 : answer.find(own);
    const std::string lead = encoding.lead_in_prompt ? "" : role.lead;
    return {lead + own + role.stop, lead.size(), lead.size() + own.size(),
            static_cast<std::size_t>(answer.data() - start) + blank};
}

std::vector<std::int32_t> answer_ids(const ChatEncoding& encoding, std::string_view answer) {
    return encoding.tokenizer.encode(framed_answer(encoding, answer).text);
}

TextCoder text_coder(const ChatEncoding& encoding) {
    return {[tokenizer = encoding.tokenizer](std::string_view text) { return tokenizer.encode(text); },
            [tokenizer = encoding.tokenizer](std::span<const std::int32_t> ids) {
                return tokenizer.decode(ids);
            }};
}

std::vector<std::int32_t> closing_ids(const ChatEncoding& encoding) {
    if (!encoding.form) return {};
    return encoding.tokenizer.encode(answering_role(*encoding.form).stop);
}

}  // namespace linvox
