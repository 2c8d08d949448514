#include "src/train/sft.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/scalar_tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "src/base/text.h"
#include "src/model/lora.h"
#include "src/train/decoder_parameters.h"

namespace linvox {
namespace {

ScoreConfig score_config(const SftConfig& config, const SftData& data) {
    ScoreConfig score;
    score.forward.compute = config.precision == "bf16" ? Compute::bfloat16 : Compute::as_weights;
    score.forward.checkpoint_layers = config.activation_checkpointing;
    score.softmax = data.softmax;
    return score;
}

std::vector<const SequenceGroup*> select(const std::vector<SequenceGroup>& groups,
                                         const std::vector<std::size_t>& members) {
    std::vector<const SequenceGroup*> selected;
    for (const std::size_t member : members) selected.push_back(&groups[member]);
    return selected;
}

std::vector<std::size_t> in_order(std::size_t count) {
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = i;
    return order;
}

/// Replaces codes among the inputs, so that a model learns to go on from its own mistakes. The labels
/// are tensors of their own and stay.
void add_input_noise(PackedBatch& batch, const SftData& data, double share, Rng& rng) {
    auto* id = batch.ids_T.mutable_data_ptr<std::int64_t>();
    for (std::int64_t t = 0; t < batch.tokens(); ++t)
        if (id[t] >= data.code_begin && id[t] < data.code_end && rng.uniform() < share)
            id[t] = data.code_begin + static_cast<std::int64_t>(rng.below(
                                          static_cast<std::uint64_t>(data.code_end - data.code_begin)));
}

/// The examples of the current epoch and the forward pass over them.
class SftSource {
public:
    SftSource(const Decoder& decoder, const SftData& data, const SftConfig& config)
        : decoder_(decoder), data_(data), config_(config), score_(score_config(config, data)) {}

    std::int64_t begin_epoch(std::int64_t epoch) {
        const auto seed = static_cast<std::uint64_t>(config_.seed);
        Rng examples(mix_seed(seed, "sft examples", epoch)), order(mix_seed(seed, "sft order", epoch));
        groups_ = data_.epoch(static_cast<int>(epoch), examples);
        const PackConfig pack_config{.token_budget = config_.token_budget};
        plan_ = plan_batches(groups_, shuffled_order(groups_.size(), order), pack_config);
        order.shuffle(plan_);  // best fit puts long examples first
        return (static_cast<std::int64_t>(plan_.size()) + config_.accumulate - 1) / config_.accumulate;
    }

    std::int64_t micro_count(std::int64_t index) const {
        return std::min(config_.accumulate,
                        static_cast<std::int64_t>(plan_.size()) - index * config_.accumulate);
    }

    MicroResult forward(std::int64_t index, std::int64_t micro, std::int64_t step) {
        PackedBatch batch = pack(select(groups_, members(index, micro)));
        if (config_.input_noise > 0) {
            Rng noise(mix_seed(static_cast<std::uint64_t>(config_.seed), "sft noise", step, micro));
            add_input_noise(batch, data_, config_.input_noise, noise);
        }
        ScoreConfig score = score_;
        score.forward.dropout = config_.dropout;
        score.forward.lora_dropout = config_.lora.dropout;
        score.forward.dropout_seed =
            mix_seed(static_cast<std::uint64_t>(config_.seed), "sft dropout", step, micro);
        const SequenceScore scored = score_answers(decoder_, batch, score);
        MicroResult result;
        result.weight = static_cast<double>(batch.label_N.size(0));
        result.loss_sum = -scored.logprob_sum_A.sum();
        result.per_record = scored.logprob_sum_A.detach();
        // A running total: counted once per step, so that micro-batches add to one number.
        result.meters = {
            {"num_tokens", result.weight + (micro == 0 ? num_tokens_ : 0.0), micro == 0 ? 1.0 : 0.0}};
        pending_tokens_ += result.weight;
        return result;
    }

    void after_step() { num_tokens_ += std::exchange(pending_tokens_, 0.0); }

    /// One id per answer, as in per_record.
    std::vector<std::string> record_ids(std::int64_t index, std::int64_t micro) const {
        std::vector<std::string> ids;
        for (const std::size_t member : members(index, micro))
            ids.insert(ids.end(), groups_[member].answers.size(), groups_[member].id);
        return ids;
    }

    TensorMap state() const {
        return {{"num_tokens", at::scalar_tensor(num_tokens_, at::TensorOptions().dtype(at::kDouble))}};
    }
    void load_state(const TensorMap& state) { num_tokens_ = state.at("num_tokens").item<double>(); }

    Evaluation evaluate() const {
        const double loss = validation_loss(decoder_, data_.validation, score_, config_.token_budget);
        return {loss, {{"perplexity", std::exp(loss)}}};
    }

private:
    const std::vector<std::size_t>& members(std::int64_t index, std::int64_t micro) const {
        return plan_.at(static_cast<std::size_t>(index * config_.accumulate + micro));
    }

    const Decoder& decoder_;
    const SftData& data_;
    const SftConfig& config_;
    ScoreConfig score_;
    std::vector<SequenceGroup> groups_;
    BatchPlan plan_;
    double num_tokens_ = 0.0, pending_tokens_ = 0.0;
};

std::map<std::string, std::string> sft_identity(const SftData& data, const SftConfig& config) {
    std::map<std::string, std::string> identity = data.identity;
    identity["settings"] = fmt::format(
        "steps {} token_budget {} accumulate {} dropout {} noise {} precision {} seed {} lr {} betas {} {} "
        "decay {} "
        "clip {} "
        "schedule {} {} {} ema {}",
        config.steps, config.token_budget, config.accumulate, config.dropout, config.input_noise,
        config.precision, config.seed, config.optimiser.learning_rate, config.optimiser.beta1,
        config.optimiser.beta2, config.optimiser.weight_decay, config.optimiser.clip_norm,
        config.schedule.kind, config.schedule.warmup_steps, config.schedule.final_ratio, config.ema_decay);
    if (config.optimiser.moments != "f32") identity["moments"] = config.optimiser.moments;
    identity["softmax_range"] = describe(data.softmax);
    if (config.lora.rank > 0) identity["lora"] = describe(config.lora);
    if (!config.freeze.empty()) identity["freeze"] = join(config.freeze, " ");
    return identity;
}

}  // namespace

void SftConfig::visit(ConfigVisitor& v, bool from_weights) {
    if (from_weights)
        v.field("steps", steps, "optimiser steps; 0, only with model.start: the checkpoint as it is",
                Range{0, 1e9});
    else
        v.field("steps", steps, "optimiser steps", Range{1, 1e9});
    v.field("token_budget", token_budget, "tokens of a micro-batch", Range{1, 1e9});
    v.field("accumulate", accumulate, "micro-batches per optimiser step", Range{1, 1e6});
    v.field("dropout", dropout, "probability of a zeroed activation", Range{0.0, 0.95});
    v.field("input_noise", input_noise, "share of input codes replaced by random ones; labels stay",
            Range{0.0, 0.95});
    v.choice("precision", precision, "of the matrix products; weights stay float32", {"bf16", "f32"});
    v.field("activation_checkpointing", activation_checkpointing,
            "compute every layer again in backward: less memory, more time");
    if (from_weights) {
        v.section("lora", lora, "adapters instead of whole weights");
        v.field("freeze", freeze, "weights that are not trained, by name: model.embed_tokens.*, *.mlp.*");
    }
    v.section("optimiser", optimiser, "AdamW");
    v.section("schedule", schedule, "learning rate over the run");
    v.field("evaluate_every", evaluate_every, "steps between validations; 0: none", Range{0, 1e9});
    v.field("patience", patience, "validations without a new best before stopping; 0: never", Range{0, 1e6});
    v.field("ema_decay", ema_decay, "mean of the weights over steps, evaluated and kept; 0: off",
            Range{0.0, 0.999999});
    v.field("checkpoint_every", checkpoint_every, "steps between checkpoints; 0: only on a stop request",
            Range{0, 1e9});
}

double validation_loss(const Decoder& decoder, const std::vector<SequenceGroup>& groups,
                       const ScoreConfig& score, std::int64_t token_budget) {
    const at::NoGradGuard no_grad;
    const PackConfig pack_config{.token_budget = token_budget};
    double sum = 0.0;
    std::int64_t count = 0;
    for (const auto& members : plan_batches(groups, in_order(groups.size()), pack_config)) {
        const PackedBatch batch = pack(select(groups, members));
        sum -= score_answers(decoder, batch, score).logprob_sum_A.to(at::kDouble).sum().item<double>();
        count += batch.label_N.size(0);
    }
    return count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
}

TrainResult train_sft(Decoder& decoder, const SftData& data, const SftConfig& config, const TrainRun& run) {
    if (config.lora.rank > 0)
        add_lora(decoder, config.lora, mix_seed(static_cast<std::uint64_t>(config.seed), "sft lora"));
    SftSource source(decoder, data, config);
    const bool validates = !data.validation.empty() && config.evaluate_every > 0;
    TrainTask task;
    task.what = "sft";
    task.parameters = trained_parameters(decoder, config.freeze);
    task.begin_epoch = [&](std::int64_t epoch) { return source.begin_epoch(epoch); };
    task.micro_count = [&](std::int64_t index) { return source.micro_count(index); };
    task.forward = [&](std::int64_t index, std::int64_t micro, std::int64_t step) {
        return source.forward(index, micro, step);
    };
    task.after_step = [&] { source.after_step(); };
    task.record_ids = [&](std::int64_t index, std::int64_t micro) { return source.record_ids(index, micro); };
    if (validates) task.evaluate = [&] { return source.evaluate(); };
    task.extra_state = [&] { return source.state(); };
    task.load_extra = [&](const TensorMap& state) { source.load_state(state); };
    task.identity = sft_identity(data, config);
    TrainerConfig trainer{
        .total_steps = config.steps, .optimiser = config.optimiser, .schedule = config.schedule};
    trainer.evaluate_every = validates ? config.evaluate_every : 0;
    trainer.patience = validates ? config.patience : 0;
    trainer.ema_decay = config.ema_decay;
    trainer.checkpoint_every = config.checkpoint_every;
    const TrainResult result = train(task, trainer, run);
    for (const TrainedParameter& parameter : task.parameters) parameter.value.set_requires_grad(false);
    return result;
}

}  // namespace linvox
