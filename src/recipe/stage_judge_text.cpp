// judge (text): every aligned model's held-out answers against SFT's.
#include <fmt/format.h>

#include <map>

#include "src/base/log.h"
#include "src/recipe/answered.h"
#include "src/recipe/spoken.h"
#include "src/recipe/stages.h"
#include "src/recipe/win_judge.h"
#include "src/recipe/win_rate.h"

namespace linvox {
namespace {

std::vector<JudgePair> pairs_to_judge(const std::vector<Answered>& answers) {
    std::map<std::string, const Answered*> start, gold;  // by item, by prompt
    for (const Answered& a : answers) {
        if (a.system == kSftSystem) start[a.item] = &a;
        if (a.system == kGoldSystem) gold[a.prompt] = &a;
    }
    std::vector<JudgePair> pairs;
    for (const Answered& a : answers) {
        if (a.system == kSftSystem || a.system == kGoldSystem) continue;
        const TextAnswer &own = a.answer, &baseline = start.at(a.item)->answer;
        pairs.push_back({a.system, a.item, a.prompt_text, baseline.text, own.text,
                         gold.at(a.prompt)->answer.text, baseline.finish == "stop", own.finish == "stop"});
    }
    return pairs;
}

}  // namespace

void stage_judge_text(const StageContext& context) {
    const WinJudgeConfig& config = context.config.win_judge;
    std::vector<Judgement> judged;
    if (config.kind != "none")
        judged =
            judge_all(config, pairs_to_judge(read_answered(context.run.stage("answer") / "answered.jsonl")),
                      context.folder);
    write_judgements(context.folder / kJudgedFile, judged);
    for (const AlignRun& run : context.config.align) {
        const WinCounts counts = count_wins(judged, run.name);
        if (counts.pairs > 0)
            log_line(fmt::format("  {}: win rate {:.1f} % over {} pairs", run.name, 100 * counts.rate(),
                                 counts.pairs));
    }
}

}  // namespace linvox
