// Quantities of whole next-token distributions that some preference losses read beside log-probabilities:
// over the rows and the softmax range of score.h, in chunks of rows. Formulas: src/loss/token_level.h.
// N scored positions, D hidden size, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "src/model/decoder.h"
#include "src/model/score.h"

namespace linvox {

/// What the vocabulary head of one model multiplies; both of one dtype.
struct HeadRows {
    at::Tensor hidden_ND, head_VD;
};

/// Of `scored`, which must have been made by score_answers(decoder, ...) with keep_hidden; BugError else.
HeadRows head_rows_of(const Decoder& decoder, const SequenceScore& scored);

/// ln sum_v p_v^2 per position, [N], without gradient (WPO, arXiv 2406.11827).
at::Tensor head_log_sum_squares(const HeadRows& policy, const ScoreConfig& config);

/// KL(reference || policy) per position, [N], nats (TDPO, arXiv 2404.11999). Gradients flow to the policy's
/// tensors; logits are computed again in backward. One more product with each head than scoring takes.
at::Tensor head_kl(const HeadRows& policy, const HeadRows& reference, const ScoreConfig& config);

/// log p(label) under softmax((1 + e) policy - e reference), [N], without gradient (epsilon-DPO, arXiv
/// 2502.13177); e may be negative. Labels lie in the range of `config`.
at::Tensor head_extrapolated_logprobs(const HeadRows& policy, const HeadRows& reference,
                                      const at::Tensor& label_N, double e, const ScoreConfig& config);

}  // namespace linvox
