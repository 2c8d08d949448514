// Log-probabilities of answers: the one path for policy, reference and evaluation.
// Only rows that predict a scored token reach the vocabulary head, in chunks whose logits are computed
// again in backward, so memory does not grow with length times vocabulary (small ones are kept).
// N scored positions, A answers, T tokens, D hidden size.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "src/model/decoder.h"
#include "src/model/packed_batch.h"
#include "src/model/softmax_range.h"

namespace linvox {

/// How many bytes of logits are in memory at a time, and up to how many stay for backward instead of being
/// computed again: what was fastest on a CPU, and on an H200.
struct LogitsMemory {
    std::int64_t chunk = 64 << 20, keep = 64 << 20;
};
inline constexpr LogitsMemory kGpuLogitsMemory{1LL << 30, 4LL << 30};

struct ScoreConfig {
    ForwardOptions forward;
    SoftmaxRange softmax;
    std::int64_t logits_bytes = 0;        // chunk and keep of LogitsMemory; 0: what suits the device
    std::int64_t head_chunk_rows = 1024;  // rows of logits at a time in score_tokens.h
    bool keep_hidden = false;             // hand out hidden_ND too, for score_tokens.h
    bool statistics = false;              // hand out HeadStatistics
};

/// What the softmax at each scored position looks like, from the logits that its log-probability comes from;
/// no gradients.
struct HeadStatistics {
    at::Tensor entropy_N;     // nats
    at::Tensor top1_N;        // 1 where no other id has a larger logit than the label, else 0
    at::Tensor logit_mean_N;  // over the softmax's range
};

struct SequenceScore {
    at::Tensor logprob_N;       // nats per scored position; float32, or float64 with float64 weights
    at::Tensor logprob_sum_A;   // the same, summed per answer
    at::Tensor token_count_A;   // int64: scored positions per answer
    at::Tensor hidden_ND;       // of the rows that predict them, compute dtype; undefined unless asked for
    HeadStatistics statistics;  // undefined unless asked for
};

/// Differentiable in the decoder's weights unless gradients are off.
/// DataError when a label lies outside the softmax's range, naming position and answer.
SequenceScore score_answers(const Decoder& decoder, const PackedBatch& batch, const ScoreConfig& config);

/// logprob_N of labels under softmax(hidden_ND head_VD^T) restricted to [vocab_begin, vocab_end): the head
/// alone, for callers that hold hidden states, `chunk_ids` ids at a time. Gradients flow to hidden_ND and
/// head_VD, which may be of another dtype: it is cast chunk by chunk. With keep_logits_bytes = 0 the logits
/// are always computed again in backward. `statistics`, where given, is filled.
at::Tensor head_logprobs(const at::Tensor& hidden_ND, const at::Tensor& head_VD, const at::Tensor& label_N,
                         std::int64_t vocab_begin, std::int64_t vocab_end, std::int64_t chunk_ids,
                         std::int64_t keep_logits_bytes = 0, HeadStatistics* statistics = nullptr);

/// Bytes that it takes for one logit of such hidden states.
std::int64_t logit_bytes(const at::Tensor& hidden_ND);

}  // namespace linvox
