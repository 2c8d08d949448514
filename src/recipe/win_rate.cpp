#include "src/recipe/win_rate.h"

#include <fmt/format.h>

#include "src/recipe/spoken.h"

namespace linvox {

WinCounts count_wins(const std::vector<Judgement>& judgements, const std::string& system) {
    WinCounts counts;
    for (const Judgement& j : judgements) {
        if (j.system != system) continue;
        const double score = j.score();
        ++counts.pairs;
        counts.score += score;
        ++(score > 0.5 ? counts.wins : score < 0.5 ? counts.losses : counts.ties);
        if (j.scores.size() != 2) continue;
        ++counts.in_both_orders;
        counts.agreeing += j.scores[0] == j.scores[1];
        // SFT's answer is a in the first order, the model's in the second.
        for (const double first : {1 - j.scores[0], j.scores[1]}) {
            counts.decided += first != 0.5;
            counts.first_place += first == 1;
        }
    }
    return counts;
}

ReportMetric win_rate_metric() {
    return {"win.rate",
            "win rate against SFT",
            "%",
            "Share of held-out prompts whose answer the judge prefers to SFT's, ties as halves; a command "
            "judges every "
            "pair in both orders. SFT against itself is 50.",
            Better::up,
            true,
            false};
}

std::map<std::pair<std::string, std::string>, double> win_scores(const std::vector<Judgement>& judgements) {
    std::map<std::pair<std::string, std::string>, double> scores;
    for (const Judgement& j : judgements) scores[{j.system, j.item}] = j.score();
    return scores;
}

MetricValue win_rate_value(const std::map<std::pair<std::string, std::string>, double>& scores,
                           const std::string& system, const std::string& item) {
    if (system == kSftSystem) return metric_value(50, 1);
    const auto found = scores.find({system, item});
    return found == scores.end() ? metric_null("not_applicable") : metric_value(100 * found->second, 1);
}

ReportPanel judge_panel(const WinJudgeConfig& config, const std::vector<Judgement>& judgements,
                        const std::vector<ReportSystem>& models) {
    ReportPanel panel{.id = "judge", .title = "Judge"};
    panel.lead = "Answers of every model against SFT's to the same prompts, sampled with the same seeds.";
    panel.facts = {{"judge", config.kind}};
    if (config.kind == "command") panel.facts.emplace_back("command", config.command);
    if (config.kind == "sidecar") panel.facts.emplace_back("file", config.sidecar.filename().string());
    if (config.kind == "length_rule")
        panel.facts.emplace_back("tie within", fmt::format("{}", config.tie_margin));
    ReportTable table{
        "Verdicts",
        {"model", "pairs", "wins", "ties", "losses", "one verdict in both orders", "for the first answer"},
        {}};
    const auto share = [](std::int64_t part, std::int64_t whole) {
        return whole == 0
                   ? std::string("-")
                   : fmt::format("{:.1f} %", 100 * static_cast<double>(part) / static_cast<double>(whole));
    };
    for (const ReportSystem& model : models) {
        const WinCounts c = count_wins(judgements, model.id);
        if (c.pairs == 0) continue;
        table.rows.push_back({model.label, fmt::format("{}", c.pairs), fmt::format("{}", c.wins),
                              fmt::format("{}", c.ties), fmt::format("{}", c.losses),
                              share(c.agreeing, c.in_both_orders), share(c.first_place, c.decided)});
        constexpr double kFirstPlace = 0.65;
        if (c.decided >= 20 &&
            static_cast<double>(c.first_place) > kFirstPlace * static_cast<double>(c.decided))
            panel.warnings.push_back(fmt::format(
                "{}: {} of the decided verdicts are for the answer that came first; the judge goes by place",
                model.label, share(c.first_place, c.decided)));
    }
    panel.tables.push_back(std::move(table));
    return panel;
}

}  // namespace linvox
