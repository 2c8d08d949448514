#include "src/train/align.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/loss/loss_table.h"
#include "src/loss/pair_metrics.h"
#include "src/train/align_plan.h"
#include "src/train/decoder_parameters.h"
#include "src/train/pair_batch.h"
#include "src/train/push_probe.h"

namespace linvox {
namespace {

/// Curves of one batch: sums and per-token values per pair, for means and percentiles.
std::vector<MeterValues> curve_values(const PairScores& scores) {
    const at::NoGradGuard no_grad;
    std::vector<MeterValues> values;
    const auto add = [&](const char* side, const at::Tensor& policy_B, const at::Tensor& reference_B,
                         const at::Tensor& tokens_B) {
        values.push_back({fmt::format("logps/{}", side), policy_B.detach()});
        values.push_back({fmt::format("logps/{}_per_token", side), policy_B.detach() / tokens_B});
        if (!reference_B.defined()) return;
        const at::Tensor ratio_B = policy_B.detach() - reference_B;
        values.push_back({fmt::format("logratio/{}_sum", side), ratio_B});
        values.push_back({fmt::format("logratio/{}_per_token", side), ratio_B / tokens_B});
    };
    add("chosen", scores.policy_chosen, scores.reference_chosen, scores.chosen_tokens);
    add("rejected", scores.policy_rejected, scores.reference_rejected, scores.rejected_tokens);
    return values;
}

struct PairForward {
    const Decoder& policy;
    const AlignConfig& config;
    ScoreConfig score;

    /// `denominators` of the whole step (or evaluation); `step_weight` its summed pair weights.
    MicroResult operator()(const PairSet& set, const PairBatch& batch, LossState& state,
                           const std::vector<double>& denominators, double step_weight) const {
        const SequenceScore scored = score_answers(policy, batch.batch, score);
        const PairScores scores = pair_scores(set, batch, scored.logprob_sum_A);
        const auto options = scores.policy_chosen.options().requires_grad(false);
        const PairExtras extras = pair_extras(set, batch, config.task_score, options);
        const at::Tensor weight_B = pair_weights(batch.pairs);
        const at::Tensor weight_on_device_B = weight_B.to(options);
        const PreferenceLoss loss = preference_loss(scores, extras, config.loss, state);
        MicroResult result;
        // A share of the step loss; times the step's weight, because the trainer divides by it.
        result.loss_sum =
            reduce_loss(loss, scores.chosen_tokens, weight_on_device_B, denominators) * step_weight;
        result.weight = weight_B.sum().item<double>();
        for (const LossMeter& meter :
             pair_metrics(scores, extras, config.loss, state, loss, weight_on_device_B))
            result.meters.push_back({meter.name, meter.numerator, meter.denominator});
        result.values = curve_values(scores);
        result.per_record = loss.per_pair_B.detach();
        return result;
    }
};

std::vector<std::size_t> in_order(std::size_t count) {
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = i;
    return order;
}

bool by_prompt(const AlignConfig& config) { return config.pair_weight == "prompt"; }

struct Denominators {
    std::vector<double> parts;
    double weight = 0.0;
};

Denominators denominators_of(const PairSet& set, const std::vector<std::size_t>& records,
                             const AlignConfig& config) {
    const auto pairs = index_pairs(set.records, records, by_prompt(config));
    const at::Tensor weight_B = pair_weights(pairs);
    return {loss_denominators(config.loss, chosen_token_counts(set, pairs), weight_B),
            weight_B.sum().item<double>()};
}

/// Metrics over a whole set, gradients off.
std::map<std::string, double> evaluate_set(const PairForward& forward, const PairSet& set,
                                           const LossState& state) {
    const std::vector<std::size_t> all = in_order(set.records.size());
    const Denominators denominators = denominators_of(set, all, forward.config);
    const PackConfig pack_config{.token_budget = forward.config.token_budget};
    MeterSum meters;
    for (const auto& members : plan_batches(set.groups, all, pack_config)) {
        const at::NoGradGuard no_grad;
        LossState copy = state;
        const PairBatch batch = make_pair_batch(set, members, by_prompt(forward.config));
        meters.add(forward(set, batch, copy, denominators.parts, denominators.weight));
    }
    return meters.read();
}

TensorMap loss_state_tensors(const LossState& state) {
    const std::string text = loss_state_to_json(state).dump();
    at::Tensor bytes =
        at::empty({static_cast<std::int64_t>(text.size())}, at::TensorOptions().dtype(at::kByte));
    std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
    return {{"loss_state", bytes}};
}

LossState loss_state_from(const TensorMap& tensors) {
    const at::Tensor bytes = tensors.at("loss_state").contiguous();
    const auto* text = static_cast<const char*>(bytes.const_data_ptr());
    return loss_state_from_json(
        nlohmann::json::parse(std::string(text, static_cast<std::size_t>(bytes.numel()))));
}

/// One alignment run: the data, the plan of the epoch and the state of the loss.
class AlignSource {
public:
    AlignSource(Decoder& policy, const AlignData& data, const AlignConfig& config)
        : train_(make_pair_set(data.train, data.reference)),
          held_out_(make_pair_set(data.held_out, data.reference)),
          config_(config),
          forward_{policy, config, align_score_config(config, data.vocab_begin, data.vocab_end)} {
        state_.seed = static_cast<std::uint64_t>(config.seed);
    }

    const PairSet& held_out() const { return held_out_; }

    std::int64_t total_steps() const {
        std::int64_t total = 0;
        for (std::int64_t epoch = 0; epoch < config_.epochs; ++epoch)
            total += static_cast<std::int64_t>(plan_steps(train_, config_, epoch).size());
        return total;
    }

    std::int64_t begin_epoch(std::int64_t epoch) {
        steps_ = plan_steps(train_, config_, epoch);
        micros_of_ = -1;
        return static_cast<std::int64_t>(steps_.size());
    }

    std::int64_t micro_count(std::int64_t index) {
        enter_step(index);
        return static_cast<std::int64_t>(micros_.size());
    }

    MicroResult forward(std::int64_t index, std::int64_t micro) {
        enter_step(index);
        const PairBatch batch =
            make_pair_batch(train_, micros_[static_cast<std::size_t>(micro)], by_prompt(config_));
        return forward_(train_, batch, state_, denominators_.parts, denominators_.weight);
    }

    void after_step() { finish_step(config_.loss, state_); }

    std::vector<std::string> record_ids(std::int64_t index, std::int64_t micro) {
        enter_step(index);
        std::vector<std::string> ids;
        for (const std::size_t member : micros_[static_cast<std::size_t>(micro)])
            ids.insert(ids.end(), train_.records[member].rejected.size(), train_.records[member].info.id);
        return ids;
    }

    Evaluation evaluate() {
        Evaluation evaluation;
        evaluation.values = evaluate_set(forward_, held_out_, state_);
        evaluation.loss = evaluation.values.at("loss");
        evaluation.values.erase("loss");
        const PairBatch batch = make_pair_batch(held_out_, probe_members(held_out_), by_prompt(config_));
        const ResolvedTerm main = resolve_loss(config_.loss).front();
        evaluation.values.merge(
            probe_push(forward_.policy, held_out_, batch, forward_.score, main.normalise));
        return evaluation;
    }

    TensorMap state() const {
        TensorMap state = loss_state_tensors(state_);
        state["probe"] = probe_sums();
        return state;
    }

    /// Restored weights must give the scores they gave when they were saved.
    void load_state(const TensorMap& state) {
        state_ = loss_state_from(state);
        const at::Tensor saved = state.at("probe"), now = probe_sums();
        LINVOX_REQUIRE(saved.sizes() == now.sizes(), DataError,
                       "the checkpoint's probe holds {} answers, not {}", saved.numel(), now.numel());
        const double gap = ((saved - now).abs() / saved.abs().clamp_min(1.0)).max().item<double>();
        LINVOX_REQUIRE(
            gap <= 1e-5, DataError,
            "resumed weights score the probe pairs differently than when they were saved (relative "
            "difference {:.2e}); the data or the program changed; delete the checkpoints to start again",
            gap);
    }

private:
    void enter_step(std::int64_t index) {
        if (micros_of_ == index) return;
        const auto& records = steps_.at(static_cast<std::size_t>(index));
        micros_ = plan_micros(train_, records, config_);
        denominators_ = denominators_of(train_, records, config_);
        micros_of_ = index;
    }

    /// The first records whose shared form fits one micro-batch.
    std::vector<std::size_t> probe_members(const PairSet& set) const {
        std::vector<std::size_t> members;
        std::int64_t tokens = 0;
        for (std::size_t i = 0; i < set.groups.size() && static_cast<std::int64_t>(i) < config_.gate.records;
             ++i) {
            tokens += shared_token_count(set.groups[i]);
            if (!members.empty() && tokens > config_.token_budget) break;
            members.push_back(i);
        }
        return members;
    }

    at::Tensor probe_sums() const {
        const at::NoGradGuard no_grad;
        const PairBatch batch = make_pair_batch(train_, probe_members(train_), by_prompt(config_));
        return score_answers(forward_.policy, batch.batch, forward_.score)
            .logprob_sum_A.to(at::kCPU, at::kDouble);
    }

    PairSet train_, held_out_;
    const AlignConfig& config_;
    PairForward forward_;
    LossState state_;
    std::vector<std::vector<std::size_t>> steps_;
    std::int64_t micros_of_ = -1;  // the step that micros_ belongs to
    BatchPlan micros_;
    Denominators denominators_;
};

std::map<std::string, std::string> align_identity(const AlignConfig& config, const AlignData& data) {
    std::map<std::string, std::string> identity = data.identity;
    identity["loss"] = describe_loss(config.loss);
    identity["settings"] = fmt::format(
        "epochs {} batch_pairs {} token_budget {} pair_weight {} precision {} seed {} lr {} betas {} {} "
        "decay {} clip {} schedule {} {} {}",
        config.epochs, config.batch_pairs, config.token_budget, config.pair_weight, config.precision,
        config.seed, config.optimiser.learning_rate, config.optimiser.beta1, config.optimiser.beta2,
        config.optimiser.weight_decay, config.optimiser.clip_norm, config.schedule.kind,
        config.schedule.warmup_steps, config.schedule.final_ratio);
    identity["softmax_range"] = fmt::format("{}:{}", data.vocab_begin, data.vocab_end);
    return identity;
}

void run_gates(const Decoder& policy, const AlignData& data, const AlignConfig& config) {
    const std::size_t count =
        std::min<std::size_t>(data.train.size(), static_cast<std::size_t>(config.gate.records));
    const std::vector<PreferenceRecord> records(data.train.begin(),
                                                data.train.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<SequenceGroup> groups;
    for (const PreferenceRecord& record : records) groups.push_back(preference_group(record));
    const Packer packer = [](const std::vector<const SequenceGroup*>& members) { return pack(members); };
    const ScoreConfig score = align_score_config(config, data.vocab_begin, data.vocab_end);
    std::vector<GateCheck> checks = check_masks(policy, groups, score, packer);
    if (!data.starts_at_reference || config.gate.step0 == "off") {
        log_line("gate step0: off, because policy and reference differ on purpose");
    } else if (!data.reference.empty()) {
        const auto step0 =
            check_step0(policy, records, data.reference, score, config.loss, config.task_score, packer);
        checks.insert(checks.end(), step0.begin(), step0.end());
    }
    require_gates(checks);
}

}  // namespace

TrainResult train_align(Decoder& policy, const AlignData& data, const AlignConfig& config,
                        const TrainRun& run) {
    check(config, data);
    const bool resumes =
        run.resume && !run.checkpoints.empty() && !newest_checkpoint(run.checkpoints).empty();
    if (!resumes) run_gates(policy, data, config);
    TrainTask task;
    task.what = "align " + config.loss.main.kind;
    task.parameters = trained_parameters(policy);
    AlignSource source(policy, data, config);
    const bool evaluates = !data.held_out.empty() && config.evaluate_every > 0;
    task.begin_epoch = [&](std::int64_t epoch) { return source.begin_epoch(epoch); };
    task.micro_count = [&](std::int64_t index) { return source.micro_count(index); };
    task.forward = [&](std::int64_t index, std::int64_t micro, std::int64_t) {
        return source.forward(index, micro);
    };
    task.after_step = [&] { source.after_step(); };
    task.record_ids = [&](std::int64_t index, std::int64_t micro) { return source.record_ids(index, micro); };
    if (evaluates) task.evaluate = [&] { return source.evaluate(); };
    task.extra_state = [&] { return source.state(); };
    task.load_extra = [&](const TensorMap& state) { source.load_state(state); };
    task.identity = align_identity(config, data);
    TrainerConfig trainer{
        .total_steps = source.total_steps(), .optimiser = config.optimiser, .schedule = config.schedule};
    trainer.evaluate_every = evaluates ? config.evaluate_every : 0;
    trainer.evaluate_first = evaluates;
    trainer.patience = config.patience;
    trainer.keep_best = config.keep_best;
    trainer.checkpoint_every = config.checkpoint_every;
    const TrainResult result = train(task, trainer, run);
    set_requires_grad(policy, false);
    return result;
}

std::map<std::string, double> evaluate_pairs(const Decoder& policy,
                                             const std::vector<PreferenceRecord>& records,
                                             const ReferenceScores& reference, const AlignConfig& config,
                                             std::int64_t vocab_begin, std::int64_t vocab_end) {
    const PairSet set = make_pair_set(records, reference);
    const PairForward forward{policy, config, align_score_config(config, vocab_begin, vocab_end)};
    return evaluate_set(forward, set, LossState{});
}

}  // namespace linvox
