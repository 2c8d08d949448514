#include "src/data/validate_ids.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/data/record_fields.h"

namespace linvox {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

/// A list of ids in the record, under the name that messages give it.
struct IdList {
    std::string name;
    json* value;
    Ids ids;
};

const char* side_key(const json& record, const char* ids, const char* plain) {
    return record.contains(ids) ? ids : plain;
}

bool contains(const Ids& ids, std::int32_t id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

IdList parse_list(json& value, const std::string& name, const ModelRules& rules) {
    json* list = value.is_object() && value.contains("ids") ? &value["ids"] : &value;
    RecordHeader header;
    header.vocab_size = rules.vocab_size;
    return {name, list, parse_ids(*list, name, header)};
}

/// The answers of one side: a list of numbers is one, anything else a list of them.
std::vector<IdList> parse_side(json& record, const char* key, const ModelRules& rules) {
    LINVOX_REQUIRE(record.contains(key), DataError, "\"{}\" is missing", key);
    json& value = record[key];
    const bool many = value.is_array() && !value.empty() && !value[0].is_number();
    if (!many) return {parse_list(value, key, rules)};
    std::vector<IdList> lists;
    for (std::size_t i = 0; i < value.size(); ++i)
        lists.push_back(parse_list(value[i], fmt::format("{}[{}]", key, i), rules));
    return lists;
}

/// The prompt as ids; text stays as it is, its form is not this file's.
IdList parse_prompt(json& record, const ModelRules& rules) {
    const char* key = side_key(record, "prompt_ids", "prompt");
    LINVOX_REQUIRE(record.contains(key), DataError, "neither \"prompt_ids\" nor \"prompt\"");
    json& value = record[key];
    const bool is_ids = value.is_array() && (value.empty() || value[0].is_number());
    LINVOX_REQUIRE(is_ids || key == std::string_view("prompt"), DataError, "\"{}\" must be a list of ids",
                   key);
    return is_ids ? parse_list(value, key, rules) : IdList{key, nullptr, {}};
}

/// Of a prompt that is text or messages.
bool is_blank(const json& prompt) {
    return prompt.is_string() ? trim(prompt.get<std::string>()).empty() : prompt.empty();
}

struct Checker {
    IdRecordCheck result;
    std::size_t line;

    void add(const std::string& kind, const std::string& detail) {
        result.findings.push_back({kind, line, detail});
    }
    /// Of a mark that stands several times at an edge, one stays.
    void take_once(IdList& list, bool at_end, const Ids& marks) {
        const std::size_t before = list.ids.size();
        std::int32_t mark = -1;
        while (list.ids.size() > 1) {
            const std::size_t last = list.ids.size() - 1;
            mark = at_end ? list.ids[last] : list.ids[0];
            if (mark != (at_end ? list.ids[last - 1] : list.ids[1]) || !contains(marks, mark)) break;
            list.ids.erase(at_end ? list.ids.end() - 1 : list.ids.begin());
        }
        if (list.ids.size() == before) return;
        add("double-marks", fmt::format("{} {} with the id {} {} times", list.name,
                                        at_end ? "ends" : "begins", mark, before - list.ids.size() + 1));
        *list.value = list.ids;
    }
};

void look_at_lists(Checker& c, IdList& prompt, std::vector<IdList>& answers, const ModelRules& rules) {
    if (prompt.value ? prompt.ids.empty() : is_blank(c.result.record[prompt.name]))
        c.add("empty", fmt::format("\"{}\" is empty", prompt.name));
    for (const IdList& answer : answers)
        if (answer.ids.empty()) c.add("empty", fmt::format("\"{}\" is empty", answer.name));
    if (prompt.value) c.take_once(prompt, /*at_end=*/false, rules.begin_ids);
    for (IdList& answer : answers) {
        c.take_once(answer, /*at_end=*/true, rules.end_ids);
        if (answer.ids.size() > 1 && contains(rules.begin_ids, answer.ids.front()))
            c.add("mark-in-answer",
                  fmt::format("{} begins with {}, which begins a prompt", answer.name, answer.ids.front()));
        const std::size_t length = prompt.ids.size() + answer.ids.size();
        if (rules.max_positions > 0 && static_cast<std::int64_t>(length) > rules.max_positions)
            c.add("too-long", fmt::format("{} and its prompt have {} tokens, the model's context is {}",
                                          answer.name, length, rules.max_positions));
    }
    for (std::size_t i = 1; i < answers.size(); ++i)
        if (answers[i].ids == answers[0].ids && !answers[0].ids.empty())
            c.add("identical-answers", fmt::format("{} and {} are the same {} ids", answers[0].name,
                                                   answers[i].name, answers[0].ids.size()));
}

}  // namespace

bool is_id_preference(const json& record) {
    const auto numbers = [&](const char* key) {
        const json* value = record.contains(key) ? &record[key] : nullptr;
        if (value && value->is_array() && !value->empty() && (*value)[0].is_array()) value = &(*value)[0];
        return value && value->is_array() && !value->empty() && (*value)[0].is_number();
    };
    return record.contains("chosen_ids") || record.contains("rejected_ids") || numbers("chosen") ||
           numbers("rejected");
}

IdRecordCheck check_id_preference(const json& record, std::size_t line, const ModelRules& rules) {
    Checker c{{{}, record, "", true}, line};
    json& kept = c.result.record;
    try {
        IdList prompt = parse_prompt(kept, rules);
        std::vector<IdList> answers = parse_side(kept, side_key(kept, "chosen_ids", "chosen"), rules);
        LINVOX_REQUIRE(answers.size() == 1, DataError, "one answer is chosen, found {}", answers.size());
        for (IdList& list : parse_side(kept, side_key(kept, "rejected_ids", "rejected"), rules))
            answers.push_back(std::move(list));
        for (const char* field : {"finish_reason", "chosen_finish", "chosen_finish_reason"})
            if (kept.contains(field) && kept[field] == "length")
                c.add("cut-answer", fmt::format("\"{}\" is \"length\"", field));
        look_at_lists(c, prompt, answers, rules);
        json content = json::array({prompt.value ? json(prompt.ids) : kept["prompt"]});
        for (const IdList& answer : answers) content.push_back(answer.ids);
        c.result.content = content.dump();
        const Ids& chosen = answers[0].ids;
        c.result.ended = rules.end_ids.empty() || chosen.empty() || contains(rules.end_ids, chosen.back());
    } catch (const DataError& error) {
        c.add("schema", error.what());
    }
    return std::move(c.result);
}

}  // namespace linvox
