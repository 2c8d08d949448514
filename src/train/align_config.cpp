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
#include "src/train/align_reference.h"
#include "src/train/pair_batch_score.h"
#include "src/train/precision.h"

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
                      std::int64_t token_budget) {
    const PackConfig pack_config{.token_budget = token_budget,
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
    visit_precision(v, precision);
    visit_kept_weights(v, weights);
    v.section("lora", lora, "adapters instead of whole weights");
    v.field("freeze", freeze, "weights that are not trained, by name: model.embed_tokens.*, *.mlp.*");
    v.field("activation_checkpointing", activation_checkpointing,
            "compute every layer again in backward: less memory, more time");
    v.field("token_statistics", token_statistics,
            "log entropy, top-1 accuracy and mean logit of the answers' tokens");
    v.choice("reference_update", reference_update,
             "TR-DPO: every reference_every steps the reference moves to the policy (soft: by "
             "reference_alpha; hard: wholly)",
             {"none", "soft", "hard"});
    v.field("reference_alpha", reference_alpha, "share of the policy in a soft update", Range{0.0, 1.0});
    v.field("reference_every", reference_every, "optimiser steps between updates of the reference",
            Range{1, 1e9});
    v.field("evaluate_every", evaluate_every, "steps between evaluations of the held-out pairs; 0: none",
            Range{0, 1e9});
    v.field("patience", patience, "evaluations without a new best before stopping; 0: never", Range{0, 1e6});
    v.field("keep_best", keep_best, "end with the weights of the best evaluation instead of the last");
    v.field("checkpoint_every", checkpoint_every, "steps between checkpoints; 0: only on a stop request",
            Range{0, 1e9});
    v.section("gate", gate, "checks before the first step");
}

namespace {

/// What the run can give its loss.
LossInputs inputs_of(const AlignConfig& config, const AlignData& data) {
    const bool live = uses_live_reference(config) && data.starts_at_reference;
    const ReferenceScores none;
    const PairSet set = make_pair_set(data.train, live ? none : data.reference);
    const PairSet held_out = make_pair_set(data.held_out, live ? none : data.reference);
    const bool has_tokens =
        holds_token_values(set) && (held_out.records.empty() || holds_token_values(held_out));
    const LossReads reads = loss_reads(config.loss);
    LossInputs inputs{.reference = live || !data.reference.empty(),
                      .task_scores = !config.task_score.empty()};
    inputs.reference_is_cached =
        !live && (reads.reference_logits() || (reads.reference_tokens && !has_tokens));
    for (std::int64_t epoch = 0; epoch < config.epochs; ++epoch)
        for (const auto& step : plan_steps(set, config, epoch))
            inputs.micro_batches =
                std::max(inputs.micro_batches,
                         static_cast<std::int64_t>(plan_micros(set, step, config.token_budget).size()));
    return inputs;
}

/// What the trainer cannot do for a loss, with the reason.
void add_loss_limits(const AlignConfig& config, std::vector<std::string>& problems) {
    const LossReads reads = loss_reads(config.loss);
    if (reads.contrastive_weights && config.loss.ld_alpha != 1.0)
        problems.push_back(
            "align.loss.ld_alpha below 1 and tis_dpo each weigh the tokens of an answer; set it to 1");
    if (config.loss.ld_alpha != 1.0 && reads.reference_logits())
        problems.push_back(
            "align.loss.ld_alpha below 1 weighs log-probabilities only; it is not defined beside the full "
            "distributions that tdpo1, tdpo2 and epsilon_dpo read; set it to 1");
    if (config.loss.ratio_target > 0 && reads.divergence)
        problems.push_back(
            "align.loss.ratio_target balances the pushes on log-probabilities; tdpo1 and tdpo2 also push "
            "through their divergence; set it to 0");
    std::int64_t extrapolations = 0;
    for (const ResolvedTerm& term : resolve_loss(config.loss))
        extrapolations += term.row->needs.reference_logits && !term.row->needs.token_values;
    if (extrapolations > 1)
        problems.push_back("align.loss: a mix takes epsilon_dpo once; its margins belong to one epsilon");
}

void add_reference_problems(const AlignConfig& config, const AlignData& data,
                            std::vector<std::string>& problems) {
    if (uses_live_reference(config) && !data.starts_at_reference)
        problems.push_back(
            "align: a reference that moves, or whose logits the loss reads, is a copy of the start model; "
            "this run starts elsewhere and has scores of its reference only");
    if (config.reference_update == "soft" && config.lora.rank > 0)
        problems.push_back(
            "align.reference_update = 'soft' mixes weights, and a share of A and B is no share of B A; use "
            "'hard' with align.lora");
    if (config.reference_update == "none") return;
    const std::vector<ResolvedTerm> terms = resolve_loss(config.loss);
    if (std::none_of(terms.begin(), terms.end(), [](const auto& t) { return t.row->needs.reference; }))
        problems.push_back(fmt::format("align.reference_update = '{}' moves a reference, and {} has none",
                                       config.reference_update, config.loss.main.kind));
    if (config.patience > 0 || config.keep_best)
        problems.push_back(
            "align.patience and align.keep_best compare losses of different steps, which a moving reference "
            "changes; set them to 0 and false with align.reference_update");
}

}  // namespace

void check(const AlignConfig& config, const AlignData& data) {
    LINVOX_REQUIRE(!data.train.empty(), DataError,
                   "no pairs to train on; see the pair report for what was dropped");
    std::vector<std::string> problems = check_loss_config(config.loss, "align.loss");
    if (problems.empty()) {
        LINVOX_ASSERT(data.contrast || !loss_reads(config.loss).contrastive_weights,
                      "the loss weighs tokens by two models, and no scores of them were given");
        problems = check_loss_inputs(config.loss, inputs_of(config, data), "align.loss");
        add_loss_limits(config, problems);
        add_reference_problems(config, data, problems);
    }
    if ((config.patience > 0 || config.keep_best) && (data.held_out.empty() || config.evaluate_every == 0))
        problems.push_back(
            "align.patience and align.keep_best need held-out pairs and align.evaluate_every > 0");
    for (const std::string& problem : kept_weights_problems(
             config.weights, config.precision, config.optimiser.moments, config.lora.rank, "align"))
        problems.push_back(problem);
    if (!problems.empty()) throw ConfigError(join(problems, "\n"));
}

ScoreConfig align_score_config(const AlignConfig& config, const SoftmaxRange& softmax) {
    ScoreConfig score;
    score.forward.compute = compute_of(config.precision);
    score.forward.checkpoint_layers = config.activation_checkpointing;
    score.softmax = softmax;
    score.statistics = config.token_statistics;
    return score;
}

PairScoring pair_scoring(const AlignConfig& config, const AlignData& data) {
    return {align_score_config(config, data.softmax), config.loss, config.task_score, data.contrast};
}

}  // namespace linvox
