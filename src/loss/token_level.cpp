#include "src/loss/token_level.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

namespace linvox {

at::Tensor answer_sums(const at::Tensor& value_N, const at::Tensor& answer_N, std::int64_t answers) {
    return at::zeros({answers}, value_N.options()).index_add(0, answer_N, value_N);
}

WeightedSums length_desensitised(const at::Tensor& logprob_N, const at::Tensor& answer_N,
                                 const at::Tensor& limit_A, double alpha) {
    const std::int64_t answers = limit_A.size(0);
    const at::Tensor count_A = answer_sums(at::ones_like(answer_N), answer_N, answers);
    const at::Tensor begin_A = at::cumsum(count_A, 0) - count_A;
    const at::Tensor position_N =
        at::arange(answer_N.size(0), answer_N.options()) - begin_A.index_select(0, answer_N);
    const at::Tensor inside_N = position_N < limit_A.index_select(0, answer_N);
    const at::Tensor one_N = at::ones_like(logprob_N).detach();
    const at::Tensor weight_N = at::where(inside_N, one_N, at::full_like(one_N, alpha));
    return {answer_sums(weight_N * logprob_N, answer_N, answers), answer_sums(weight_N, answer_N, answers)};
}

at::Tensor tis_token_weights(const at::Tensor& positive_N, const at::Tensor& negative_N, double side,
                             double low, double high) {
    return at::clamp(at::exp(side * (positive_N - negative_N)), low, high).detach();
}

WeightedSums weighted_logratios(const at::Tensor& policy_N, const at::Tensor& reference_N,
                                const at::Tensor& weight_N, const at::Tensor& answer_N,
                                std::int64_t answers) {
    return {answer_sums(weight_N * (policy_N - reference_N), answer_N, answers),
            answer_sums(weight_N, answer_N, answers)};
}

at::Tensor on_policy_weights(const at::Tensor& logprob_N, const at::Tensor& log_sum_squares_N,
                             const at::Tensor& answer_N, std::int64_t answers) {
    const at::Tensor value_N = (logprob_N - log_sum_squares_N).detach();
    return at::exp(answer_sums(value_N, answer_N, answers) /
                   answer_sums(at::ones_like(value_N), answer_N, answers));
}

at::Tensor log_sum_squares(const at::Tensor& logits_NV) {
    return at::logsumexp(2.0 * at::log_softmax(logits_NV, -1), {-1});
}

at::Tensor token_kl(const at::Tensor& p_logits_NV, const at::Tensor& q_logits_NV) {
    const at::Tensor log_p = at::log_softmax(p_logits_NV, -1), log_q = at::log_softmax(q_logits_NV, -1);
    return at::sum(at::exp(log_p) * (log_p - log_q), {-1});
}

at::Tensor extrapolated_logits(const at::Tensor& policy_NV, const at::Tensor& reference_NV, double e) {
    return (1.0 + e) * policy_NV - e * reference_NV;
}

}  // namespace linvox
