// Token-level quantities behind some losses, from per-token values in flat form (as the scorer gives
// them): what tdpo, epsilon_dpo, tis_dpo, LD-DPO and WPO put into PairScores and PairExtras.
// N scored tokens of all answers, ascending by answer; A answers; V vocabulary
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace linvox {

/// Sum over the tokens of every answer, [A]. `answer_N` int64 in [0, A).
at::Tensor answer_sums(const at::Tensor& value_N, const at::Tensor& answer_N, std::int64_t answers);

struct WeightedSums {
    at::Tensor sum_A, weight_A;
};

/// LD-DPO (arXiv 2409.06411): tokens past the first limit_A of their answer weigh alpha. For a pair the
/// limit of both answers is the shorter length. The same weights belong to policy and reference; sum_A and
/// weight_A = limit + alpha * (count - limit) fill PairScores in place of sums and counts.
WeightedSums length_desensitised(const at::Tensor& logprob_N, const at::Tensor& answer_N,
                                 const at::Tensor& limit_A, double alpha);

/// TIS-DPO (arXiv 2410.04350): weight of a token from the log-probabilities of two contrastive models,
/// e^(s (positive - negative)) held in [low, high]; s is +1 for chosen answers, -1 for rejected ones.
at::Tensor tis_token_weights(const at::Tensor& positive_N, const at::Tensor& negative_N, double side,
                             double low = 0.7, double high = 1.3);

/// Sum of weight * (policy - reference) and of the weights, per answer.
WeightedSums weighted_logratios(const at::Tensor& policy_N, const at::Tensor& reference_N,
                                const at::Tensor& weight_N, const at::Tensor& answer_N, std::int64_t answers);

/// WPO (arXiv 2406.11827): exp(mean over tokens of (log p - log sum_v p_v^2)), [A], detached.
at::Tensor on_policy_weights(const at::Tensor& logprob_N, const at::Tensor& log_sum_squares_N,
                             const at::Tensor& answer_N, std::int64_t answers);

/// log sum_v p_v^2 of softmax(logits), [N].
at::Tensor log_sum_squares(const at::Tensor& logits_NV);

/// KL(softmax(p) || softmax(q)) per row, [N]. TDPO takes p the reference, q the policy.
at::Tensor token_kl(const at::Tensor& p_logits_NV, const at::Tensor& q_logits_NV);

/// (1 + e) policy - e reference: the logits of epsilon-DPO (arXiv 2502.13177); e may be negative.
at::Tensor extrapolated_logits(const at::Tensor& policy_NV, const at::Tensor& reference_NV, double e);

}  // namespace linvox
