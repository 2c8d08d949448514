// evaluate (text and math): score every held-out answer.
#include "src/recipe/answered.h"
#include "src/recipe/evaluation.h"
#include "src/recipe/stages.h"
#include "src/recipe/text_rows.h"

namespace linvox {

void stage_evaluate_text(const StageContext& context) {
    const std::vector<TextRow> rows = text_rows(context.config);
    std::vector<EvaluatedAnswer> evaluated;
    for (const Answered& a : read_answered(context.run.stage("answer") / "answered.jsonl")) {
        evaluated.push_back({a.system, a.item, a.answer.text, {}});
        for (const TextRow& row : rows)
            if (row.split == a.split) evaluated.back().values[row.report.id] = row.metric->score(a.answer);
    }
    write_evaluated(context.folder / "evaluated.jsonl", evaluated);
}

}  // namespace linvox
