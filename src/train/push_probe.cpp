#include "src/train/push_probe.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <utility>

#include "src/model/lora.h"

namespace linvox {
namespace {

/// d(mean of value_B) / d(weight), flattened; the graph stays for the other side.
at::Tensor gradient_at(const at::Tensor& value_B, const at::Tensor& weight) {
    at::Tensor input = weight;
    input.mutable_grad().reset();
    value_B.mean().backward(/*gradient=*/{}, /*retain_graph=*/true, /*create_graph=*/false,
                            at::TensorList(input));
    const at::Tensor gradient = input.grad().clone().flatten().to(at::kDouble);
    input.mutable_grad().reset();
    return gradient;
}

/// The last layer's down projection, or the last trained matrix where that is frozen.
at::Tensor probed_weight(const Decoder& policy) {
    const at::Tensor& usual = policy.layers.back().down_weight_DF;
    if (usual.requires_grad()) return usual;
    at::Tensor last;
    const ConstWeightVisitor look = [&](const std::string&, const at::Tensor& weight) {
        if (weight.requires_grad() && weight.dim() == 2) last = weight;
    };
    visit_weights(policy, look);
    visit_lora(policy, look);
    return last.defined() ? last : usual;
}

}  // namespace

std::map<std::string, double> probe_push(const Decoder& policy, const PairSet& set, const PairBatch& batch,
                                         const ScoreConfig& score, Normalise normalise) {
    const c10::AutoGradMode with_gradient(true);
    const PairScores scores =
        pair_scores(set, batch, score_answers(policy, batch.batch, score).logprob_sum_A);
    const bool mean = normalise == Normalise::mean;
    const at::Tensor zw = mean ? scores.policy_chosen / scores.chosen_tokens : scores.policy_chosen;
    const at::Tensor zl = mean ? scores.policy_rejected / scores.rejected_tokens : scores.policy_rejected;
    const at::Tensor weight = probed_weight(policy);
    const at::Tensor chosen = gradient_at(zw, weight), rejected = gradient_at(zl, weight);
    const double chosen_norm = chosen.norm().item<double>(), rejected_norm = rejected.norm().item<double>();
    return {{"grad_norm/chosen", chosen_norm},
            {"grad_norm/rejected", rejected_norm},
            {"grad/cosine", chosen.dot(rejected).item<double>() / (chosen_norm * rejected_norm)},
            {"r_star", rejected_norm / chosen_norm}};
}

}  // namespace linvox
