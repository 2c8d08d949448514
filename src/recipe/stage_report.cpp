// report: everything the earlier stages wrote, as one directory for readers.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/jsonl.h"
#include "src/recipe/divergence.h"
#include "src/recipe/evaluation.h"
#include "src/recipe/report_inputs.h"
#include "src/recipe/spoken.h"
#include "src/recipe/stages.h"

namespace linvox {
namespace {

ReportRun describe_run(const StageContext& context) {
    const RecipeConfig& config = context.config;
    ReportRun run = describe_report_run(context);
    run.asr = read_json(context.run.stage("evaluate") / "recogniser.json").at("recogniser");
    const SamplingConfig& s = config.synthesise.sampling;
    // Behind the model, before the time.
    run.facts.insert(
        run.facts.begin() + 1,
        {{"layout", config.data.layout},
         {"decoding",
          fmt::format("temperature {}, top-p {}, top-k {}, {} samples a prompt, equal for all models",
                      s.temperature, s.top_p, s.top_k, config.synthesise.samples)}});
    run.notes = {
        "Error rates come from one recogniser with a closed vocabulary and a bigram model over all prompts, "
        "held-out ones included: they compare systems with each other and with the two ceilings, not with "
        "published figures."};
    return run;
}

std::vector<ReportSystem> list_systems(const RecipeConfig& config) {
    std::vector<ReportSystem> systems = list_models(config);
    systems.insert(systems.begin(),
                   {{kRecordingSystem, "recording", true, {}}, {kCodecSystem, "codec", true, {}}});
    return systems;
}

void add_answers(ReportInput& input, const StageContext& context) {
    const auto folder = context.run.stage("synthesise");
    std::map<std::pair<std::string, std::string>, EvaluatedAnswer> evaluated;
    for (EvaluatedAnswer& answer : read_evaluated(context.run.stage("evaluate") / "evaluated.jsonl"))
        evaluated[{answer.system, answer.item}] = std::move(answer);
    std::set<std::string> items;
    for (const Spoken& spoken : read_spoken(folder / "spoken.jsonl")) {
        if (items.insert(spoken.item).second) input.items.push_back({spoken.item, spoken.clip, spoken.text});
        EvaluatedAnswer& scored = evaluated.at({spoken.system, spoken.item});
        ReportAnswer answer;
        answer.system = spoken.system;
        answer.item = spoken.item;
        answer.values = std::move(scored.values);
        answer.transcript = std::move(scored.transcript);
        answer.finish = spoken.finish;
        answer.wave_path = folder / spoken.wave;
        input.answers.push_back(std::move(answer));
    }
}

/// The divergence of the items that were measured; of SFT to itself it is 0.
void add_divergence(ReportInput& input, const StageContext& context) {
    std::map<std::pair<std::string, std::string>, MetricValue> values;
    std::set<std::string> items;
    for (const Divergence& d : read_divergences(context.run.stage("divergence") / "divergence.jsonl")) {
        values[{d.system, d.item}] = metric_value(d.log_ratio, static_cast<double>(d.tokens));
        items.insert(d.item);
    }
    if (values.empty()) return;
    input.metrics.push_back(
        {kDivergenceMetric, "KL to SFT", "nats",
         "KL(model || SFT) a token: mean of ln p(model) - ln p(SFT) over the tokens of answers "
         "sampled from the model at temperature 1 with nothing cut off, scored by both. The "
         "answers are not the ones spoken.",
         Better::none, false, false});
    for (ReportAnswer& answer : input.answers) {
        const auto found = values.find({answer.system, answer.item});
        if (found != values.end()) answer.values[kDivergenceMetric] = found->second;
        if (answer.system == kSftSystem && items.contains(answer.item))
            answer.values[kDivergenceMetric] = metric_value(0.0, 1.0);
    }
}

void add_metrics(ReportInput& input, const RecipeConfig& config) {
    const std::vector<std::string> headline = headline_tts_metrics();
    std::vector<std::string> ids = config.evaluate.metrics.empty() ? headline : config.evaluate.metrics;
    for (const Metric* metric : find_metrics(ids))
        input.metrics.push_back(report_metric(
            *metric, std::find(headline.begin(), headline.end(), metric->id) != headline.end()));
}

}  // namespace

void stage_report(const StageContext& context) {
    ReportInput input;
    input.run = describe_run(context);
    input.systems = list_systems(context.config);
    input.comparisons = list_comparisons(context.config);
    input.media.max_items = static_cast<int>(context.config.report.players);
    add_metrics(input, context.config);
    add_answers(input, context);
    add_divergence(input, context);
    input.curves = training_curves(context);
    input.panels.push_back(pair_panel(read_json(context.run.stage("pairs") / "pair_report.json")));
    input.panels.push_back(codec_panel(read_json(context.run.stage("codec") / "codec_report.json")));
    finish_report(context, std::move(input));
}

}  // namespace linvox
