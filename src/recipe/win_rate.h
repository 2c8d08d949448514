// The win rate against SFT as a metric of the report, and how the judge came to it as a panel.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "eval/metric.h"
#include "eval/report.h"
#include "src/recipe/win_judge.h"

namespace linvox {

inline constexpr const char* kJudgedFile = "judged.jsonl";

/// Outcomes of one model. An undecided pair, won in one order and lost in the other, is a tie.
struct WinCounts {
    std::int64_t pairs = 0, wins = 0, ties = 0, losses = 0;
    double score = 0;
    std::int64_t in_both_orders = 0, agreeing = 0;  // pairs asked twice, and those with one verdict
    std::int64_t decided = 0, first_place = 0;  // verdicts of these that are no tie, and those for answer a
    double rate() const { return score / static_cast<double>(pairs); }
};
WinCounts count_wins(const std::vector<Judgement>& judgements, const std::string& system);

/// Ties are halves, so SFT against itself is 50.
ReportMetric win_rate_metric();

/// Of one answer: 50 for SFT, what the judge says of an aligned model's; not applicable for others.
MetricValue win_rate_value(const std::map<std::pair<std::string, std::string>, double>& scores,
                           const std::string& system, const std::string& item);
/// By system and item.
std::map<std::pair<std::string, std::string>, double> win_scores(const std::vector<Judgement>& judgements);

/// Wins, ties, losses of every model, and how far two orders of a command agree.
ReportPanel judge_panel(const WinJudgeConfig& config, const std::vector<Judgement>& judgements,
                        const std::vector<ReportSystem>& models);

}  // namespace linvox
