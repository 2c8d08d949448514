// report (text and math): every answer side by side, tables, paired tests, curves.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/jsonl.h"
#include "src/recipe/answered.h"
#include "src/recipe/evaluation.h"
#include "src/recipe/report_inputs.h"
#include "src/recipe/stages.h"
#include "src/recipe/text_rows.h"
#include "src/recipe/win_rate.h"

namespace linvox {
namespace {

ReportRun describe_text_run(const StageContext& context) {
    ReportRun run = describe_report_run(context);
    const SamplingConfig& s = context.config.answer.sampling.sampling;
    run.facts.insert(
        run.facts.begin() + 1,
        {"decoding", s.temperature == 0
                         ? "greedy, equal for all models"
                         : fmt::format("temperature {}, top-p {}, top-k {}, {} answer(s) a prompt, equal "
                                       "for all models",
                                       s.temperature, s.top_p, s.top_k, context.config.answer.samples)});
    return run;
}

void add_answers_text(ReportInput& input, const StageContext& context) {
    std::map<std::pair<std::string, std::string>, EvaluatedAnswer> evaluated;
    for (EvaluatedAnswer& answer : read_evaluated(context.run.stage("evaluate") / "evaluated.jsonl"))
        evaluated[{answer.system, answer.item}] = std::move(answer);
    std::set<std::string> items;
    for (const Answered& a : read_answered(context.run.stage("answer") / "answered.jsonl")) {
        if (items.insert(a.item).second) input.items.push_back({a.item, a.prompt, a.prompt_text});
        ReportAnswer answer;
        answer.system = a.system;
        answer.item = a.item;
        answer.values = std::move(evaluated.at({a.system, a.item}).values);
        answer.response = a.answer.text;
        answer.finish = a.answer.finish;
        input.answers.push_back(std::move(answer));
    }
}

}  // namespace

void stage_report_text(const StageContext& context) {
    ReportInput input;
    input.run = describe_text_run(context);
    input.systems = list_models(context.config);
    input.systems.insert(input.systems.begin(), {kGoldSystem, "data", true, {}});
    input.comparisons = list_comparisons(context.config);
    for (TextRow& row : text_rows(context.config)) input.metrics.push_back(std::move(row.report));
    const WinJudgeConfig& judge = context.config.win_judge;
    if (judge.kind != "none") {
        input.metrics.insert(input.metrics.begin(), win_rate_metric());
        input.panels.push_back(judge_panel(judge, read_judgements(context.run.stage("judge") / kJudgedFile),
                                           list_models(context.config)));
    }
    add_answers_text(input, context);
    input.curves = training_curves(context);
    input.panels.push_back(pair_panel(read_json(context.run.stage("pairs") / "pair_report.json")));
    finish_report(context, std::move(input));
}

}  // namespace linvox
