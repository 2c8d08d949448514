#include "src/text/chat_template.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

const std::string kLlamaEnd = "<|eot_id|>";

std::string llama_header(std::string_view role) {
    return fmt::format("<|start_header_id|>{}<|end_header_id|>\n\n", role);
}

ChatTemplate chatml() {
    ChatTemplate form{.name = "chatml",
                      .doc = "ChatML: Qwen2, Qwen2.5, Qwen3 and many others",
                      .source = "https://github.com/openai/openai-python/blob/release-v0.28.0/chatml.md"};
    for (const std::string role : {"system", "user", "assistant"}) {
        form.roles.push_back({.role = role,
                              .prefix = fmt::format("<|im_start|>{}\n", role),
                              .stop = "<|im_end|>",
                              .after = "\n"});
    }
    return form;
}

ChatTemplate llama3() {
    ChatTemplate form{
        .name = "llama3",
        .start = "<|begin_of_text|>",
        .trim = true,
        .doc = "Llama 3, and 3.1 to 3.3 without their date header",
        .source = "https://github.com/meta-llama/llama3/blob/main/llama/tokenizer.py (ChatFormat)"};
    for (const std::string role : {"system", "user", "assistant"})
        form.roles.push_back({.role = role, .prefix = llama_header(role), .stop = kLlamaEnd});
    return form;
}

ChatTemplate unitts() {
    ChatTemplate form = chatml();
    form.name = "unitts";
    form.doc = "UniTTS: the turns only; system and user contents are the caller's";
    form.source = "https://github.com/IDEA-Emdoor-Lab/UniTTS/blob/main/cli/tts_tool.py";
    for (RoleForm& role : form.roles) {
        role.stop = "<|im_end|><|endoftext|>";
        role.after = "";
    }
    return form;
}

// The header is that of Llama 3.2's own template with its fixed date.
ChatTemplate llasa() {
    return {
        .name = "llasa",
        .start = "<|begin_of_text|>",
        .default_system = llama_header("system") +
                          "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n" + kLlamaEnd,
        .roles = {{.role = "system", .prefix = llama_header("system"), .stop = kLlamaEnd},
                  {.role = "user",
                   .prefix = llama_header("user") + "Convert the text to speech:<|TEXT_UNDERSTANDING_START|>",
                   .stop = "<|TEXT_UNDERSTANDING_END|>" + kLlamaEnd},
                  {.role = "assistant",
                   .prefix = llama_header("assistant") + "<|SPEECH_GENERATION_START|>",
                   .stop = "<|SPEECH_GENERATION_END|>"}},
        .doc = "Llasa: user = text to speak, assistant = <|s_N|> tokens",
        .source = "https://huggingface.co/HKUSTAudio/Llasa-3B (README)"};
}

ChatTemplate spark() {
    return {
        .name = "spark",
        .roles = {{.role = "user", .prefix = "<|task_tts|><|start_content|>", .stop = "<|end_content|>"},
                  {.role = "speaker", .prefix = "<|start_global_token|>", .stop = "<|end_global_token|>"},
                  {.role = "assistant",
                   .lead = "<|start_semantic_token|>",
                   .stop = "<|end_semantic_token|><|im_end|>"}},
        .doc = "Spark-TTS: user = text, speaker = <|bicodec_global_N|>, assistant = <|bicodec_semantic_N|>",
        .source = "https://github.com/SparkAudio/Spark-TTS/blob/main/cli/SparkTTS.py"};
}

ChatTemplate orpheus() {
    return {.name = "orpheus",
            .roles = {{.role = "user",
                       .prefix = "<custom_token_3><|begin_of_text|>",
                       .stop = "<|eot_id|><custom_token_4>"},
                      {.role = "assistant",
                       .prefix = "<custom_token_5><custom_token_1>",
                       .stop = "<custom_token_2>",
                       .after = "<custom_token_6>"}},
            .doc = "Orpheus: user = \"tara: text to speak\", assistant = <custom_token_N> from 10 on",
            .source =
                "https://github.com/canopyai/Orpheus-TTS/blob/main/orpheus_tts_pypi/orpheus_tts/"
                "engine_class.py"};
}

const RoleForm* find_role(const ChatTemplate& form, std::string_view role) {
    const auto found =
        std::find_if(form.roles.begin(), form.roles.end(), [&](const RoleForm& r) { return r.role == role; });
    return found == form.roles.end() ? nullptr : &*found;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '\n' ? std::string("\\n") : std::string(1, c);
    return out;
}

}  // namespace

const std::vector<ChatTemplate>& chat_templates() {
    static const std::vector<ChatTemplate> kTemplates = {chatml(), llama3(), unitts(),
                                                         llasa(),  spark(),  orpheus()};
    return kTemplates;
}

const ChatTemplate& find_chat_template(std::string_view name) {
    std::vector<std::string> names;
    for (const ChatTemplate& form : chat_templates()) {
        if (form.name == name) return form;
        names.push_back(form.name);
    }
    const std::string nearest = nearest_name(name, names);
    throw UserError(fmt::format("no chat template '{}'{}; there are {}", name,
                                nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest),
                                join(names, " ")));
}

const RoleForm& answering_role(const ChatTemplate& form) {
    const RoleForm* role = find_role(form, form.answer_role);
    LINVOX_REQUIRE(role, UserError, "the chat template '{}' has no form for its answering role '{}'",
                   form.name, form.answer_role);
    return *role;
}

RenderedChat render_chat(const ChatTemplate& form, std::span<const ChatMessage> messages, bool open) {
    RenderedChat chat{.text = form.start};
    const bool has_system = !messages.empty() && messages.front().role == "system";
    if (!has_system) chat.text += form.default_system;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const RoleForm* role = find_role(form, messages[i].role);
        std::vector<std::string> known;
        for (const RoleForm& r : form.roles) known.push_back(r.role);
        LINVOX_REQUIRE(role, DataError,
                       "message {}: the chat template '{}' has no role '{}'; its roles are {}", i + 1,
                       form.name, messages[i].role, join(known, " "));
        chat.text += role->prefix;
        const std::size_t begin = chat.text.size();
        chat.text += role->lead;
        chat.text += form.trim ? trim(messages[i].content) : messages[i].content;
        chat.text += role->stop;
        if (role->role == form.answer_role) chat.answers.push_back({begin, chat.text.size()});
        chat.text += role->after;
    }
    if (open) chat.text += answering_role(form).prefix;
    return chat;
}

TokenSequence encode_chat(const Tokenizer& tokenizer, const RenderedChat& chat) {
    TokenSequence sequence;
    const std::string_view text = chat.text;
    const auto append = [&](std::size_t begin, std::size_t end) {
        const std::vector<std::int32_t> ids = tokenizer.encode(text.substr(begin, end - begin));
        sequence.ids.insert(sequence.ids.end(), ids.begin(), ids.end());
    };
    const auto append_given = [&](std::size_t begin, std::size_t end) {
        const auto first = static_cast<std::int32_t>(sequence.ids.size());
        append(begin, end);
        const auto last = static_cast<std::int32_t>(sequence.ids.size());
        if (last > first) sequence.given.push_back({first, last});
    };
    std::size_t done = 0;
    for (const TextSpan& answer : chat.answers) {
        append_given(done, answer.begin);
        append(answer.begin, answer.end);
        done = answer.end;
    }
    append_given(done, text.size());
    return sequence;
}

std::string describe_chat_templates() {
    std::string out;
    for (const ChatTemplate& form : chat_templates()) {
        out += fmt::format("{:<10} {}\n{:<10} from {}\n", form.name, form.doc, "", form.source);
        const std::string start = form.start + form.default_system;
        if (!start.empty()) out += fmt::format("  {:<9} {}\n", "(start)", escaped(start));
        for (const RoleForm& role : form.roles)
            out += fmt::format("  {:<9} {}\n", role.role,
                               escaped(role.prefix + role.lead + "{content}" + role.stop + role.after));
    }
    return out;
}

}  // namespace linvox
