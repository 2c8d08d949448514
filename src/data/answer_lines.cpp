#include "src/data/answer_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"
#include "src/data/preference_texts.h"
#include "src/data/record_fields.h"
#include "src/data/span_pairs.h"
#include "src/text/chat_encoding.h"

namespace linvox {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

/// Ids that a tokenizer made, against the rows of the model.
Ids within_rows(Ids ids, const std::string& name, const LineRules& rules) {
    for (const std::int32_t id : ids)
        LINVOX_REQUIRE(id < rules.vocab_size, DataError,
                       "{}: the tokenizer gives the id {}, the model has {} rows; grow the model", name, id,
                       rules.vocab_size);
    return ids;
}

void require_tokenizer(const LineRules& rules, const std::string& name) {
    LINVOX_REQUIRE(rules.encode_prompt && rules.encode_answer, DataError,
                   "{} is text, and the model directory has no tokenizer; give token ids instead", name);
}

Ids given_ids(const json& list, const std::string& name, const LineRules& rules) {
    RecordHeader header;
    header.vocab_size = rules.vocab_size;
    return parse_ids(list, name, header);
}

Ids text_answer(const std::string& text, const std::string& name, const LineRules& rules) {
    require_tokenizer(rules, name);
    LINVOX_REQUIRE(!trim(text).empty(), DataError, "{} is empty; an answer needs a token", name);
    return within_rows(rules.encode_answer(text), name, rules);
}

Ids text_prompt(std::span<const ChatMessage> messages, const LineRules& rules) {
    require_tokenizer(rules, "prompt");
    return within_rows(rules.encode_prompt(messages), "prompt", rules);
}

const Ids kNothing;

/// With its end, where the rules ask for one; within the context. A span that reaches the end holds it.
void take_answer(AnswerLine& line, MarkedAnswer answer, const std::string& name, const LineRules& rules) {
    Ids& ids = answer.tokens.ids;
    LINVOX_REQUIRE(!ids.empty(), DataError, "{} is empty; an answer needs a token", name);
    const bool ended =
        std::find(rules.end_ids.begin(), rules.end_ids.end(), ids.back()) != rules.end_ids.end();
    const Ids& closing = ended ? kNothing : rules.closing;
    for (LabelledSpan& span : answer.spans)
        if (span.end == static_cast<std::int64_t>(ids.size()))
            span.end += static_cast<std::int64_t>(closing.size());
    ids.insert(ids.end(), closing.begin(), closing.end());
    const std::size_t length = line.group.prompt_ids.size() + ids.size();
    LINVOX_REQUIRE(
        static_cast<std::int64_t>(length) <= rules.max_positions, DataError,
        "{} and its prompt have {} tokens{}, the model's context is {}; shorten or drop the record", name,
        length, closing.empty() ? "" : " with the end that is appended", rules.max_positions);
    line.group.answers.push_back(std::move(answer.tokens));
    line.spans.push_back(std::move(answer.spans));
    line.names.push_back(name);
}

std::vector<LabelledSpan> spans_of_text(const std::string& text, const std::vector<LabelledSpan>& spans,
                                        const std::string& name, const LineRules& rules) {
    if (spans.empty()) return {};
    LINVOX_REQUIRE(rules.token_spans, DataError,
                   "{} is text with spans, and there is no tokenizer to place them", name);
    return rules.token_spans(text, spans);
}

/// What may stand beside an answer's ids or text: given ranges of its ids, spans.
struct BesideAnswer {
    const json *given = nullptr, *spans = nullptr;
};

/// An answer: ids, text, or an object with one of them and what may stand beside.
void add_answer(AnswerLine& line, const json& value, const std::string& name, BesideAnswer beside,
                const LineRules& rules) {
    const json* content = &value;
    if (value.is_object()) {
        const char* key = value.contains("ids") ? "ids" : value.contains("token_ids") ? "token_ids" : "text";
        content = &require_field(value, key);
        if (value.contains("given")) beside.given = &value["given"];
        if (value.contains("spans")) beside.spans = &value["spans"];
    }
    MarkedAnswer answer;
    LINVOX_REQUIRE(content->is_array() || content->is_string(), DataError,
                   "{} must be text or a list of ids, found {}", name, content->type_name());
    const std::string text = content->is_string() ? content->get<std::string>() : "";
    answer.tokens.ids =
        content->is_array() ? given_ids(*content, name, rules) : text_answer(text, name, rules);
    if (beside.given)
        answer.tokens.given = parse_given(*beside.given, name + " given", answer.tokens.ids.size());
    if (beside.spans && content->is_array())
        answer.spans = parse_spans(*beside.spans, name + " spans",
                                   static_cast<std::int64_t>(answer.tokens.ids.size()), "tokens");
    else if (beside.spans)
        answer.spans = spans_of_text(
            text, parse_spans(*beside.spans, name + " spans", character_count(text), "characters"), name,
            rules);
    take_answer(line, std::move(answer), name, rules);
}

/// One answer or a list of them; lists of numbers are one answer.
void add_side(AnswerLine& line, const json& object, const std::string& key, const std::string& name,
              const LineRules& rules) {
    if (!object.contains(key)) return;
    const json& value = object[key];
    const auto field = [&](const char* suffix) -> const json* {
        const auto found = object.find(name + suffix);
        return found == object.end() ? nullptr : &*found;
    };
    const BesideAnswer all = {field("_given"), field("_spans")};
    const bool many = value.is_array() && !value.empty() && !value[0].is_number();
    if (!many) return add_answer(line, value, name, all, rules);
    LINVOX_REQUIRE(!all.spans || (all.spans->is_array() && all.spans->size() == value.size()), SpanError,
                   "{}_spans must be a list with one list of spans for each of the {} answers", name,
                   value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
        const auto item = [&](const json* list) { return list && i < list->size() ? &(*list)[i] : nullptr; };
        add_answer(line, value[i], fmt::format("{}[{}]", name, i), {item(all.given), item(all.spans)}, rules);
    }
}

std::string id_of(const json& line, std::size_t number) {
    if (!line.contains("id")) return fmt::format("line-{}", number);
    return line["id"].is_string() ? line["id"].get<std::string>() : line["id"].dump();
}

/// One side of a text pair: an answer, or the turns of a dialogue.
MarkedAnswer text_side(const std::vector<ChatMessage>& prompt, const std::string& text,
                       const AnswerDetails& details, const std::string& name, const LineRules& rules) {
    if (details.turns.empty())
        return {{text_answer(text, name, rules), {}}, spans_of_text(text, details.spans, name, rules)};
    require_tokenizer(rules, name);
    std::vector<ChatMessage> said = prompt;
    said.insert(said.end(), details.turns.begin(), details.turns.end());
    select_turns(said, prompt.size(), rules.turns);
    MarkedAnswer answer{encode_dialogue(rules.encode_prompt, rules.encode_answer, prompt,
                                        std::span(said).subspan(prompt.size())),
                        {}};
    within_rows(answer.tokens.ids, name, rules);
    return answer;
}

/// Preference data as text: its parser is preference_texts.h's.
AnswerLine text_pair(const json& object, std::size_t number, const LineRules& rules) {
    const PreferenceText pair = parse_preference_text(object, preference_format_of(object));
    AnswerLine line{{id_of(object, number), text_prompt(pair.prompt, rules), {}}, {}, {}};
    take_answer(line, text_side(pair.prompt, pair.chosen, pair.chosen_details, "chosen", rules), "chosen",
                rules);
    for (std::size_t i = 0; i < pair.rejected.size(); ++i) {
        const std::string name = pair.rejected.size() == 1 ? "rejected" : fmt::format("rejected[{}]", i);
        take_answer(line, text_side(pair.prompt, pair.rejected[i], pair.rejected_details[i], name, rules),
                    name, rules);
    }
    return line;
}

void for_each_line(const std::filesystem::path& file,
                   const std::function<void(const json& line, std::size_t number)>& visit) {
    std::size_t count = 0;
    for_each_json_line(file, [&](const json& line, std::size_t number) {
        if (count == 0 && line.contains("format")) return;
        ++count;
        visit(line, number);
    });
    LINVOX_REQUIRE(count > 0, DataError, "{}: holds no record", file.string());
}

}  // namespace

LineRules line_rules(const std::filesystem::path& model, const ModelConfig& config, const LineStyle& style) {
    const auto loaded = std::make_shared<std::optional<ChatEncoding>>();
    const auto encoding = [loaded, model, style]() -> const ChatEncoding& {
        if (!*loaded) *loaded = ChatEncoding{load_tokenizer(model), style.form, style.lead_in_prompt};
        return **loaded;
    };
    if (style.form) check(encoding());
    LineRules rules;
    rules.encode_prompt = [encoding](std::span<const ChatMessage> m) { return prompt_ids(encoding(), m); };
    rules.encode_answer = [encoding](const std::string& text) { return answer_ids(encoding(), text); };
    rules.token_spans = [encoding](const std::string& text, const std::vector<LabelledSpan>& spans) {
        return token_spans(text_coder(encoding()), framed_answer(encoding(), text), text,
                           answer_ids(encoding(), text), spans);
    };
    rules.turns = style.turns;
    rules.vocab_size = config.vocab_size;
    rules.max_positions = config.max_position_embeddings;
    if (!style.append_end) return rules;
    if (style.form) rules.closing = closing_ids(encoding());
    if (rules.closing.empty() && !style.stop_ids.empty()) rules.closing = {style.stop_ids.front()};
    rules.end_ids = style.stop_ids;
    if (!rules.closing.empty()) rules.end_ids.push_back(rules.closing.back());
    return rules;
}

PromptLine read_prompt_line(const json& line, std::size_t number, const LineRules& rules) {
    PromptLine prompt{id_of(line, number), {}, string_field(line, "text")};
    LINVOX_REQUIRE(line.contains("prompt_ids") || line.contains("prompt"), DataError,
                   "has neither \"prompt_ids\" nor \"prompt\"");
    const char* key = line.contains("prompt_ids") ? "prompt_ids" : "prompt";
    const json& value = line[key];
    const bool is_talk = value.is_array() && !value.empty() && value[0].is_object();
    LINVOX_REQUIRE(value.is_array() || value.is_string(), DataError,
                   "{} must be text, a list of messages or a list of ids, found {}", key, value.type_name());
    if (value.is_array() && !is_talk) {
        prompt.prompt_ids = given_ids(value, key, rules);
    } else {
        const std::vector<ChatMessage> messages =
            is_talk ? parse_messages(value, key)
                    : std::vector<ChatMessage>{{"user", value.get<std::string>()}};
        prompt.prompt_ids = text_prompt(messages, rules);
        prompt.text = messages.back().content;
    }
    LINVOX_REQUIRE(!prompt.prompt_ids.empty(), DataError, "\"{}\" is empty; a prompt needs a token", key);
    return prompt;
}

AnswerLine read_answer_line(const json& object, std::size_t number, const LineRules& rules) {
    if (is_preference_text(object)) return text_pair(object, number, rules);
    PromptLine prompt = read_prompt_line(object, number, rules);
    AnswerLine line{{prompt.id, std::move(prompt.prompt_ids), {}}, {}, {}};
    const BesideAnswer beside = {object.contains("given") ? &object["given"] : nullptr,
                                 object.contains("spans") ? &object["spans"] : nullptr};
    for (const char* key : {"ids", "answer_ids", "completion", "answer"})
        if (object.contains(key)) add_answer(line, object[key], "answer", beside, rules);
    for (const char* key : {"answers", "candidates"}) add_side(line, object, key, key, rules);
    for (const char* side : {"chosen", "rejected"}) {
        const std::string ids = std::string(side) + "_ids";
        add_side(line, object, object.contains(ids) ? ids : side, side, rules);
    }
    LINVOX_REQUIRE(!line.group.answers.empty(), DataError,
                   "has no answer; one of ids, completion, answers, candidates, chosen, rejected");
    return line;
}

SequenceGroup dialogue_group(Dialogue dialogue, const LineRules& rules) {
    const std::size_t first = first_answer(dialogue.messages);
    const std::span<const ChatMessage> all(dialogue.messages);
    select_turns(dialogue.messages, first, rules.turns);
    AnswerLine line{{dialogue.id, text_prompt(all.first(first), rules), {}}, {}, {}};
    const TokenSequence answer =
        encode_dialogue(rules.encode_prompt, rules.encode_answer, all.first(first), all.subspan(first));
    within_rows(answer.ids, "the dialogue", rules);
    take_answer(line, {answer, {}}, "the dialogue", rules);
    return std::move(line.group);
}

std::vector<PromptLine> read_prompt_lines(const std::filesystem::path& file, const LineRules& rules) {
    std::vector<PromptLine> prompts;
    std::set<std::string> ids;
    for_each_line(file, [&](const json& line, std::size_t number) {
        prompts.push_back(read_prompt_line(line, number, rules));
        LINVOX_REQUIRE(ids.insert(prompts.back().id).second, DataError, "the id '{}' stands twice",
                       prompts.back().id);
        const std::size_t length = prompts.back().prompt_ids.size();
        LINVOX_REQUIRE(static_cast<std::int64_t>(length) < rules.max_positions, DataError,
                       "the prompt has {} tokens and leaves no room in the model's context of {}; shorten it",
                       length, rules.max_positions);
    });
    return prompts;
}

void for_each_answer_line(const std::filesystem::path& file, const LineRules& rules,
                          const std::function<void(AnswerLine&&)>& visit) {
    for_each_line(
        file, [&](const json& line, std::size_t number) { visit(read_answer_line(line, number, rules)); });
}

}  // namespace linvox
