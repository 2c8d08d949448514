// report: everything the earlier stages wrote, as one directory for readers.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "eval/report.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/config/config_io.h"
#include "src/model/model_directory.h"
#include "src/recipe/divergence.h"
#include "src/recipe/evaluation.h"
#include "src/recipe/spoken.h"
#include "src/recipe/stages.h"
#include "src/recipe/sweep.h"
#include "src/recipe/version.h"

namespace linvox {
namespace {

std::string today() {
    const std::time_t now = std::time(nullptr);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", std::gmtime(&now));
    return text;
}

std::string minutes_of(const RunDirectory& run) {
    double seconds = 0;
    for (const auto& entry : std::filesystem::directory_iterator(run.root() / "stages")) {
        const auto file = entry.path() / "stage.json";
        if (std::filesystem::exists(file)) seconds += read_json(file).value("seconds", 0.0);
    }
    return fmt::format("{:.1f} min", seconds / 60);
}

ReportRun describe_run(const StageContext& context) {
    const RecipeConfig& config = context.config;
    ReportRun run;
    run.title = config.report.title;
    run.version = kVersion;
    run.config_hash = config_digest([&](ConfigVisitor& v) { const_cast<RecipeConfig&>(config).visit(v); });
    run.date = today();
    run.seed = static_cast<std::uint64_t>(config.seed);
    run.asr = read_json(context.run.stage("evaluate") / "recogniser.json").at("recogniser");
    const Decoder decoder = load_model_directory(context.run.stage("sft") / "model");
    const SamplingConfig& s = config.synthesise.sampling;
    run.facts = {{"model", fmt::format("{:.2f} M weights, {} layers, width {}",
                                       static_cast<double>(weight_count(decoder)) / 1e6,
                                       decoder.config.num_layers, decoder.config.hidden_size)},
                 {"layout", config.data.layout},
                 {"decoding",
                  fmt::format("temperature {}, top-p {}, top-k {}, {} samples a prompt, equal for all models",
                              s.temperature, s.top_p, s.top_k, config.synthesise.samples)},
                 {"time so far", minutes_of(context.run)}};
    for (const AlignRun& entry : config.align)
        run.facts.emplace_back(entry.name, describe_loss(entry.train.loss));
    run.notes = {
        "Error rates come from one recogniser with a closed vocabulary and a bigram model over all prompts, "
        "held-out ones included: they compare systems with each other and with the two ceilings, not with "
        "published figures."};
    return run;
}

std::vector<ReportSystem> list_systems(const RecipeConfig& config) {
    std::vector<ReportSystem> systems = {{kRecordingSystem, "recording", true, {}},
                                         {kCodecSystem, "codec", true, {}},
                                         {kSftSystem, "SFT", false, {}}};
    for (const AlignRun& run : config.align) {
        std::string label = run.name;
        for (char& c : label) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        systems.push_back({run.name, label, false, {}});
    }
    return systems;
}

/// Every aligned model against SFT, and every later model against the first aligned one.
std::vector<ReportComparison> list_comparisons(const RecipeConfig& config) {
    std::vector<ReportComparison> comparisons;
    for (const AlignRun& run : config.align) comparisons.push_back({kSftSystem, run.name});
    for (std::size_t i = 1; i < config.align.size(); ++i)
        comparisons.push_back({config.align[i].name, config.align[0].name});
    return comparisons;
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
    input.metrics.push_back({kDivergenceMetric, "KL to SFT", "nats",
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

void add_curves(ReportInput& input, const StageContext& context) {
    const auto add = [&](const std::filesystem::path& file, const std::string& run) {
        for (Curve& curve : read_curves(file, run, "train")) input.curves.push_back(std::move(curve));
    };
    add(context.run.stage("sft") / "train.jsonl", kSftSystem);
    for (const AlignRun& run : context.config.align)
        add(context.run.stage("align") / run.name / "train.jsonl", run.name);
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
    add_curves(input, context);
    input.panels.push_back(pair_panel(read_json(context.run.stage("pairs") / "pair_report.json")));
    input.panels.push_back(codec_panel(read_json(context.run.stage("codec") / "codec_report.json")));
    Report report = build_report(std::move(input));
    const auto& runs = context.config.align;
    if (const auto sweep = find_sweep(runs))
        report.input.panels.insert(report.input.panels.begin(),
                                   sweep_panel(*sweep, runs, context.run.stage("align"), report));
    write_report(context.run.report(), report);
    write_file_atomic(context.folder / "table.txt", terminal_table(report));
}

}  // namespace linvox
