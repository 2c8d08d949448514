// evaluate (text, math and asr): score every held-out answer.
#include "src/recipe/answered.h"
#include "src/recipe/evaluation.h"
#include "src/recipe/stages.h"
#include "src/recipe/text_rows.h"
#include "src/recipe/win_rate.h"

namespace linvox {

void stage_evaluate_text(const StageContext& context) {
    const std::vector<TextRow> rows = text_rows(context.config);
    const bool judged = context.config.win_judge.kind != "none";
    std::map<std::pair<std::string, std::string>, double> wins;
    if (judged) wins = win_scores(read_judgements(context.run.stage("judge") / kJudgedFile));
    std::vector<EvaluatedAnswer> evaluated;
    for (const Answered& a : read_answered(context.run.stage("answer") / "answered.jsonl")) {
        evaluated.push_back({a.system, a.item, a.answer.text, {}});
        for (const TextRow& row : rows)
            if (row.split == a.split) evaluated.back().values[row.report.id] = score_row(row, a.answer);
        if (judged) evaluated.back().values[win_rate_metric().id] = win_rate_value(wins, a.system, a.item);
    }
    write_evaluated(context.folder / "evaluated.jsonl", evaluated);
}

}  // namespace linvox
