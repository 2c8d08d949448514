#include "src/data/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/data/math_records.h"
#include "src/data/preference_texts.h"
#include "src/data/record_fields.h"
#include "src/data/validate_ids.h"
#include "src/data/validate_native.h"
#include "src/text/math_answer.h"

namespace linvox {
namespace {

using nlohmann::json;

/// A file while it is looked at.
struct Validator {
    const Tokenise& tokenise;
    const ModelRules& rules;
    ValidationReport report = {};
    std::map<std::string, std::size_t> seen = {};                    // content to its first line
    std::map<std::string, std::size_t> sides = {};                   // "prompt, chosen, rejected" to line
    std::vector<std::pair<std::size_t, std::string>> unclosed = {};  // chosen answers without a proper end
    std::int64_t judged = 0;                                         // chosen answers whose end was looked at

    void add(const std::string& kind, std::size_t line, const std::string& detail) {
        report.findings.push_back({kind, line, detail});
    }
};

/// Strict JSON of one line: no repeated keys, an object.
json parse_line(const std::string& text) {
    std::vector<std::vector<std::string>> keys;
    const json::parser_callback_t no_repeats = [&](int, json::parse_event_t event, json& parsed) {
        if (event == json::parse_event_t::object_start) keys.emplace_back();
        if (event == json::parse_event_t::object_end) keys.pop_back();
        if (event != json::parse_event_t::key) return true;
        const std::string key = parsed.get<std::string>();
        LINVOX_REQUIRE(std::find(keys.back().begin(), keys.back().end(), key) == keys.back().end(), DataError,
                       "the key \"{}\" stands twice", key);
        keys.back().push_back(key);
        return true;
    };
    json record = json::parse(text, no_repeats);
    LINVOX_REQUIRE(record.is_object(), DataError, "a line must be a JSON object, found {}",
                   record.type_name());
    return record;
}

/// The start of a text, for messages.
std::string shown(const std::string& text) {
    constexpr std::size_t kShown = 40;
    std::string start = text.substr(0, kShown);
    // Never half a UTF-8 character.
    while (start.size() < text.size() && !start.empty() &&
           (static_cast<unsigned char>(text[start.size()]) & 0xC0) == 0x80)
        start.pop_back();
    std::replace(start.begin(), start.end(), '\n', ' ');
    return start.size() < text.size() ? start + "..." : start;
}

bool closes_sentence(std::string text) {
    text = trim(text);
    while (!text.empty() && std::string_view("\"')]}*`").find(text.back()) != std::string_view::npos)
        text.pop_back();
    if (text.empty()) return false;
    const auto last = static_cast<unsigned char>(text.back());
    // Full-width marks and other scripts' letters are not judged.
    return last >= 128 || std::string_view(".!?:;").find(text.back()) != std::string_view::npos ||
           (last >= '0' && last <= '9');
}

/// The end of a text, for messages; whole characters.
std::string last_words(const std::string& text) {
    std::size_t begin = text.size() - std::min<std::size_t>(text.size(), 20);
    while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) ++begin;
    return shown(text.substr(begin));
}

/// True when the text at `prompt` is the beginning of the encoded whole.
bool is_prefix(const Tokenise& tokenise, const std::string& prompt, const std::string& answer) {
    const std::vector<std::int32_t> before = tokenise(prompt), whole = tokenise(prompt + answer);
    return before.size() <= whole.size() && std::equal(before.begin(), before.end(), whole.begin());
}

/// Strings of a record that a pair consists of, with marks at their edges taken off. True when one changed.
bool strip_edges(json& value) {
    if (value.is_string()) {
        const std::string text = value.get<std::string>(), stripped = without_edge_marks(text);
        if (edge_marks(text).empty()) return false;
        value = stripped;
        return true;
    }
    bool changed = false;
    if (value.is_array())
        for (json& item : value)
            changed =
                strip_edges(item.is_object() && item.contains("content") ? item["content"] : item) || changed;
    return changed;
}

void find_marks(Validator& v, const PreferenceText& pair, std::size_t line) {
    const auto look = [&](const std::string& name, const std::string& text) {
        const auto marks = edge_marks(text);
        if (!marks.empty())
            v.add("double-marks", line, fmt::format("{} has {} at its edge", name, join(marks, " ")));
    };
    look("chosen", pair.chosen);
    for (const std::string& rejected : pair.rejected) look("rejected", rejected);
    for (const ChatMessage& turn : pair.prompt) look("the prompt", turn.content);
}

/// The prompt as one text, as far as duplicates and prefixes are concerned.
std::string joined_prompt(const PreferenceText& pair) {
    std::string text;
    for (const ChatMessage& turn : pair.prompt) text += turn.content;
    return text;
}

/// Whether the answers' tokens follow the prompt's, in the template if there is one. Messages without a
/// template are not judged: what will stand between them is not known.
void find_joined_tokens(Validator& v, const PreferenceText& pair, const std::string& answer,
                        std::size_t line) {
    const bool messages = v.report.form == "trl-chat";
    if (!v.tokenise || (messages && !v.rules.form)) return;
    std::string before = joined_prompt(pair), after = answer;
    if (v.rules.form) {
        const RoleForm& role = answering_role(*v.rules.form);
        before = render_chat(*v.rules.form, pair.prompt, /*open=*/true).text + role.lead;
        after += role.stop;
    }
    if (is_prefix(v.tokenise, before, after)) return;
    v.add("not-a-prefix", line,
          fmt::format("tokens join across the border: {} | {}", shown(joined_prompt(pair)), shown(answer)));
}

/// An answer with the turns behind its first one.
std::string whole_answer(const std::string& text, const AnswerDetails& details) {
    std::string whole = text;
    for (std::size_t i = 1; i < details.turns.size(); ++i) whole += "\n" + details.turns[i].content;
    return whole;
}

void find_repeats(Validator& v, const PreferenceText& pair, const std::string& prompt, std::size_t line) {
    const std::string chosen = whole_answer(pair.chosen, pair.chosen_details);
    for (std::size_t i = 0; i < pair.rejected.size(); ++i) {
        const std::string rejected = whole_answer(pair.rejected[i], pair.rejected_details[i]);
        const auto key = [&](const std::string& a, const std::string& b) {
            return json{prompt, a, b}.dump();
        };
        const auto [same, fresh] = v.sides.emplace(key(chosen, rejected), line);
        if (!fresh) v.add("duplicate", line, fmt::format("the same pair as line {}", same->second));
        const auto swapped = v.sides.find(key(rejected, chosen));
        if (swapped != v.sides.end() && swapped->second != line)
            v.add("swapped-sides", line, fmt::format("line {} prefers the other answer", swapped->second));
    }
}

/// A label that one answer has and another lacks; borders inside a token.
void look_at_spans(Validator& v, const PreferenceText& pair, std::size_t line) {
    std::set<std::string> of_chosen;
    for (const LabelledSpan& span : pair.chosen_details.spans) of_chosen.insert(span.label);
    const auto look = [&](const std::string& name, const std::string& text,
                          const std::vector<LabelledSpan>& spans) {
        std::set<std::string> labels;
        std::vector<std::int64_t> borders;
        for (const LabelledSpan& span : spans) {
            labels.insert(span.label);
            borders.insert(borders.end(), {span.begin, span.end});
        }
        if (labels != of_chosen)
            v.add("one-sided-span", line,
                  fmt::format("chosen has {}, {} has {}",
                              of_chosen.empty() ? "none" : join({of_chosen.begin(), of_chosen.end()}, " "),
                              name, labels.empty() ? "none" : join({labels.begin(), labels.end()}, " ")));
        if (!v.tokenise || borders.empty()) return;
        const std::vector<std::int32_t> whole = v.tokenise(text);
        for (const std::int64_t border : borders) {
            const std::string front = text.substr(0, byte_of_character(text, border));
            const std::vector<std::int32_t> before =
                v.tokenise(front.substr(0, front.find_last_not_of(" \t\r\n") + 1));
            if (before.size() <= whole.size() && std::equal(before.begin(), before.end(), whole.begin()))
                continue;
            v.add("span-cuts-token", line, fmt::format("{}: a token spans character {}", name, border));
            return;
        }
    };
    look("chosen", pair.chosen, pair.chosen_details.spans);
    for (std::size_t i = 0; i < pair.rejected.size(); ++i)
        look("rejected", pair.rejected[i], pair.rejected_details[i].spans);
}

/// Everything that is looked for in a parsed pair.
void look_at_pair(Validator& v, const PreferenceText& pair, std::size_t line) {
    const std::string problem = pair_problem(pair), prompt = joined_prompt(pair);
    if (problem.find("same answer") != std::string::npos)
        v.add("identical-answers", line, shown(pair.chosen));
    else if (!problem.empty())
        v.add("empty", line, problem);
    find_marks(v, pair, line);
    if (!problem.empty()) return;
    look_at_spans(v, pair, line);
    find_repeats(v, pair, prompt, line);
    for (const std::string& answer : {pair.chosen, pair.rejected.front()}) {
        if (prompt.size() > 20 && answer.starts_with(prompt))
            v.add("prompt-in-answer", line, shown(answer));
        else
            find_joined_tokens(v, pair, answer, line);
    }
    ++v.judged;
    if (!closes_sentence(pair.chosen))
        v.unclosed.emplace_back(line, fmt::format("the chosen answer ends in '{}'", last_words(pair.chosen)));
}

/// Most answers of the file have a proper end: those that do not were probably cut by a length limit.
void find_cut_answers(Validator& v) {
    constexpr double kMost = 0.8;
    const auto closed = static_cast<double>(v.judged) - static_cast<double>(v.unclosed.size());
    if (v.judged < 10 || closed < kMost * static_cast<double>(v.judged)) return;
    for (const auto& [line, detail] : v.unclosed) v.add("cut-by-length", line, detail);
}

/// Whether --fix keeps a record with the findings from `first` on.
bool is_kept(const Validator& v, std::size_t first) {
    const auto& all = v.report.findings;
    return std::none_of(all.begin() + static_cast<std::ptrdiff_t>(first), all.end(),
                        [](const Finding& f) { return problem_kind(f.kind).fix == kDropRecord; });
}

/// Looks at one preference record; what --fix would make of it, or nothing when it is dropped.
std::optional<std::string> check_preference(Validator& v, const json& given, std::size_t line) {
    json record = given;
    const std::size_t before = v.report.findings.size();
    bool stripped = false;
    try {
        const std::string form = preference_format_of(record);
        if (v.report.form.empty()) v.report.form = form;
        if (form != v.report.form) {
            v.add("mixed-forms", line, fmt::format("{} in a file of {}", form, v.report.form));
        } else {
            for (const char* field : {"finish_reason", "chosen_finish", "chosen_finish_reason"})
                if (record.contains(field) && record[field] == "length")
                    v.add("cut-answer", line, fmt::format("\"{}\" is \"length\"", field));
            look_at_pair(v, parse_preference_text(record, form), line);
        }
    } catch (const SpanError& error) {
        v.add("bad-span", line, error.what());
    } catch (const NoPreferenceError& error) {
        v.add("no-preference", line, error.what());
    } catch (const DataError& error) {
        v.add("schema", line, error.what());
    } catch (const json::exception& error) {
        v.add("schema", line, error.what());
    }
    for (std::size_t i = before; i < v.report.findings.size(); ++i)
        stripped = stripped || v.report.findings[i].kind == "double-marks";
    if (!is_kept(v, before)) return std::nullopt;
    if (!stripped) return record.dump();
    if (record.contains("chosen_spans") || record.contains("rejected_spans")) {
        v.add("bad-span", line,
              "marks at the edge of an answer with spans: take them off by hand, spans too");
        return record.dump();
    }
    for (const char* field : {"prompt", "chosen", "rejected"})
        if (record.contains(field)) strip_edges(record[field]);
    ++v.report.repaired;
    return record.dump();
}

/// Answers as ids: validate_ids.h looks, repeats and ends are compared here.
std::optional<std::string> check_ids(Validator& v, const json& record, std::size_t line) {
    const std::size_t before = v.report.findings.size();
    if (!is_id_preference(record)) {
        v.add("mixed-forms", line, "no answers as ids in a file of them");
        return record.dump();
    }
    const IdRecordCheck check = check_id_preference(record, line, v.rules);
    for (const Finding& finding : check.findings) v.report.findings.push_back(finding);
    if (!check.content.empty()) {
        const auto [same, fresh] = v.seen.emplace(check.content, line);
        if (!fresh) v.add("duplicate", line, fmt::format("the same pair as line {}", same->second));
        ++v.judged;
        if (!check.ended) v.unclosed.emplace_back(line, "the chosen answer has no end id");
    }
    if (!is_kept(v, before)) return std::nullopt;
    v.report.repaired += check.record != record;
    return check.record.dump();
}

/// Conversations, learned by SFT.
std::optional<std::string> check_dialogue(Validator& v, const json& record, std::size_t line) {
    if (!is_dialogue(record)) {
        v.add("mixed-forms", line, "no conversation in a file of them");
        return record.dump();
    }
    try {
        const Dialogue dialogue = parse_dialogue(record, line);
        for (std::size_t i = 0; i < dialogue.messages.size(); ++i)
            if (const auto marks = edge_marks(dialogue.messages[i].content); !marks.empty())
                v.add("marks-in-dialogue", line,
                      fmt::format("message {} has {} at its edge", i + 1, join(marks, " ")));
        std::vector<ChatMessage> turns = dialogue.messages;
        select_turns(turns, first_answer(turns), {});
        json said = json::array();
        for (const ChatMessage& turn : turns) said.push_back({turn.role, turn.content});
        const auto [same, fresh] = v.seen.emplace(said.dump(), line);
        if (fresh) return record.dump();
        v.add("duplicate", line, fmt::format("the same conversation as line {}", same->second));
    } catch (const DataError& error) {
        v.add("bad-dialogue", line, error.what());
    } catch (const json::exception& error) {
        v.add("bad-dialogue", line, error.what());
    }
    return std::nullopt;
}

std::optional<std::string> check_math(Validator& v, const json& record, std::size_t line) {
    const auto text = [&](const char* name) {
        return record.contains(name) && record[name].is_string() ? trim(record[name].get<std::string>())
                                                                 : std::string();
    };
    const std::string question = text("question"), answer = text("answer");
    if (question.empty() || answer.empty()) {
        v.add("empty", line, "\"question\" or \"answer\" is missing or empty");
        return std::nullopt;
    }
    try {
        LINVOX_REQUIRE(answer.find("####") != std::string::npos || last_boxed(answer), DataError,
                       "the answer has neither '#### value' nor \\boxed{{value}}");
        const std::string gold = gold_answer(answer);
        if (!parse_math_value(gold).is_number) v.add("gold-not-a-number", line, gold);
    } catch (const DataError& error) {
        v.add("missing-gold", line, error.what());
        return std::nullopt;
    }
    for (const std::string& equation : wrong_equations(answer)) v.add("wrong-step", line, equation);
    const auto [same, fresh] = v.seen.emplace(question, line);
    if (fresh) return record.dump();
    v.add("duplicate", line, fmt::format("the same question as line {}", same->second));
    return std::nullopt;
}

bool is_native(const json& record) {
    return record.value("format", "") == "linvox-preference" ||
           (record.contains("prompt_ids") && !is_id_preference(record));
}

bool is_math(const json& record) { return record.contains("question") && record.contains("answer"); }

}  // namespace

ValidationReport validate_file(const std::filesystem::path& path, const Tokenise& tokenise,
                               const ModelRules& rules) {
    std::ifstream file(path, std::ios::binary);
    LINVOX_REQUIRE(file.good() && !std::filesystem::is_directory(path), DataError, "{}: cannot be read",
                   path.string());
    Validator v{.tokenise = tokenise, .rules = rules};
    std::size_t number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
        if (trim(line).empty()) continue;
        json record;
        try {
            record = parse_line(line);
        } catch (const std::exception& error) {
            ++v.report.records;
            ++v.report.dropped;
            v.add("not-json", number, error.what());
            continue;
        }
        if (v.report.records == 0 && is_native(record)) {
            return validate_native(path, record.value("kind", "pairs"));
        }
        ++v.report.records;
        if (v.report.form.empty())
            v.report.form = is_math(record)            ? "gsm8k"
                            : is_id_preference(record) ? "ids"
                            : is_dialogue(record)      ? "dialogue"
                                                       : "";
        const auto check = v.report.form == "gsm8k"      ? check_math
                           : v.report.form == "ids"      ? check_ids
                           : v.report.form == "dialogue" ? check_dialogue
                                                         : check_preference;
        const auto kept = check(v, record, number);
        if (kept)
            v.report.fixed_lines.push_back(*kept);
        else
            ++v.report.dropped;
    }
    find_cut_answers(v);
    std::stable_sort(v.report.findings.begin(), v.report.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.line < b.line; });
    LINVOX_REQUIRE(v.report.records > 0, DataError, "{}: holds no record", path.string());
    return std::move(v.report);
}

}  // namespace linvox
