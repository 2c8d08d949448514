#include "src/data/answer_lines.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/data/record_fields.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

using nlohmann::json;

std::vector<std::int32_t> ids_of(const json& value, const std::string& name, bool opens,
                                 const LineRules& rules) {
    if (value.is_array()) {
        RecordHeader header;
        header.vocab_size = rules.vocab_size;
        return parse_ids(value, name, header);
    }
    LINVOX_REQUIRE(value.is_string(), DataError, "{} must be text or a list of ids, found {}", name,
                   value.type_name());
    LINVOX_REQUIRE(rules.encode, DataError,
                   "{} is text, and the model directory has no tokenizer; give token ids instead", name);
    std::vector<std::int32_t> ids = rules.encode(value.get<std::string>(), opens);
    for (const std::int32_t id : ids)
        LINVOX_REQUIRE(id < rules.vocab_size, DataError,
                       "{}: the tokenizer gives the id {}, the model has {} rows; grow the model", name, id,
                       rules.vocab_size);
    return ids;
}

/// An answer: ids, text, or an object with one of them and given ranges.
void add_answer(AnswerLine& line, const json& value, const std::string& name, const json* given,
                const LineRules& rules) {
    const json* content = &value;
    if (value.is_object()) {
        const char* key = value.contains("ids") ? "ids" : value.contains("token_ids") ? "token_ids" : "text";
        content = &require_field(value, key);
        if (value.contains("given")) given = &value["given"];
    }
    TokenSequence answer;
    answer.ids = ids_of(*content, name, false, rules);
    LINVOX_REQUIRE(!answer.ids.empty(), DataError, "{} is empty; an answer needs a token", name);
    if (given) answer.given = parse_given(*given, name + " given", answer.ids.size());
    const std::size_t length = line.group.prompt_ids.size() + answer.ids.size();
    LINVOX_REQUIRE(static_cast<std::int64_t>(length) <= rules.max_positions, DataError,
                   "{} and its prompt have {} tokens, the model's context is {}", name, length,
                   rules.max_positions);
    line.group.answers.push_back(std::move(answer));
    line.names.push_back(name);
}

/// One answer or a list of them; lists of numbers are one answer.
void add_side(AnswerLine& line, const json& object, const std::string& key, const std::string& name,
              const LineRules& rules) {
    if (!object.contains(key)) return;
    const json& value = object[key];
    const std::string given_key = name + "_given";
    const json* given = object.contains(given_key) ? &object[given_key] : nullptr;
    const bool many = value.is_array() && !value.empty() && !value[0].is_number();
    if (!many) return add_answer(line, value, name, given, rules);
    for (std::size_t i = 0; i < value.size(); ++i)
        add_answer(line, value[i], fmt::format("{}[{}]", name, i),
                   given && i < given->size() ? &(*given)[i] : nullptr, rules);
}

std::string id_of(const json& line, std::size_t number) {
    if (!line.contains("id")) return fmt::format("line-{}", number);
    return line["id"].is_string() ? line["id"].get<std::string>() : line["id"].dump();
}

template <typename Line, typename Read>
std::vector<Line> read_lines(const std::filesystem::path& file, const Read& read) {
    std::vector<Line> lines;
    for_each_json_line(file, [&](const json& line, std::size_t number) {
        if (!(lines.empty() && line.contains("format"))) lines.push_back(read(line, number));
    });
    LINVOX_REQUIRE(!lines.empty(), DataError, "{}: holds no record", file.string());
    return lines;
}

}  // namespace

LineRules line_rules(const std::filesystem::path& model, const ModelConfig& config) {
    LineRules rules;
    rules.vocab_size = config.vocab_size;
    rules.max_positions = config.max_position_embeddings;
    const auto loaded = std::make_shared<std::optional<Tokenizer>>();
    rules.encode = [loaded, model](const std::string& text, bool opens) {
        if (!*loaded) *loaded = load_tokenizer(model);
        return (*loaded)->encode(text, /*add_special=*/opens);
    };
    return rules;
}

PromptLine read_prompt_line(const json& line, std::size_t number, const LineRules& rules) {
    PromptLine prompt{id_of(line, number), {}, string_field(line, "text")};
    if (line.contains("prompt") && line["prompt"].is_string()) prompt.text = line["prompt"];
    const bool has_ids = line.contains("prompt_ids");
    LINVOX_REQUIRE(has_ids || line.contains("prompt"), DataError,
                   "has neither \"prompt_ids\" nor \"prompt\"");
    const char* key = has_ids ? "prompt_ids" : "prompt";
    prompt.prompt_ids = ids_of(line[key], key, true, rules);
    LINVOX_REQUIRE(!prompt.prompt_ids.empty(), DataError, "\"{}\" is empty; a prompt needs a token", key);
    return prompt;
}

AnswerLine read_answer_line(const json& object, std::size_t number, const LineRules& rules) {
    PromptLine prompt = read_prompt_line(object, number, rules);
    AnswerLine line{{prompt.id, std::move(prompt.prompt_ids), {}}, {}};
    for (const char* key : {"ids", "answer_ids", "completion", "answer"})
        if (object.contains(key))
            add_answer(line, object[key], "answer", object.contains("given") ? &object["given"] : nullptr,
                       rules);
    for (const char* key : {"answers", "candidates"}) add_side(line, object, key, key, rules);
    for (const char* side : {"chosen", "rejected"}) {
        const std::string ids = std::string(side) + "_ids";
        add_side(line, object, object.contains(ids) ? ids : side, side, rules);
    }
    LINVOX_REQUIRE(!line.group.answers.empty(), DataError,
                   "has no answer; one of ids, completion, answers, candidates, chosen, rejected");
    return line;
}

std::vector<PromptLine> read_prompt_lines(const std::filesystem::path& file, const LineRules& rules) {
    std::set<std::string> ids;
    return read_lines<PromptLine>(file, [&](const json& line, std::size_t number) {
        PromptLine prompt = read_prompt_line(line, number, rules);
        LINVOX_REQUIRE(ids.insert(prompt.id).second, DataError, "the id '{}' stands twice", prompt.id);
        return prompt;
    });
}

std::vector<AnswerLine> read_answer_lines(const std::filesystem::path& file, const LineRules& rules) {
    return read_lines<AnswerLine>(
        file, [&](const json& line, std::size_t number) { return read_answer_line(line, number, rules); });
}

}  // namespace linvox
