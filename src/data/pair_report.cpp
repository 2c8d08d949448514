#include "src/data/pair_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/data/pair_ranking.h"

namespace linvox {
namespace {

using nlohmann::json;

json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

double mean(const std::vector<double>& values) {
    double sum = 0.0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

double quantile_of(std::vector<double> values, double q) {
    if (values.empty()) return std::nan("");
    std::sort(values.begin(), values.end());
    const double place = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

/// Pearson's; NaN when one side does not vary.
double correlation(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.empty()) return std::nan("");
    const double mean_a = mean(a), mean_b = mean(b);
    double ab = 0.0, aa = 0.0, bb = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        ab += (a[i] - mean_a) * (b[i] - mean_b);
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return ab / std::sqrt(aa * bb);
}

json drops_json(const DropTable& table) {
    json object = json::object();
    for (const auto& [rule, drop] : table)
        object[drop_rule_name(rule)] = {{"count", drop.count}, {"examples", drop.examples}};
    return object;
}

/// One row per pair, in columns.
struct PairColumns {
    std::vector<double> chosen_tokens, rejected_tokens, length_gap;
    std::map<std::string, std::vector<double>> score_gap,
        gap_lengths;  // per metric; lengths of the same pairs
    std::vector<double> margin, margin_lengths;
};

PairColumns collect(const PairResult& result, const PairConfig& config) {
    PairColumns columns;
    for (const PreferenceRecord& record : result.records) {
        for (std::size_t i = 0; i < record.rejected.size(); ++i) {
            const Candidate& rejected = record.rejected[i];
            const auto chosen_length = static_cast<double>(record.chosen.answer.ids.size());
            const auto rejected_length = static_cast<double>(rejected.answer.ids.size());
            columns.chosen_tokens.push_back(chosen_length);
            columns.rejected_tokens.push_back(rejected_length);
            columns.length_gap.push_back(chosen_length - rejected_length);
            if (i == 0 && record.margin) {
                columns.margin.push_back(*record.margin);
                columns.margin_lengths.push_back(chosen_length - rejected_length);
            }
            for (const PairMetric& metric : config.metrics) {
                const auto better = turned_scores(record.chosen, {metric});
                const auto worse = turned_scores(rejected, {metric});
                if (!better || !worse) continue;
                columns.score_gap[metric.name].push_back((*better)[0] - (*worse)[0]);
                columns.gap_lengths[metric.name].push_back(chosen_length - rejected_length);
            }
        }
    }
    return columns;
}

json length_json(const PairColumns& columns) {
    if (columns.chosen_tokens.empty()) return nullptr;
    std::int64_t longer = 0;
    for (const double gap : columns.length_gap) longer += gap > 0;
    const auto side = [](const std::vector<double>& tokens) {
        return json{{"mean", mean(tokens)}, {"median", quantile_of(tokens, 0.5)}};
    };
    return {{"chosen", side(columns.chosen_tokens)},
            {"rejected", side(columns.rejected_tokens)},
            {"ratio", mean(columns.chosen_tokens) / mean(columns.rejected_tokens)},
            {"chosen_longer", static_cast<double>(longer) / static_cast<double>(columns.length_gap.size())},
            {"correlation_with_gap", number(correlation(columns.margin_lengths, columns.margin))}};
}

json gaps_json(const PairColumns& columns) {
    json object = json::object();
    for (const auto& [metric, gaps] : columns.score_gap) {
        json quantiles = json::object();
        for (const int percent : {0, 10, 25, 50, 75, 90, 100})
            quantiles[fmt::format("p{}", percent)] = quantile_of(gaps, percent / 100.0);
        object[metric] = {
            {"pairs", gaps.size()},
            {"mean", mean(gaps)},
            {"quantiles", quantiles},
            {"correlation_with_length", number(correlation(gaps, columns.gap_lengths.at(metric)))}};
    }
    return object;
}

using Counts = std::map<std::string, std::int64_t>;

json counts_json(const PairResult& result) {
    Counts finish_chosen, finish_rejected, source_chosen, source_rejected, language, speaker, task, why;
    for (const PreferenceRecord& record : result.records) {
        ++finish_chosen[finish_name(record.chosen.finish)];
        ++source_chosen[record.chosen.source];
        for (const Candidate& rejected : record.rejected) {
            ++finish_rejected[finish_name(rejected.finish)];
            ++source_rejected[rejected.source];
        }
        ++language[record.info.lang];
        ++speaker[record.info.speaker];
        ++task[record.info.task];
        ++why[record.why];
    }
    return {{"finish", {{"chosen", finish_chosen}, {"rejected", finish_rejected}}},
            {"source", {{"chosen", source_chosen}, {"rejected", source_rejected}}},
            {"language", language},
            {"speaker", speaker},
            {"task", task},
            {"why", why}};
}

std::int64_t duplicate_pairs(const PairResult& result) {
    std::set<std::string> seen;
    std::int64_t duplicates = 0;
    for (const PreferenceRecord& record : result.records)
        for (const Candidate& rejected : record.rejected)
            duplicates += !seen.insert(answer_digest(record.info.prompt_ids, record.chosen.answer) +
                                       answer_digest(record.info.prompt_ids, rejected.answer))
                               .second;
    return duplicates;
}

json imbalance_json(const Imbalance& imbalance) {
    return {{"mean", imbalance.mean}, {"standard_error", imbalance.standard_error}};
}

json balance_json(const PairResult& result, const PairConfig& config) {
    json object = json::object();
    const std::vector<PairProperty>& properties = pair_properties();
    for (std::size_t i = 0; i < properties.size(); ++i) {
        const char* name = properties[i].name;
        const auto& asked = config.balance;
        const bool known = i < result.imbalance.size();
        object[name] =
            imbalance_json(known ? result.imbalance[i].second : imbalance_of(result.records, properties[i]));
        object[name]["what"] = properties[i].what;
        object[name]["balanced"] = std::find(asked.begin(), asked.end(), name) != asked.end();
        if (known) object[name]["before"] = imbalance_json(result.imbalance[i].first);
    }
    return object;
}

/// Pairs that came ready-made have no pairs.balance.
std::string balance_advice(const std::string& name, const json& now) {
    if (!now.contains("before")) return "leave out pairs that make the difference";
    if (now["balanced"])
        return "pairs.balance keeps half of the pairs and could not do more; sample more candidates";
    return fmt::format("pairs.balance = [\"{}\"] leaves out what makes the difference", name);
}

json warnings_json(const json& report) {
    json warnings = json::array();
    const auto& length = report["length"];
    if (!length.is_null() && (length["ratio"] < 0.8 || length["ratio"] > 1.25))
        warnings.push_back(
            fmt::format("chosen answers are {:.2f} times as long as rejected ones (usual: 0.8 to 1.25); "
                        "the model may learn length instead of quality",
                        length["ratio"].get<double>()));
    for (const auto& [name, now] : report["balance"].items()) {
        const double average = now["mean"], error = now["standard_error"];
        if (error > 0 && std::abs(average) > 3 * error)
            warnings.push_back(
                fmt::format("{}: {:+.4f} on average, {:.1f} standard errors from 0; alignment learns that "
                            "before anything "
                            "else; {}",
                            now["what"].get<std::string>(), average, std::abs(average) / error,
                            balance_advice(name, now)));
    }
    if (report["source"]["chosen"].size() == 1 && report["source"]["rejected"].size() == 1 &&
        report["source"]["chosen"].begin().key() != report["source"]["rejected"].begin().key())
        warnings.push_back(
            "all chosen answers come from one source and all rejected ones from another; the model "
            "may learn the source instead of quality");
    if (report["duplicates"] > 0)
        warnings.push_back(
            fmt::format("{} pair(s) occur more than once", report["duplicates"].get<std::int64_t>()));
    return warnings;
}

void append_drops(std::string& text, const json& table) {
    for (const auto& [rule, drop] : table.items()) {
        std::string examples;
        for (const auto& id : drop["examples"])
            examples += (examples.empty() ? "" : ", ") + id.get<std::string>();
        text +=
            fmt::format("    {:<20} {:>6}   e.g. {}\n", rule, drop["count"].get<std::int64_t>(), examples);
    }
}

std::string number_text(const json& value) {
    return value.is_number() ? fmt::format("{:.3f}", value.get<double>()) : "-";
}

std::string mean_text(const json& imbalance) {
    return fmt::format("{:+.4f} +- {:.4f}", imbalance["mean"].get<double>(),
                       imbalance["standard_error"].get<double>());
}

}  // namespace

json pair_report(const PairResult& result, const PairConfig& config) {
    const PairCounts& counts = result.counts;
    const PairColumns columns = collect(result, config);
    json report = counts_json(result);
    report["rule"] = config.rule;
    report["prompts"] = {{"read", counts.prompts_read},
                         {"with_pairs", counts.prompts_with_pairs},
                         {"without", drops_json(counts.prompts_without)}};
    report["candidates"] = {{"read", counts.candidates_read},
                            {"eligible", counts.candidates_eligible},
                            {"set_aside", drops_json(counts.candidates_set_aside)}};
    report["pairs"] = {{"proposed", counts.pairs_proposed},
                       {"kept", counts.pairs_kept},
                       {"perturbed", counts.pairs_perturbed},
                       {"dropped", drops_json(counts.pairs_dropped)}};
    report["length"] = length_json(columns);
    report["score_gap"] = gaps_json(columns);
    report["balance"] = balance_json(result, config);
    report["duplicates"] = duplicate_pairs(result);
    report["warnings"] = warnings_json(report);
    return report;
}

std::string pair_report_text(const json& report) {
    const auto count = [](const json& value) { return value.get<std::int64_t>(); };
    std::string text = fmt::format("pairs by rule {}\n", report["rule"].get<std::string>());
    const auto &prompts = report["prompts"], &candidates = report["candidates"], &pairs = report["pairs"];
    text += fmt::format("  prompts     {} read, {} with pairs\n", count(prompts["read"]),
                        count(prompts["with_pairs"]));
    append_drops(text, prompts["without"]);
    text += fmt::format("  candidates  {} read, {} eligible\n", count(candidates["read"]),
                        count(candidates["eligible"]));
    append_drops(text, candidates["set_aside"]);
    text += fmt::format("  pairs       {} proposed, {} kept, {} more by damage\n", count(pairs["proposed"]),
                        count(pairs["kept"]), count(pairs["perturbed"]));
    append_drops(text, pairs["dropped"]);
    if (const auto& length = report["length"]; !length.is_null())
        text += fmt::format(
            "  tokens      chosen {} (median {}), rejected {} (median {}), ratio {}, chosen longer in {}\n",
            number_text(length["chosen"]["mean"]), number_text(length["chosen"]["median"]),
            number_text(length["rejected"]["mean"]), number_text(length["rejected"]["median"]),
            number_text(length["ratio"]), number_text(length["chosen_longer"]));
    for (const auto& [name, now] : report["balance"].items())
        text += fmt::format("  {:<11} {}: {}{}\n", name, now["what"].get<std::string>(), mean_text(now),
                            now.contains("before") && now["balanced"]
                                ? fmt::format("; before pairs were left out {}", mean_text(now["before"]))
                                : "");
    for (const auto& [metric, gap] : report["score_gap"].items())
        text +=
            fmt::format("  gap {:<10} median {}, 10 % {}, 90 % {}, correlation with length {}\n", metric,
                        number_text(gap["quantiles"]["p50"]), number_text(gap["quantiles"]["p10"]),
                        number_text(gap["quantiles"]["p90"]), number_text(gap["correlation_with_length"]));
    for (const auto& warning : report["warnings"]) text += "  warning: " + warning.get<std::string>() + "\n";
    return text;
}

void write_pair_report(const std::filesystem::path& directory, const json& report) {
    write_json(directory / "pair_report.json", report);
    write_file_atomic(directory / "pair_report.txt", pair_report_text(report));
}

}  // namespace linvox
