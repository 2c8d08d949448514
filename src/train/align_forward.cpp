#include "src/train/align_forward.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <utility>

#include "src/loss/inputs.h"
#include "src/loss/pair_metrics.h"
#include "src/model/device.h"

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

// Numbers of a batch on the host, without their graph; from a GPU they are under way until it is waited for.

at::Tensor at_home(const at::Tensor& tensor) {
    return tensor.defined() ? tensor.detach().to(at::kCPU, /*non_blocking=*/true) : tensor;
}

PairScores at_home(PairScores scores) {
    for (at::Tensor* tensor : {&scores.policy_chosen, &scores.policy_rejected, &scores.reference_chosen,
                               &scores.reference_rejected, &scores.chosen_tokens, &scores.rejected_tokens})
        *tensor = at_home(*tensor);
    return scores;
}

PairExtras at_home(PairExtras extras) {
    for (const auto& [name, tensor] : named_extras(extras)) *tensor = at_home(*tensor);
    return extras;
}

PreferenceLoss at_home(PreferenceLoss loss) {
    loss.per_pair_B = at_home(loss.per_pair_B);
    loss.positive_B = at_home(loss.positive_B);
    for (LossPart& part : loss.parts) part.per_pair_B = at_home(part.per_pair_B);
    return loss;
}

std::vector<PairStatistic> at_home(std::vector<PairStatistic> statistics) {
    for (PairStatistic& statistic : statistics) {
        statistic.chosen_B = at_home(statistic.chosen_B);
        statistic.rejected_B = at_home(statistic.rejected_B);
    }
    return statistics;
}

}  // namespace

bool by_prompt(const AlignConfig& config) { return config.pair_weight == "prompt"; }

Denominators denominators_of(const PairSet& set, const std::vector<std::size_t>& records,
                             const AlignConfig& config) {
    const auto pairs = index_pairs(set.records, records, by_prompt(config));
    const at::Tensor weight_B = pair_weights(pairs);
    return {loss_denominators(config.loss, chosen_token_counts(set, pairs, config.loss.ld_alpha), weight_B),
            weight_B.sum().item<double>()};
}

MicroResult PairForward::operator()(const PairSet& set, const PairBatch& batch, LossState& state,
                                    const Denominators& denominators) const {
    const ScoredPairs scored = score_pairs(policy, reference, set, batch, scoring);
    const at::Tensor weight_B = pair_weights(batch.pairs);
    const at::Tensor weight_on_device_B = on_device(weight_B.to(scored.scores.policy_chosen.scalar_type()),
                                                    scored.scores.policy_chosen.device());
    const PreferenceLoss loss = preference_loss(scored.scores, scored.extras, config.loss, state);
    MicroResult result;
    // A share of the step loss; times the step's weight, because the trainer divides by it.
    result.loss_sum = reduce_loss(loss, scored.scores.chosen_tokens, weight_on_device_B, denominators.parts) *
                      denominators.weight;
    result.weight = weight_B.sum().item<double>();
    result.per_record = loss.per_pair_B.detach();
    result.measure = [scores = at_home(scored.scores), extras = at_home(scored.extras), loss = at_home(loss),
                      statistics = at_home(scored.statistics), weight_B, state,
                      &loss_config = config.loss](MicroResult& into) {
        for (const LossMeter& meter : pair_metrics(scores, extras, loss_config, state, loss, weight_B))
            into.meters.push_back({meter.name, meter.numerator, meter.denominator});
        into.values = curve_values(scores);
        for (const PairStatistic& statistic : statistics) {
            into.values.push_back({statistic.name + "/chosen", statistic.chosen_B});
            into.values.push_back({statistic.name + "/rejected", statistic.rejected_B});
        }
    };
    return result;
}

PairForward pair_forward(const Decoder& policy, const Decoder* reference, const AlignConfig& config,
                         const AlignData& data) {
    return {policy, reference, config, pair_scoring(config, data)};
}

std::map<std::string, double> evaluate_set(const PairForward& forward, const PairSet& set,
                                           const LossState& state) {
    std::vector<std::size_t> all(set.records.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    const Denominators denominators = denominators_of(set, all, forward.config);
    const PackConfig pack_config{.token_budget = forward.config.token_budget};
    MeterSum meters;
    for (const auto& members : plan_batches(set.groups, all, pack_config)) {
        const at::NoGradGuard no_grad;
        LossState copy = state;
        meters.add(
            forward(set, make_pair_batch(set, members, by_prompt(forward.config)), copy, denominators));
    }
    return meters.read();
}

}  // namespace linvox
