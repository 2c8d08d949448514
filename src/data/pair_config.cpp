// Configuration of pairs.h: fields, directions of metrics, rules between fields.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/data/pairs.h"

namespace linvox {
namespace {

const Choices kPerturbKinds = {"repeat", "drop", "shuffle", "cut_tail", "insert_silence", "substitute"};

}  // namespace

std::string known_direction(const std::string& metric) {
    static const std::map<std::string, std::string> kDirections = {
        {"cer", "lower"},        {"wer", "lower"},           {"per", "lower"},      {"mcd", "lower"},
        {"repetition", "lower"}, {"silence_share", "lower"}, {"spk_sim", "higher"}, {"utmos", "higher"},
        {"dnsmos", "higher"},    {"correct", "higher"},
    };
    const auto found = kDirections.find(metric);
    return found == kDirections.end() ? "" : found->second;
}

void PairMetric::visit(ConfigVisitor& v) {
    v.field("name", name, "score of the candidates, for example mcd, wer, spk_sim");
    v.choice("better", better, "which direction is better; known: built in for the usual names",
             {"known", "lower", "higher"});
    v.field("weight", weight, "weight of its rank (rule rank_sum)", Range{0.0, 1e6});
    v.field("min_gap", min_gap, "least difference between chosen and rejected", Range{0.0, 1e9});
    v.field("use_floor", use_floor, "whether `floor` applies");
    v.field("floor", floor, "a chosen answer must be at least this good");
}

void PerturbConfig::visit(ConfigVisitor& v) {
    v.field("kinds", kinds, "damage done to copies of good answers; empty: none", kPerturbKinds);
    v.field("share", share, "largest share of all pairs made by damage", Range{0.0, 1.0});
    v.field("span_share", span_share, "how much of an answer is damaged", Range{0.01, 1.0});
    v.field("frame_size", frame_size, "codes per frame; damage falls on whole frames", Range{1, 64});
    v.field("silence_id", silence_id, "id of silence, for insert_silence; -1: none", Range{-1, 1e9});
}

void PairConfig::visit(ConfigVisitor& v) {
    v.choice("rule", rule, "how chosen and rejected are found", {"pareto", "rank_sum", "correct"});
    v.sections("metrics", metrics, "scores that decide, the first one breaks ties");
    v.field("quantile", quantile, "rank_sum: best and worst share of a prompt's candidates", Range{0.0, 0.5});
    v.field("per_prompt", per_prompt, "chosen answers per prompt", Range{1, 1000});
    v.field("rejected_per_chosen", rejected_per_chosen, "rejected answers per chosen one", Range{1, 1000});
    v.choice("chosen_from", chosen_from,
             "where chosen answers come from; either: the reference when no candidate can be chosen",
             {"candidates", "reference", "either"});
    v.choice("rejected_order", rejected_order,
             "which rejected answer comes first: the worst by the rule, or the nearest to the chosen one in "
             "token edits",
             {"worst", "nearest"});
    v.choice(
        "rejected_scored", rejected_scored,
        "tokens of a rejected answer that the loss sees: the whole, or up to the first one that differs from "
        "the chosen answer",
        {"whole", "to_first_difference"});
    v.field("reference_share", reference_share, "share of prompts whose recording is chosen",
            Range{0.0, 1.0});
    v.field("unscored", unscored, "take the recording as better without comparing scores");
    v.field("max_length_ratio", max_length_ratio,
            "scored tokens of a pair's longer answer over its shorter one's, so that length is not what is "
            "learned; 0: no limit",
            Range{0.0, 1e9});
    v.field(
        "balance", balance,
        "leave pairs out until chosen and rejected answers do not differ in the mean of these; empty: none",
        pair_property_names());
    v.field("drop_group", drop_group, "one invalid candidate drops all of its prompt");
    v.field("max_tokens", max_tokens, "longest prompt + answer; longer ones are dropped; 0: no limit",
            Range{0, 1e9});
    v.section("perturb", perturb, "rejected answers made by damaging good ones");
}

void check(const PairConfig& config) {
    std::vector<std::string> problems;
    if (config.metrics.empty() && !config.unscored)
        problems.push_back("pairs.metrics is empty; name at least one score, or set pairs.unscored = true");
    for (const PairMetric& metric : config.metrics) {
        if (metric.better == "known" && known_direction(metric.name).empty())
            problems.push_back(fmt::format(
                "pairs.metrics: '{}' has no known direction; set better = \"lower\" or \"higher\"",
                metric.name));
        if (std::count_if(config.metrics.begin(), config.metrics.end(),
                          [&](const PairMetric& other) { return other.name == metric.name; }) > 1)
            problems.push_back(fmt::format("pairs.metrics: '{}' is listed twice", metric.name));
    }
    if (config.rule == "correct" && (config.metrics.empty() || config.metrics[0].name != "correct"))
        problems.push_back("pairs.rule = correct needs the metric 'correct' first in pairs.metrics");
    if (config.unscored && (config.chosen_from != "reference" || config.reference_share < 1.0))
        problems.push_back(
            "pairs.unscored needs pairs.chosen_from = \"reference\" for all prompts "
            "(reference_share = 1)");
    const Choices properties = pair_property_names();
    for (const std::string& name : config.balance)
        if (std::find(properties.begin(), properties.end(), name) == properties.end())
            problems.push_back(
                fmt::format("pairs.balance: '{}' is not one of {}", name, join(properties, " ")));
    const auto& kinds = config.perturb.kinds;
    if (std::find(kinds.begin(), kinds.end(), "insert_silence") != kinds.end() &&
        config.perturb.silence_id < 0)
        problems.push_back("pairs.perturb.kinds has insert_silence; set pairs.perturb.silence_id");
    for (const std::string& kind : kinds)
        if (std::find(kPerturbKinds.begin(), kPerturbKinds.end(), kind) == kPerturbKinds.end())
            problems.push_back(
                fmt::format("pairs.perturb.kinds: '{}' is not one of {}", kind, join(kPerturbKinds, " ")));
    if (!problems.empty()) throw ConfigError(join(problems, "\n"));
}

}  // namespace linvox
