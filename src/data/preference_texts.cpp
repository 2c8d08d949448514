#include "src/data/preference_texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"
#include "src/data/record_fields.h"

namespace linvox {
namespace {

using nlohmann::json;

constexpr std::array kEdgeMarks = {
    "<s>",        "</s>",          "<|im_start|>",      "<|im_end|>", "<|endoftext|>",
    "<bos>",      "<eos>",         "<|begin_of_text|>", "<|eot_id|>", "<|end_of_text|>",
    "<|eom_id|>", "<end_of_turn>", "<start_of_turn>",   "<pad>",      "[EOS]",
    "[BOS]"};

std::string text_at(const json& record, const std::string& name) {
    const json& value = require_field(record, name);
    LINVOX_REQUIRE(value.is_string(), DataError, "\"{}\" must be a string, found {}", name,
                   value.type_name());
    return value.get<std::string>();
}

/// The answer behind the prompt's turns: one message of the assistant.
std::string answer_behind(const std::vector<ChatMessage>& turns, std::size_t prompt_turns,
                          const std::string& name) {
    LINVOX_REQUIRE(turns.size() == prompt_turns + 1 && turns.back().role == "assistant", DataError,
                   "\"{}\" must hold exactly one message behind the prompt, the assistant's; found {}", name,
                   turns.size() - std::min(prompt_turns, turns.size()));
    return turns.back().content;
}

PreferenceText parse_chat(const json& record) {
    const std::vector<ChatMessage> chosen = parse_messages(record["chosen"], "chosen");
    const std::vector<ChatMessage> rejected = parse_messages(require_field(record, "rejected"), "rejected");
    PreferenceText pair;
    if (record.contains("prompt") && record["prompt"].is_array()) {
        pair.prompt = parse_messages(record["prompt"], "prompt");
        pair.chosen = answer_behind(chosen, 0, "chosen");
        pair.rejected = {answer_behind(rejected, 0, "rejected")};
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
    pair.chosen = answer_behind(chosen, skipped, "chosen");
    pair.rejected = {answer_behind(rejected, skipped, "rejected")};
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
    LINVOX_REQUIRE(list.is_array() && list.size() >= 2, DataError,
                   "\"completions\" must be a list of two or more");
    std::vector<std::pair<double, std::string>> scored;
    for (const json& completion : list)
        scored.emplace_back(number_field(completion, "overall_score", std::nan("")),
                            text_at(completion, "response"));
    for (const auto& [score, text] : scored)
        LINVOX_REQUIRE(std::isfinite(score), DataError, "a completion has no number \"overall_score\"");
    const auto [worst, best] = std::minmax_element(
        scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    LINVOX_REQUIRE(best->first > worst->first, DataError,
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

}  // namespace

std::vector<ChatMessage> parse_messages(const json& list, const std::string& name) {
    static const std::set<std::string> kKnownRoles = {"system", "user", "assistant", "speaker"};
    LINVOX_REQUIRE(list.is_array(), DataError, "\"{}\" must be a list of messages, found {}", name,
                   list.type_name());
    std::vector<ChatMessage> turns;
    for (const json& message : list) {
        LINVOX_REQUIRE(message.is_object() && message.contains("role") && message.contains("content") &&
                           message["role"].is_string() && message["content"].is_string(),
                       DataError, "{}[{}] must be {{\"role\": ..., \"content\": ...}} with two strings", name,
                       turns.size());
        turns.push_back({message["role"], message["content"]});
        LINVOX_REQUIRE(kKnownRoles.contains(turns.back().role), DataError,
                       "{}[{}].role = \"{}\" is not one of {}", name, turns.size() - 1, turns.back().role,
                       fmt::join(kKnownRoles, " "));
    }
    return turns;
}

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
    return found->second(record);
}

std::string pair_problem(const PreferenceText& pair) {
    const bool asked = std::any_of(pair.prompt.begin(), pair.prompt.end(),
                                   [](const ChatMessage& turn) { return !trim(turn.content).empty(); });
    if (!asked) return "the prompt is empty";
    if (trim(pair.chosen).empty()) return "\"chosen\" is empty";
    for (const std::string& rejected : pair.rejected) {
        if (trim(rejected).empty()) return "\"rejected\" is empty";
        if (rejected == pair.chosen) return "chosen and rejected are the same answer";
    }
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

namespace {

/// The mark that `text` begins (or, at the end, closes) with; "" for none.
std::string mark_at_edge(std::string_view text, bool at_end) {
    for (const std::string_view mark : kEdgeMarks)
        if (at_end ? text.ends_with(mark) : text.starts_with(mark)) return std::string(mark);
    return "";
}

/// Takes marks off both edges; white space between marks goes with them.
std::string strip_marks(std::string text, std::vector<std::string>& found) {
    for (const bool at_end : {false, true})
        for (;;) {
            const std::string inner = trim(text);
            const std::string mark = mark_at_edge(inner, at_end);
            if (mark.empty()) break;
            found.push_back(mark);
            text = trim(at_end ? inner.substr(0, inner.size() - mark.size()) : inner.substr(mark.size()));
        }
    return text;
}

}  // namespace

std::vector<std::string> edge_marks(const std::string& text) {
    std::vector<std::string> found;
    strip_marks(text, found);
    return found;
}

std::string without_edge_marks(const std::string& text) {
    std::vector<std::string> found;
    return strip_marks(text, found);
}

}  // namespace linvox
