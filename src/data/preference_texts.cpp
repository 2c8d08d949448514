#include "src/data/preference_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"
#include "src/data/record_fields.h"
#include "src/data/span_pairs.h"

namespace linvox {
namespace {

using nlohmann::json;

std::string text_at(const json& record, const std::string& name) {
    const json& value = require_field(record, name);
    LINVOX_REQUIRE(value.is_string(), DataError, "\"{}\" must be a string, found {}", name,
                   value.type_name());
    return value.get<std::string>();
}

/// One side of a conversation as an answer: the text of its first message and, where there are more, all of
/// them.
struct SideOfChat {
    std::string text;
    AnswerDetails details;
};

/// The messages behind the prompt's: the assistant's first and last, others between its turns.
SideOfChat answer_behind(const std::vector<ChatMessage>& turns, std::size_t prompt_turns,
                         const std::string& name) {
    const std::size_t own = turns.size() - std::min(prompt_turns, turns.size());
    LINVOX_REQUIRE(
        own > 0 && turns[prompt_turns].role == "assistant" && turns.back().role == "assistant", DataError,
        "behind the prompt \"{}\" must hold the assistant's message, or a dialogue that begins and ends "
        "with the assistant's; found {} message(s){}",
        name, own, own > 0 ? fmt::format(", the last one of the role \"{}\"", turns.back().role) : "");
    SideOfChat side{turns[prompt_turns].content, {}};
    if (own > 1 || !turns.back().scored)
        side.details.turns.assign(turns.begin() + static_cast<std::ptrdiff_t>(prompt_turns), turns.end());
    for (const ChatMessage& turn : side.details.turns)
        LINVOX_REQUIRE(turn.role != "assistant" || !trim(turn.content).empty(), DataError,
                       "\"{}\" has an empty message of the assistant's; drop the record", name);
    return side;
}

void take_sides(PreferenceText& pair, SideOfChat chosen, SideOfChat rejected) {
    pair.chosen = std::move(chosen.text);
    pair.chosen_details = std::move(chosen.details);
    pair.rejected = {std::move(rejected.text)};
    pair.rejected_details = {std::move(rejected.details)};
}

PreferenceText parse_chat(const json& record) {
    const std::vector<ChatMessage> chosen = parse_messages(record["chosen"], "chosen");
    const std::vector<ChatMessage> rejected = parse_messages(require_field(record, "rejected"), "rejected");
    PreferenceText pair;
    if (record.contains("prompt") && record["prompt"].is_array()) {
        pair.prompt = parse_messages(record["prompt"], "prompt");
        take_sides(pair, answer_behind(chosen, 0, "chosen"), answer_behind(rejected, 0, "rejected"));
        return pair;
    }
    std::size_t shared = 0;
    while (shared < chosen.size() && shared < rejected.size() && chosen[shared] == rejected[shared]) ++shared;
    // Equal answers share every turn; the last one is the answer all the same.
    if (shared == chosen.size() && shared == rejected.size() && shared > 0) --shared;
    pair.prompt.assign(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(shared));
    if (record.contains("prompt")) {
        const std::string prompt = text_at(record, "prompt");
        const bool repeated =
            std::any_of(pair.prompt.begin(), pair.prompt.end(), [&](const ChatMessage& turn) {
                return turn.role == "user" && trim(turn.content) == trim(prompt);
            });
        LINVOX_REQUIRE(
            pair.prompt.empty() || repeated, DataError,
            "\"prompt\" is not among the turns that chosen and rejected begin with; the prompt must be the "
            "beginning of both answers");
        if (pair.prompt.empty()) pair.prompt = {{"user", prompt}};
    }
    const std::size_t skipped = std::min(shared, pair.prompt.size());
    take_sides(pair, answer_behind(chosen, skipped, "chosen"), answer_behind(rejected, skipped, "rejected"));
    return pair;
}

/// A space before the border belongs to the answers.
PreferenceText parse_implicit(const json& record) {
    const std::string chosen = text_at(record, "chosen"), rejected = text_at(record, "rejected");
    std::size_t border = static_cast<std::size_t>(
        std::mismatch(chosen.begin(), chosen.end(), rejected.begin(), rejected.end()).first - chosen.begin());
    while (border > 0 && border < chosen.size() &&
           (static_cast<unsigned char>(chosen[border]) & 0xC0) == 0x80)
        --border;  // never inside a UTF-8 character
    // Words stay whole.
    const std::size_t space = chosen.find_last_of(" \n\t", border > 0 ? border - 1 : 0);
    if (border < chosen.size() && space != std::string::npos) border = space;
    LINVOX_REQUIRE(
        border > 0 && border != std::string::npos, DataError,
        "chosen and rejected have no common beginning, and there is no \"prompt\"; a prompt is needed");
    return {{{"user", chosen.substr(0, border)}}, chosen.substr(border), {rejected.substr(border)}};
}

PreferenceText parse_ultrafeedback(const json& record) {
    PreferenceText pair;
    pair.prompt = {{"user", text_at(record, "instruction")}};
    const json& list = require_field(record, "completions");
    LINVOX_REQUIRE(list.is_array(), DataError, "\"completions\" must be a list of two or more");
    LINVOX_REQUIRE(list.size() >= 2, NoPreferenceError,
                   "\"completions\" must be a list of two or more, found {}", list.size());
    std::vector<std::pair<double, std::string>> scored;
    for (const json& completion : list)
        scored.emplace_back(number_field(completion, "overall_score", std::nan("")),
                            text_at(completion, "response"));
    for (const auto& [score, text] : scored)
        LINVOX_REQUIRE(std::isfinite(score), DataError, "a completion has no number \"overall_score\"");
    const auto [worst, best] = std::minmax_element(
        scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    LINVOX_REQUIRE(best->first > worst->first, NoPreferenceError,
                   "all completions have the score {}; a pair needs a better and a worse one", best->first);
    pair.chosen = best->second;
    pair.rejected = {worst->second};
    return pair;
}

PreferenceText parse_lpo_candidates(const json& record) {
    PreferenceText pair;
    pair.prompt = {{"user", text_at(record, "model_input")}};
    pair.chosen = without_edge_marks(text_at(record, "better_context"));
    const json& list = require_field(record, "candidate_set");
    LINVOX_REQUIRE(list.is_array() && !list.empty(), DataError,
                   "\"candidate_set\" must be a list with at least one");
    for (const json& candidate : list) {
        LINVOX_REQUIRE(candidate.is_string(), DataError, "\"candidate_set\" must hold strings");
        // Its writer appends end marks to every candidate.
        std::string text = without_edge_marks(candidate.get<std::string>());
        if (text != pair.chosen) pair.rejected.push_back(std::move(text));
    }
    LINVOX_REQUIRE(!pair.rejected.empty(), DataError, "every candidate equals better_context");
    return pair;
}

PreferenceText parse_trl(const json& record) {
    const json& prompt = require_field(record, "prompt");
    PreferenceText pair;
    if (prompt.is_array())
        pair.prompt = parse_messages(prompt, "prompt");
    else
        pair.prompt = {{"user", text_at(record, "prompt")}};
    pair.chosen = text_at(record, "chosen");
    const json& rejected = require_field(record, "rejected");
    if (!rejected.is_array()) {
        pair.rejected = {text_at(record, "rejected")};
        return pair;
    }
    for (const json& text : rejected) {
        LINVOX_REQUIRE(text.is_string(), DataError, "\"rejected\" must hold strings, found {}",
                       text.type_name());
        pair.rejected.push_back(text.get<std::string>());
    }
    LINVOX_REQUIRE(!pair.rejected.empty(), DataError, "\"rejected\" is an empty list");
    return pair;
}

/// "chosen_spans" and "rejected_spans", in characters. Several rejected answers have a list for each.
void read_spans(PreferenceText& pair, const json& record, const std::string& format) {
    if (!record.contains("chosen_spans") && !record.contains("rejected_spans")) return;
    LINVOX_REQUIRE(format == "trl" || format == "trl-chat", SpanError,
                   "spans belong to records with \"prompt\", \"chosen\" and \"rejected\"; this one is {}",
                   format);
    const auto read = [&](const json& list, const std::string& name, const std::string& text,
                          AnswerDetails& details) {
        LINVOX_REQUIRE(details.turns.empty(), SpanError,
                       "{}: spans belong to an answer of one message; here it is a dialogue of {}", name,
                       details.turns.size());
        details.spans = parse_spans(list, name, character_count(text), "characters");
    };
    if (record.contains("chosen_spans"))
        read(record["chosen_spans"], "chosen_spans", pair.chosen, pair.chosen_details);
    if (!record.contains("rejected_spans")) return;
    const json& lists = record["rejected_spans"];
    const bool is_one =
        pair.rejected.size() == 1 && !(lists.is_array() && !lists.empty() && lists[0].is_array());
    LINVOX_REQUIRE(is_one || (lists.is_array() && lists.size() == pair.rejected.size()), SpanError,
                   "rejected_spans must be a list with one list of spans for each of the {} rejected answers",
                   pair.rejected.size());
    for (std::size_t i = 0; i < pair.rejected.size(); ++i)
        read(is_one ? lists : lists[i], is_one ? "rejected_spans" : fmt::format("rejected_spans[{}]", i),
             pair.rejected[i], pair.rejected_details[i]);
}

/// Text, or a list of texts or messages.
bool holds_text(const json& value) {
    const json& first = value.is_array() && !value.empty() ? value[0] : value;
    return first.is_string() || (first.is_object() && first.contains("role"));
}

const std::map<std::string, PreferenceText (*)(const json&)>& parsers() {
    static const std::map<std::string, PreferenceText (*)(const json&)> rows = {
        {"trl", parse_trl},
        {"trl-chat", parse_chat},
        {"trl-implicit", parse_implicit},
        {"ultrafeedback", parse_ultrafeedback},
        {"lpo-candidates", parse_lpo_candidates}};
    return rows;
}

bool same_turns(const AnswerDetails& a, const AnswerDetails& b) { return a.turns == b.turns; }

}  // namespace

bool is_preference_text(const json& record) {
    if (record.contains("prompt_ids")) return false;
    if (record.contains("completions") || record.contains("candidate_set")) return true;
    return record.contains("chosen") && record.contains("rejected") && holds_text(record["chosen"]) &&
           holds_text(record["rejected"]);
}

const std::vector<std::string>& preference_formats() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const auto& [name, parse] : parsers()) all.push_back(name);
        return all;
    }();
    return names;
}

std::string preference_format_of(const json& record) {
    if (record.contains("instruction") && record.contains("completions")) return "ultrafeedback";
    if (record.contains("better_context") && record.contains("candidate_set")) return "lpo-candidates";
    LINVOX_REQUIRE(
        !(record.contains("completion") && record.contains("label")), DataError,
        "\"completion\" with \"label\" is unpaired data; pairs of a chosen and a rejected answer are needed");
    LINVOX_REQUIRE(record.contains("chosen") && record.contains("rejected"), DataError,
                   "neither \"chosen\" and \"rejected\" nor the fields of another known form ({})",
                   join(preference_formats(), " "));
    LINVOX_REQUIRE(!record["chosen"].is_boolean(), DataError,
                   "\"chosen\" is true or false: a quality flag, not an answer; pairs need two answers");
    if (record["chosen"].is_array()) return "trl-chat";
    return record.contains("prompt") ? "trl" : "trl-implicit";
}

PreferenceText parse_preference_text(const json& record, const std::string& format) {
    const auto found = parsers().find(format);
    LINVOX_ASSERT(found != parsers().end(), "no preference format '{}'", format);
    PreferenceText pair = found->second(record);
    pair.rejected_details.resize(pair.rejected.size());
    read_spans(pair, record, format);
    return pair;
}

std::string pair_problem(const PreferenceText& pair) {
    const bool asked = std::any_of(pair.prompt.begin(), pair.prompt.end(),
                                   [](const ChatMessage& turn) { return !trim(turn.content).empty(); });
    if (!asked) return "the prompt is empty";
    if (trim(pair.chosen).empty()) return "\"chosen\" is empty";
    for (const std::string& rejected : pair.rejected) {
        if (trim(rejected).empty()) return "\"rejected\" is empty";
    }
    for (std::size_t i = 0; i < pair.rejected.size(); ++i)
        if (pair.rejected[i] == pair.chosen && same_turns(pair.rejected_details[i], pair.chosen_details))
            return "chosen and rejected are the same answer";
    return "";
}

std::vector<PreferenceText> read_preference_texts(const std::filesystem::path& path) {
    std::vector<PreferenceText> pairs;
    std::string format;
    for_each_json_line(path, [&](const json& record, std::size_t line) {
        const std::string found = preference_format_of(record);
        if (format.empty()) format = found;
        LINVOX_REQUIRE(found == format, DataError,
                       "this record is {}, the first one {}; one file holds one form", found, format);
        pairs.push_back(parse_preference_text(record, format));
        pairs.back().line = line;
        const std::string problem = pair_problem(pairs.back());
        LINVOX_REQUIRE(problem.empty(), DataError, "{}; `linvox validate {} --fix OUT` drops such records",
                       problem, path.string());
    });
    LINVOX_REQUIRE(!pairs.empty(), DataError, "{}: holds no record", path.string());
    return pairs;
}

}  // namespace linvox
