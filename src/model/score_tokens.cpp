#include "src/model/score_tokens.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/loss/token_level.h"
#include "src/model/layer_ops.h"

namespace linvox {
namespace {

/// Logits of the softmax range in the type that scoring uses: float32, or float64 of a float64 model.
at::Tensor range_logits(const at::Tensor& hidden_CD, const at::Tensor& head_VD, const ScoreConfig& config) {
    const at::Tensor logits_CR = hidden_CD.matmul(softmax_rows(head_VD, config.softmax).t());
    return logits_CR.scalar_type() == at::kDouble ? logits_CR : logits_CR.to(at::kFloat);
}

template <typename Rows>
at::Tensor in_row_chunks(std::int64_t rows, std::int64_t chunk_rows, const Rows& of) {
    std::vector<at::Tensor> parts;
    for (std::int64_t begin = 0; begin < rows; begin += chunk_rows)
        parts.push_back(of(begin, std::min(rows, begin + chunk_rows)));
    return at::cat(parts);
}

}  // namespace

HeadRows head_rows_of(const Decoder& decoder, const SequenceScore& scored) {
    LINVOX_ASSERT(scored.hidden_ND.defined(), "scored without keep_hidden");
    return {scored.hidden_ND, head_weight(decoder).to(scored.hidden_ND.scalar_type())};
}

at::Tensor head_log_sum_squares(const HeadRows& policy, const ScoreConfig& config) {
    const at::NoGradGuard no_grad;
    return in_row_chunks(policy.hidden_ND.size(0), config.head_chunk_rows,
                         [&](std::int64_t begin, std::int64_t end) {
                             return log_sum_squares(
                                 range_logits(policy.hidden_ND.slice(0, begin, end), policy.head_VD, config));
                         });
}

at::Tensor head_kl(const HeadRows& policy, const HeadRows& reference, const ScoreConfig& config) {
    return in_row_chunks(
        policy.hidden_ND.size(0), config.head_chunk_rows, [&](std::int64_t begin, std::int64_t end) {
            const HeadRows fixed{reference.hidden_ND.slice(0, begin, end), reference.head_VD};
            const auto kl = [fixed, config](const std::vector<at::Tensor>& given) -> std::vector<at::Tensor> {
                return {token_kl(range_logits(fixed.hidden_ND, fixed.head_VD, config),
                                 range_logits(given[0], given[1], config))};
            };
            return recomputed(kl, {policy.hidden_ND.slice(0, begin, end), policy.head_VD})[0];
        });
}

at::Tensor head_extrapolated_logprobs(const HeadRows& policy, const HeadRows& reference,
                                      const at::Tensor& label_N, double e, const ScoreConfig& config) {
    const at::NoGradGuard no_grad;
    return in_row_chunks(
        policy.hidden_ND.size(0), config.head_chunk_rows, [&](std::int64_t begin, std::int64_t end) {
            const at::Tensor logits_CR = extrapolated_logits(
                range_logits(policy.hidden_ND.slice(0, begin, end), policy.head_VD, config),
                range_logits(reference.hidden_ND.slice(0, begin, end), reference.head_VD, config), e);
            const at::Tensor label_C1 =
                softmax_columns(label_N.slice(0, begin, end), config.softmax).unsqueeze(1);
            return at::log_softmax(logits_CR, 1).gather(1, label_C1).squeeze(1);
        });
}

}  // namespace linvox
