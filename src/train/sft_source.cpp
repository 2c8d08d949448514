#include "src/train/sft_source.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "src/train/precision.h"

namespace linvox {
namespace {

ScoreConfig score_config(const SftConfig& config, const SftData& data) {
    ScoreConfig score;
    score.forward.compute = compute_of(config.precision);
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

/// Every micro-batch in two where it has more than one example.
BatchPlan halved(const BatchPlan& micros) {
    BatchPlan halves;
    for (const auto& members : micros) {
        const auto middle = members.begin() + static_cast<std::ptrdiff_t>((members.size() + 1) / 2);
        halves.emplace_back(members.begin(), middle);
        if (middle != members.end()) halves.emplace_back(middle, members.end());
    }
    return halves;
}

}  // namespace

SftSource::SftSource(const Decoder& decoder, const SftData& data, const SftConfig& config)
    : decoder_(decoder), data_(data), config_(config), score_(score_config(config, data)) {}

std::int64_t SftSource::begin_epoch(std::int64_t epoch) {
    const auto seed = static_cast<std::uint64_t>(config_.seed);
    Rng examples(mix_seed(seed, "sft examples", epoch)), order(mix_seed(seed, "sft order", epoch));
    groups_ = data_.epoch(static_cast<int>(epoch), examples);
    const PackConfig pack_config{.token_budget = config_.token_budget};
    plan_ = plan_batches(groups_, shuffled_order(groups_.size(), order), pack_config);
    order.shuffle(plan_);  // best fit puts long examples first
    micros_of_ = -1;
    return (static_cast<std::int64_t>(plan_.size()) + config_.accumulate - 1) / config_.accumulate;
}

std::int64_t SftSource::micro_count(std::int64_t index) {
    enter_step(index);
    return static_cast<std::int64_t>(micros_.size());
}

MicroResult SftSource::forward(std::int64_t index, std::int64_t micro, std::int64_t step) {
    enter_step(index);
    PackedBatch batch = pack(select(groups_, micros_.at(static_cast<std::size_t>(micro))));
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

void SftSource::after_step() { num_tokens_ += std::exchange(pending_tokens_, 0.0); }

bool SftSource::split() {
    if (std::all_of(micros_.begin(), micros_.end(), [](const auto& members) { return members.size() < 2; }))
        return false;
    ++halvings_;
    pending_tokens_ = 0.0;  // the step is begun again
    micros_of_ = -1;
    return true;
}

std::vector<std::string> SftSource::record_ids(std::int64_t index, std::int64_t micro) {
    enter_step(index);
    std::vector<std::string> ids;
    for (const std::size_t member : micros_.at(static_cast<std::size_t>(micro)))
        ids.insert(ids.end(), groups_[member].answers.size(), groups_[member].id);
    return ids;
}

TensorMap SftSource::state() const {
    return {{"num_tokens", at::scalar_tensor(num_tokens_, at::TensorOptions().dtype(at::kDouble))}};
}
void SftSource::load_state(const TensorMap& state) { num_tokens_ = state.at("num_tokens").item<double>(); }

Evaluation SftSource::evaluate() const {
    const double loss = validation_loss(decoder_, data_.validation, score_, config_.token_budget);
    return {loss, {{"perplexity", std::exp(loss)}}};
}

void SftSource::enter_step(std::int64_t index) {
    if (micros_of_ == index) return;
    const auto first = static_cast<std::size_t>(index * config_.accumulate);
    const std::size_t end = std::min(first + static_cast<std::size_t>(config_.accumulate), plan_.size());
    micros_.assign(plan_.begin() + static_cast<std::ptrdiff_t>(first),
                   plan_.begin() + static_cast<std::ptrdiff_t>(end));
    for (int i = 0; i < halvings_; ++i) micros_ = halved(micros_);
    micros_of_ = index;
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

}  // namespace linvox
