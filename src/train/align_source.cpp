#include "src/train/align_source.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/loss/loss_table.h"
#include "src/model/lora.h"
#include "src/train/align_reference.h"
#include "src/train/push_probe.h"

namespace linvox {
namespace {

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

bool needs_whole_batch(const LossConfig& loss) {
    const std::vector<ResolvedTerm> terms = resolve_loss(loss);
    return std::any_of(terms.begin(), terms.end(), [](const auto& t) { return t.row->needs.whole_batch; });
}

std::optional<Decoder> live_reference(const Decoder& policy, const AlignConfig& config) {
    if (!uses_live_reference(config)) return std::nullopt;
    // Under an adapter the frozen weights are shared; only the adapter is copied.
    return policy.has_lora() ? clone_lora(policy) : clone_decoder(policy);
}

}  // namespace

AlignSource::AlignSource(Decoder& policy, const AlignData& data, const AlignConfig& config)
    : reference_(live_reference(policy, config)),
      train_(make_pair_set(data.train, reference_ ? ReferenceScores{} : data.reference)),
      held_out_(make_pair_set(data.held_out, reference_ ? ReferenceScores{} : data.reference)),
      config_(config),
      token_budget_(config.token_budget),
      forward_(pair_forward(policy, reference_ ? &*reference_ : nullptr, config, data)) {
    state_.seed = static_cast<std::uint64_t>(config.seed);
}

std::int64_t AlignSource::total_steps() const {
    std::int64_t total = 0;
    for (std::int64_t epoch = 0; epoch < config_.epochs; ++epoch)
        total += static_cast<std::int64_t>(plan_steps(train_, config_, epoch).size());
    return total;
}

std::int64_t AlignSource::begin_epoch(std::int64_t epoch) {
    steps_ = plan_steps(train_, config_, epoch);
    micros_of_ = -1;
    return static_cast<std::int64_t>(steps_.size());
}

std::int64_t AlignSource::micro_count(std::int64_t index) {
    enter_step(index);
    return static_cast<std::int64_t>(micros_.size());
}

MicroResult AlignSource::forward(std::int64_t index, std::int64_t micro, std::int64_t step) {
    enter_step(index);
    const PairBatch batch =
        make_pair_batch(train_, micros_[static_cast<std::size_t>(micro)], by_prompt(config_));
    PairForward training = forward_;
    training.scoring.score.forward.lora_dropout = config_.lora.dropout;
    training.scoring.score.forward.dropout_seed =
        mix_seed(static_cast<std::uint64_t>(config_.seed), "lora dropout", step, micro);
    return training(train_, batch, state_, denominators_);
}

void AlignSource::after_step() {
    finish_step(config_.loss, state_);
    if (reference_) update_reference(*reference_, forward_.policy, config_, state_.step);
}

std::vector<std::string> AlignSource::record_ids(std::int64_t index, std::int64_t micro) {
    enter_step(index);
    std::vector<std::string> ids;
    for (const std::size_t member : micros_[static_cast<std::size_t>(micro)])
        ids.insert(ids.end(), train_.records[member].rejected.size(), train_.records[member].info.id);
    return ids;
}

Evaluation AlignSource::evaluate() {
    Evaluation evaluation;
    evaluation.values = evaluate_set(forward_, held_out_, state_);
    evaluation.loss = evaluation.values.at("loss");
    evaluation.values.erase("loss");
    const PairBatch batch = make_pair_batch(held_out_, probe_members(held_out_), by_prompt(config_));
    const ResolvedTerm main = resolve_loss(config_.loss).front();
    evaluation.values.merge(
        probe_push(forward_.policy, held_out_, batch, forward_.scoring.score, main.normalise));
    return evaluation;
}

TensorMap AlignSource::state() const {
    TensorMap state = loss_state_tensors(state_);
    state["probe"] = probe_sums();
    if (reference_) state.merge(with_prefix(decoder_tensors(*reference_), "reference"));
    return state;
}

void AlignSource::load_state(const TensorMap& state) {
    state_ = loss_state_from(state);
    if (reference_) restore_decoder(*reference_, without_prefix(state, "reference"));
    const at::Tensor saved = state.at("probe"), now = probe_sums();
    LINVOX_REQUIRE(saved.sizes() == now.sizes(), DataError, "the checkpoint's probe holds {} answers, not {}",
                   saved.numel(), now.numel());
    const double gap = ((saved - now).abs() / saved.abs().clamp_min(1.0)).max().item<double>();
    LINVOX_REQUIRE(
        gap <= 1e-5, DataError,
        "resumed weights score the probe pairs differently than when they were saved (relative "
        "difference {:.2e}); the data or the program changed; delete the checkpoints to start again",
        gap);
}

void AlignSource::enter_step(std::int64_t index) {
    if (micros_of_ == index) return;
    const auto& records = steps_.at(static_cast<std::size_t>(index));
    micros_ = plan_micros(train_, records, token_budget_);
    denominators_ = denominators_of(train_, records, config_);
    micros_of_ = index;
    state_before_ = state_;
}

bool AlignSource::split() {
    if (needs_whole_batch(config_.loss)) return false;
    std::size_t most = 0;
    std::int64_t largest = 0;
    for (const auto& members : micros_) {
        std::int64_t tokens = 0;
        for (const std::size_t member : members) tokens += shared_token_count(train_.groups[member]);
        most = std::max(most, members.size());
        if (members.size() > 1) largest = std::max(largest, tokens);
    }
    if (most < 2) return false;
    token_budget_ = largest / 2;
    state_ = state_before_;
    micros_of_ = -1;
    return true;
}

/// The first records whose shared form fits one micro-batch.
std::vector<std::size_t> AlignSource::probe_members(const PairSet& set) const {
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

at::Tensor AlignSource::probe_sums() const {
    const at::NoGradGuard no_grad;
    const PairBatch batch = make_pair_batch(train_, probe_members(train_), by_prompt(config_));
    return score_answers(forward_.policy, batch.batch, forward_.scoring.score)
        .logprob_sum_A.to(at::kCPU, at::kDouble);
}

}  // namespace linvox
