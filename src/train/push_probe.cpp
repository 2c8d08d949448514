#include "src/train/push_probe.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <utility>

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

}  // namespace

std::map<std::string, double> probe_push(const Decoder& policy, const PairSet& set, const PairBatch& batch,
                                         const ScoreConfig& score, Normalise normalise) {
    const c10::AutoGradMode with_gradient(true);
    const PairScores scores =
        pair_scores(set, batch, score_answers(policy, batch.batch, score).logprob_sum_A);
    const bool mean = normalise == Normalise::mean;
    const at::Tensor zw = mean ? scores.policy_chosen / scores.chosen_tokens : scores.policy_chosen;
    const at::Tensor zl = mean ? scores.policy_rejected / scores.rejected_tokens : scores.policy_rejected;
    const at::Tensor& weight = policy.layers.back().down_weight_DF;
    const at::Tensor chosen = gradient_at(zw, weight), rejected = gradient_at(zl, weight);
    const double chosen_norm = chosen.norm().item<double>(), rejected_norm = rejected.norm().item<double>();
    return {{"grad_norm/chosen", chosen_norm},
            {"grad_norm/rejected", rejected_norm},
            {"grad/cosine", chosen.dot(rejected).item<double>() / (chosen_norm * rejected_norm)},
            {"r_star", rejected_norm / chosen_norm}};
}

}  // namespace linvox
