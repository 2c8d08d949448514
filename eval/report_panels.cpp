// The pair report and the codec report as panels. Each reader takes the keys it knows and shows the
// rest as they are, so that a new key is seen before anybody teaches it to this file.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "eval/report.h"
#include "src/base/text.h"

namespace linvox {
namespace {

using Json = nlohmann::json;

std::string shown(const Json& value) {
    if (value.is_null()) return "none";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number_float()) return fmt::format("{:.4g}", value.get<double>());
    return value.dump();
}

std::string percent(const Json& share) {
    return share.is_number() ? fmt::format("{:.1f} %", 100 * share.get<double>()) : "none";
}

std::string words(std::string key) {
    std::replace(key.begin(), key.end(), '_', ' ');
    return key;
}

/// The value under a path of keys, or null.
const Json& at(const Json& document, std::initializer_list<const char*> keys) {
    static const Json none;
    const Json* value = &document;
    for (const char* key : keys) {
        if (!value->is_object() || !value->contains(key)) return none;
        value = &(*value)[key];
    }
    return *value;
}

/// {rule: {count, examples | ids}} or {rule: count} as a table, most frequent first; empty: no table.
void add_rules(ReportPanel& panel, const std::string& caption, const Json& rules) {
    if (!rules.is_object() || rules.empty()) return;
    std::vector<std::pair<std::int64_t, std::vector<std::string>>> rows;
    for (const auto& [rule, entry] : rules.items()) {
        const Json& number = entry.is_object() ? at(entry, {"count"}) : entry;
        const std::int64_t count = number.is_number() ? number.get<std::int64_t>() : 0;
        Json examples =
            entry.is_object() ? entry.value("examples", entry.value("ids", Json::array())) : Json::array();
        std::vector<std::string> names;
        for (const Json& example : examples)
            if (names.size() < 5) names.push_back(shown(example));
        if (examples.size() > names.size()) names.emplace_back("...");
        rows.push_back({count, {words(rule), shown(number), join(names, ", ")}});
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    ReportTable table{caption, {"reason", "count", "examples"}, {}};
    for (auto& row : rows) table.rows.push_back(std::move(row.second));
    panel.tables.push_back(std::move(table));
}

/// {name: number} as bars.
void add_shares(ReportPanel& panel, const std::string& title, const Json& shares) {
    if (!shares.is_object() || shares.size() < 2) return;
    ReportBars bars{title, "", {}, {{title, {}}}};
    for (const auto& [name, value] : shares.items()) {
        if (!value.is_number()) return;
        bars.labels.push_back(words(name));
        bars.series[0].second.push_back(value.get<double>());
    }
    panel.bars.push_back(std::move(bars));
}

void add_lengths(ReportPanel& panel, const Json& length) {
    if (!length.is_object()) return;
    ReportTable table{"Length bias, in tokens", {"", "mean", "median"}, {}};
    for (const char* side : {"chosen", "rejected"})
        table.rows.push_back({side, shown(at(length, {side, "mean"})), shown(at(length, {side, "median"}))});
    panel.tables.push_back(std::move(table));
    panel.facts.emplace_back("length ratio, chosen / rejected", shown(at(length, {"ratio"})));
    panel.facts.emplace_back("chosen is longer", percent(at(length, {"chosen_longer"})));
    panel.facts.emplace_back("correlation of length and score gap",
                             shown(at(length, {"correlation_with_gap"})));
}

/// What all pairs agree on is learned first.
void add_balance(ReportPanel& panel, const Json& balance) {
    if (!balance.is_object() || balance.empty()) return;
    ReportTable table{"What chosen answers have more of, whatever they are worth",
                      {"", "mean", "standard error", "mean before pairs were left out"},
                      {}};
    for (const auto& [name, now] : balance.items())
        table.rows.push_back(
            {shown(at(now, {"what"})), shown(at(now, {"mean"})), shown(at(now, {"standard_error"})),
             at(now, {"balanced"}) == true ? shown(at(now, {"before", "mean"})) : "none were"});
    panel.tables.push_back(std::move(table));
}

void add_gaps(ReportPanel& panel, const Json& gaps) {
    if (!gaps.is_object() || gaps.empty()) return;
    ReportTable table{"Score gaps, chosen against rejected", {"metric", "mean gap"}, {}};
    for (const auto& [metric, gap] : gaps.items()) {
        std::vector<std::string> row{metric, shown(at(gap, {"mean"}))};
        const Json& quantiles = at(gap, {"quantiles"});
        for (const auto& [q, value] : quantiles.items()) {
            if (table.rows.empty())
                table.columns.push_back(quantiles.is_object() ? q : fmt::format("quantile {}", q));
            row.push_back(shown(value));
        }
        if (table.rows.empty()) table.columns.emplace_back("correlation with length");
        row.push_back(shown(at(gap, {"correlation_with_length"})));
        table.rows.push_back(std::move(row));
    }
    panel.tables.push_back(std::move(table));
}

/// What no reader knew: key and value.
void add_unknown(ReportPanel& panel, const Json& document, const std::vector<std::string>& known) {
    for (const auto& [key, value] : document.items())
        if (std::find(known.begin(), known.end(), key) == known.end() && !value.empty())
            panel.facts.emplace_back(words(key), shown(value));
}

void add_texts(std::vector<std::string>& texts, const Json& list) {
    for (const Json& text : list) texts.push_back(shown(text));
}

}  // namespace

ReportPanel pair_panel(const Json& report) {
    ReportPanel panel;
    panel.id = "pairs";
    panel.title = "Preference pairs";
    panel.lead =
        "What became of the candidates: pairs kept, dropped by rule, and whether length gives them away.";
    panel.facts = {{"prompts read", shown(at(report, {"prompts", "read"}))},
                   {"prompts with pairs", shown(at(report, {"prompts", "with_pairs"}))},
                   {"pairs kept", shown(at(report, {"pairs", "kept"}))}};
    if (const Json& candidates = at(report, {"candidates"}); candidates.is_object()) {
        panel.facts.emplace_back("candidates read", shown(at(candidates, {"read"})));
        panel.facts.emplace_back("of them fit for a pair", shown(at(candidates, {"eligible"})));
    }
    if (const Json& perturbed = at(report, {"pairs", "perturbed"}); perturbed.is_number() && perturbed != 0)
        panel.facts.emplace_back("pairs with a perturbed answer", shown(perturbed));
    add_lengths(panel, at(report, {"length"}));
    add_balance(panel, at(report, {"balance"}));
    add_rules(panel, "Pairs dropped, by rule", at(report, {"pairs", "dropped"}));
    add_rules(panel, "Candidates set aside", at(report, {"candidates", "set_aside"}));
    add_rules(panel, "Prompts without a pair", at(report, {"prompts", "without"}));
    add_gaps(panel, at(report, {"score_gap"}));
    for (const char* key : {"finish", "source", "language", "speaker", "task", "why"})
        add_shares(panel, key, at(report, {key}));
    add_texts(panel.warnings, at(report, {"warnings"}));
    add_unknown(panel, report,
                {"prompts", "candidates", "pairs", "length", "balance", "score_gap", "finish", "source",
                 "language", "speaker", "task", "why", "warnings"});
    return panel;
}

ReportPanel codec_panel(const Json& report) {
    ReportPanel panel;
    panel.id = "codec";
    panel.title = "Codec";
    panel.lead = "How well the codebook is used and how well decoded speech keeps what was said.";
    const Json& book = at(report, {"codebook"});
    if (book.is_object()) {
        panel.facts = {
            {"codebook usage", percent(at(book, {"usage"}))},
            {"codes used", fmt::format("{} of {}", shown(at(book, {"used"})), shown(at(book, {"size"})))},
            {"perplexity", shown(at(book, {"perplexity"}))},
            {"tokens counted", shown(at(book, {"tokens"}))}};
        if (at(book, {"enough_tokens"}) == false)
            panel.warnings.push_back(
                fmt::format("only {} tokens a code were counted; below 10 usage and perplexity say more "
                            "about the amount of data "
                            "than about the codebook",
                            shown(at(book, {"tokens_per_code"}))));
        for (const auto& [key, value] : book.items())
            if (key != "usage" && key != "used" && key != "size" && key != "perplexity" && key != "tokens" &&
                key != "enough_tokens")
                panel.facts.emplace_back(words(key), shown(value));
    }
    if (const Json& quality = at(report, {"reconstruction"}); quality.is_object()) {
        ReportTable table{"Reconstruction of held-out clips", {"measure", "value"}, {}};
        for (const auto& [key, value] : quality.items()) table.rows.push_back({words(key), shown(value)});
        panel.tables.push_back(std::move(table));
    }
    if (const Json& clips = at(report, {"clips"}); clips.is_object()) {
        panel.facts.emplace_back(
            "clips used", fmt::format("{} of {}", shown(at(clips, {"used"})), shown(at(clips, {"read"}))));
        add_rules(panel, "Clips left out", at(clips, {"left_out"}));
    }
    add_texts(panel.warnings, at(report, {"warnings"}));
    add_unknown(panel, report, {"codebook", "reconstruction", "clips", "warnings", "digest"});
    return panel;
}

}  // namespace linvox
