// Configuration of align.h, the rules between its fields, and the plan of steps that the rules need.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/base/text.h"
#include "src/loss/loss_table.h"
#include "src/train/align.h"
#include "src/train/align_plan.h"

namespace linvox {

std::vector<std::vector<std::size_t>> plan_steps(const PairSet& set, const AlignConfig& config,
                                                 std::int64_t epoch) {
    Rng rng(mix_seed(static_cast<std::uint64_t>(config.seed), "align order", epoch));
    std::vector<std::vector<std::size_t>> steps;
    std::int64_t pairs = config.batch_pairs;
    for (const std::size_t record : shuffled_order(set.records.size(), rng)) {
        if (pairs >= config.batch_pairs) {
            steps.emplace_back();
            pairs = 0;
        }
        steps.back().push_back(record);
        pairs += static_cast<std::int64_t>(set.records[record].rejected.size());
    }
    return steps;
}

BatchPlan plan_micros(const PairSet& set, const std::vector<std::size_t>& records,
                      const AlignConfig& config) {
    const PackConfig pack_config{.token_budget = config.token_budget,
                                 .window = static_cast<std::int64_t>(records.size())};
    return plan_batches(set.groups, records, pack_config);
}

void AlignConfig::visit(ConfigVisitor& v) {
    v.section("loss", loss, "preference loss");
    v.section("optimiser", optimiser, "AdamW");
    v.section("schedule", schedule, "learning rate over the run");
    v.field("epochs", epochs, "passes over the pairs", Range{1, 1e6});
    v.field("batch_pairs", batch_pairs, "pairs per optimiser step", Range{1, 1e6});
    v.field("token_budget", token_budget, "tokens of a micro-batch, prompts counted once", Range{1, 1e9});
    v.choice("pair_weight", pair_weight, "weight of a pair: 1, or 1/k for k pairs of one prompt",
             {"pair", "prompt"});
    v.field("task_score", task_score, "score of the answers for losses that need one; empty: none");
    v.choice("precision", precision, "of the matrix products; weights stay float32", {"bf16", "f32"});
    v.field("evaluate_every", evaluate_every, "steps between evaluations of the held-out pairs; 0: none",
            Range{0, 1e9});
    v.field("patience", patience, "evaluations without a new best before stopping; 0: never", Range{0, 1e6});
    v.field("keep_best", keep_best, "end with the weights of the best evaluation instead of the last");
    v.field("checkpoint_every", checkpoint_every, "steps between checkpoints; 0: only on a stop request",
            Range{0, 1e9});
    v.section("gate", gate, "checks before the first step");
}

void check(const AlignConfig& config, const AlignData& data) {
    LINVOX_REQUIRE(!data.train.empty(), DataError,
                   "no pairs to train on; see the pair report for what was dropped");
    std::vector<std::string> problems = check_loss_config(config.loss, "align.loss");
    if (problems.empty()) {
        LossInputs inputs{.reference = !data.reference.empty(), .task_scores = !config.task_score.empty()};
        const PairSet set = make_pair_set(data.train, {});
        for (std::int64_t epoch = 0; epoch < config.epochs; ++epoch)
            for (const auto& step : plan_steps(set, config, epoch))
                inputs.micro_batches = std::max(
                    inputs.micro_batches, static_cast<std::int64_t>(plan_micros(set, step, config).size()));
        problems = check_loss_inputs(config.loss, inputs, "align.loss");
        bool token_values = config.loss.wpo || config.loss.ld_alpha != 1.0;
        for (const ResolvedTerm& term : resolve_loss(config.loss))
            token_values = token_values || term.row->needs.token_values;
        if (token_values)
            problems.push_back(
                "align.loss: per-token values of the reference are needed, and its file holds sums; "
                "choose another loss, ld_alpha = 1 and wpo = false");
    }
    if ((config.patience > 0 || config.keep_best) && (data.held_out.empty() || config.evaluate_every == 0))
        problems.push_back(
            "align.patience and align.keep_best need held-out pairs and align.evaluate_every > 0");
    if (!problems.empty()) throw ConfigError(join(problems, "\n"));
}

ScoreConfig align_score_config(const AlignConfig& config, std::int64_t vocab_begin, std::int64_t vocab_end) {
    ScoreConfig score;
    score.forward.compute = config.precision == "bf16" ? Compute::bfloat16 : Compute::as_weights;
    score.vocab_begin = vocab_begin;
    score.vocab_end = vocab_end;
    return score;
}

}  // namespace linvox
