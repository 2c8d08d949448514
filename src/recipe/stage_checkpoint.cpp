// The stages that only a checkpoint recipe has: its start, its pairs, and how the held-out ones are judged.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/data/answer_lines.h"
#include "src/data/pair_report.h"
#include "src/data/span_pairs.h"
#include "src/model/model_directory.h"
#include "src/recipe/align_inputs.h"
#include "src/recipe/checkpoint.h"
#include "src/recipe/evaluation.h"
#include "src/recipe/report_inputs.h"
#include "src/recipe/spoken.h"
#include "src/recipe/stages.h"
#include "src/recipe/start_model.h"
#include "src/train/reference_cache.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

/// The records that a line makes: one, or one for each span that data.spans names.
std::vector<PreferenceRecord> to_records(AnswerLine line, const SoftmaxRange& softmax,
                                         const std::vector<std::string>& labels) {
    std::optional<MarkedAnswer> chosen;
    std::vector<MarkedAnswer> rejected;
    for (std::size_t i = 0; i < line.names.size(); ++i) {
        require_predictable(line.group.answers[i], line.names[i], softmax);
        MarkedAnswer answer{std::move(line.group.answers[i]), std::move(line.spans[i])};
        if (line.names[i] == "chosen")
            chosen = std::move(answer);
        else if (line.names[i].starts_with("rejected"))
            rejected.push_back(std::move(answer));
    }
    LINVOX_REQUIRE(chosen && !rejected.empty(), DataError,
                   "the record '{}' needs \"chosen\" and \"rejected\" answers", line.group.id);
    for (const MarkedAnswer& answer : rejected)
        LINVOX_REQUIRE(
            answer.tokens.ids != chosen->tokens.ids, DataError,
            "chosen and rejected of the record '{}' are the same tokens; drop it (`linvox validate --fix`)",
            line.group.id);
    std::vector<PreferenceRecord> records;
    for (SpanPair& pair : span_pairs(*chosen, rejected, labels)) {
        PreferenceRecord record;
        const std::string suffix = pair.label.empty() ? "" : "/" + pair.label;
        record.info = {line.group.id + suffix, line.group.prompt_ids, "", "", "checkpoint", "", ""};
        record.why = pair.label.empty() ? "given" : "given " + pair.label;
        for (TokenSequence& answer : pair.rejected)
            if (!same_scored_tokens(answer, pair.chosen))
                record.rejected.push_back({.answer = std::move(answer), .source = "other"});
        record.chosen = {.answer = std::move(pair.chosen), .source = "other"};
        if (!record.rejected.empty()) records.push_back(std::move(record));
    }
    return records;
}

std::vector<PreferenceRecord> read_pairs(const RecipeConfig& config, const SoftmaxRange& softmax) {
    const CheckpointDataConfig& data = config.checkpoint;
    const std::vector<std::string>& labels = data.parts.spans;
    std::vector<PreferenceRecord> records;
    std::set<std::string> found;
    for_each_answer_line(data.manifest, line_rules(config.model.start, data), [&](AnswerLine&& line) {
        for (PreferenceRecord& record : to_records(std::move(line), softmax, labels)) {
            found.insert(record.why);
            records.push_back(std::move(record));
        }
    });
    for (const std::string& label : labels)
        LINVOX_REQUIRE(found.contains("given " + label), DataError,
                       "{}: no record has answers that differ in a span \"{}\"; take it off data.spans",
                       data.manifest.string(), label);
    return records;
}

/// The conversations that SFT learns beside the chosen answers.
void add_dialogue_groups(std::vector<SequenceGroup>& groups, const RecipeConfig& config,
                         const SoftmaxRange& softmax) {
    const CheckpointDataConfig& data = config.checkpoint;
    if (data.parts.dialogues.empty()) return;
    const LineRules rules = line_rules(config.model.start, data);
    for (Dialogue& dialogue : read_dialogues(data.parts.dialogues)) {
        const std::string where = fmt::format("{}:{}", data.parts.dialogues.string(), dialogue.line);
        try {
            groups.push_back(dialogue_group(std::move(dialogue), rules));
        } catch (const DataError& error) {
            throw DataError(fmt::format("{}: {}", where, error.what()));
        }
        require_predictable(groups.back().answers[0], where, softmax);
    }
}

/// A prompt stands on one side only: its ids decide.
bool held_out(const PreferenceRecord& record, const CheckpointDataConfig& data, std::int64_t seed) {
    std::string ids;
    for (const std::int32_t id : record.info.prompt_ids) ids += fmt::format("{} ", id);
    return Rng(mix_seed(static_cast<std::uint64_t>(seed), "held-out pair", ids)).uniform() < data.valid_share;
}

PairCounts counts_of(const std::vector<PreferenceRecord>& records) {
    PairCounts counts;
    counts.prompts_read = counts.prompts_with_pairs = static_cast<std::int64_t>(records.size());
    for (const PreferenceRecord& record : records)
        counts.pairs_proposed += static_cast<std::int64_t>(record.rejected.size());
    counts.pairs_kept = counts.pairs_proposed;
    return counts;
}

/// Pairs of several spans share their chosen answer: each is learned in the parts that are scored.
std::vector<SequenceGroup> chosen_groups(const std::vector<PreferenceRecord>& records) {
    std::vector<SequenceGroup> groups;
    for (const PreferenceRecord& record : records)
        groups.push_back({record.info.id, record.info.prompt_ids, {record.chosen.answer}});
    return groups;
}

constexpr const char* kAccuracy = "pairs.accuracy";
constexpr const char* kMargin = "pairs.margin";
constexpr const char* kChosen = "pairs.chosen";

/// Log-ratios to the start model of one held-out pair, nats a token.
struct JudgedPair {
    std::string item;
    double chosen = 0, rejected = 0;
};

std::vector<JudgedPair> judge_pairs(const std::vector<PreferenceRecord>& records,
                                    const ReferenceScores& policy, const ReferenceScores& start) {
    std::vector<JudgedPair> judged;
    for (const PreferenceRecord& record : records) {
        const auto ratio = [&](const Candidate& answer) {
            const std::string key = answer_digest(record.info.prompt_ids, answer.answer);
            const ReferenceScore& own = policy.at(key);
            return (own.logprob_sum - start.at(key).logprob_sum) / static_cast<double>(own.token_count);
        };
        for (std::size_t r = 0; r < record.rejected.size(); ++r)
            judged.push_back(
                {fmt::format("{}.{}", record.info.id, r), ratio(record.chosen), ratio(record.rejected[r])});
    }
    return judged;
}

std::map<std::string, MetricValue> values_of(const JudgedPair& pair) {
    return {{kAccuracy, metric_value(pair.chosen > pair.rejected ? 1.0 : 0.0, 1.0)},
            {kMargin, metric_value(pair.chosen - pair.rejected, 1.0)},
            {kChosen, metric_value(pair.chosen, 1.0)}};
}

}  // namespace

void stage_prepare_checkpoint(const StageContext& context) {
    const AnswerIds ids = answer_ids_of(context.config.model.start);
    write_checkpoint_vocabulary(context.folder / "vocabulary.json", ids);
    log_line(fmt::format("  softmax over {}, answers end with {}",
                         ids.softmax.is_all() ? "all ids" : describe(ids.softmax),
                         fmt::join(ids.stop_ids, " ")));
}

void stage_pairs_checkpoint(const StageContext& context) {
    const CheckpointDataConfig& data = context.config.checkpoint;
    const AnswerIds ids = read_checkpoint_vocabulary(context.run.stage("prepare") / "vocabulary.json");
    PairResult training;
    std::vector<PreferenceRecord> watch;
    for (PreferenceRecord& record : read_pairs(context.config, ids.softmax))
        (held_out(record, data, context.config.seed) ? watch : training.records).push_back(std::move(record));
    LINVOX_REQUIRE(!training.records.empty(), DataError,
                   "{}: no pair is left for training; lower data.valid_share", data.manifest.string());
    training.counts = counts_of(training.records);
    PairConfig given;
    given.rule = "given";
    write_pair_report(context.folder, pair_report(training, given));
    const RecordHeader header{
        "pairs", read_model_config(context.config.model.start.directory).vocab_size, {}, {}};
    write_preferences(context.folder / "pairs.train.jsonl", {header, training.records, true});
    write_preferences(context.folder / "pairs.watch.jsonl", {header, watch, true});
    log_line(fmt::format("  {} pairs from {} prompts (held-out prompts: {})", training.counts.pairs_kept,
                         training.records.size(), watch.size()));
}

void stage_sft_checkpoint(const StageContext& context) {
    const RecipeConfig& config = context.config;
    if (keeps_checkpoint(config)) return link_checkpoint(context);
    const AlignInputs inputs = load_align_inputs(context);
    std::vector<SequenceGroup> training = chosen_groups(inputs.train);
    add_dialogue_groups(training, config, inputs.softmax);
    SftData data;
    data.epoch = [&](int, Rng&) { return training; };
    data.validation = chosen_groups(inputs.watch);
    data.softmax = inputs.softmax;
    data.identity = {{"pairs", sha256_file(context.run.stage("pairs") / "pairs.train.jsonl")}};
    train_start_model(context, load_float32(config.model.start.directory), data);
}

void stage_evaluate_checkpoint(const StageContext& context) {
    const AlignInputs inputs = load_align_inputs(context);
    std::vector<SequenceGroup> groups;
    for (const PreferenceRecord& record : inputs.watch) groups.push_back(preference_group(record));
    const AlignConfig& config = context.config.align.front().train;
    const ScoreConfig score = align_score_config(config, inputs.softmax);
    const auto scored_by = [&](const Decoder& decoder) {
        return score_reference(decoder, groups, score, config.token_budget, ReferenceDetail::sums);
    };
    const ReferenceScores start = scored_by(load_start_model(context.run));
    std::vector<EvaluatedAnswer> evaluated;
    for (const AlignRun& run : context.config.align) {
        const fs::path folder = context.run.stage("align") / run.name / "model";
        const ReferenceScores own = scored_by(load_float32(folder));
        for (const JudgedPair& pair : judge_pairs(inputs.watch, own, start))
            evaluated.push_back({run.name, pair.item, "", values_of(pair)});
    }
    write_evaluated(context.folder / "evaluated.jsonl", evaluated);
}

void stage_report_checkpoint(const StageContext& context) {
    ReportInput input;
    input.run = describe_report_run(context);
    input.systems = list_models(context.config);
    input.systems.erase(input.systems.begin());  // the start model's own log-ratios are all 0
    input.comparisons = list_comparisons(context.config);
    std::erase_if(input.comparisons, [](const ReportComparison& c) { return c.baseline == kSftSystem; });
    input.metrics = {
        {kAccuracy, "pair accuracy", "",
         "held-out pairs whose chosen answer gained more than the rejected one", Better::up, true, true},
        {kMargin, "margin", "nats", "log-ratio of chosen minus rejected to the start model, a token",
         Better::up, true, false},
        {kChosen, "chosen log-ratio", "nats", "log-ratio of the chosen answer to the start model, a token",
         Better::up, true, false}};
    std::set<std::string> items;
    for (EvaluatedAnswer& answer : read_evaluated(context.run.stage("evaluate") / "evaluated.jsonl")) {
        if (items.insert(answer.item).second)
            input.items.push_back({answer.item, answer.item.substr(0, answer.item.rfind('.')), ""});
        ReportAnswer row;
        row.system = answer.system;
        row.item = answer.item;
        row.values = std::move(answer.values);
        input.answers.push_back(std::move(row));
    }
    for (const AlignRun& run : context.config.align)
        for (Curve& curve :
             read_curves(context.run.stage("align") / run.name / "train.jsonl", run.name, "train"))
            input.curves.push_back(std::move(curve));
    input.panels.push_back(pair_panel(read_json(context.run.stage("pairs") / "pair_report.json")));
    finish_report(context, std::move(input));
}

}  // namespace linvox
