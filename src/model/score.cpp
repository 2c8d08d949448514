#include "src/model/score.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "src/base/error.h"

namespace linvox {
namespace {

void check_labels(const PackedBatch& batch, std::int64_t vocab_begin, std::int64_t vocab_end) {
    if (!batch.label_N.is_cpu()) return;
    const auto* label = batch.label_N.const_data_ptr<std::int64_t>();
    const auto* answer = batch.answer_N.const_data_ptr<std::int64_t>();
    for (std::int64_t n = 0; n < batch.label_N.numel(); ++n)
        LINVOX_REQUIRE(
            label[n] >= vocab_begin && label[n] < vocab_end, DataError,
            "scored position {} (answer {} of the batch): the id {} lies outside the range [{}, {}) that "
            "the softmax is restricted to; mark the token as given or widen the range",
            n, answer[n], label[n], vocab_begin, vocab_end);
}

}  // namespace

SequenceScore score_answers(const Decoder& decoder, const PackedBatch& batch, const ScoreConfig& config) {
    const bool whole = config.vocab_begin == 0 && config.vocab_end == 0;
    const std::int64_t vocab_end = whole ? decoder.config.vocab_size : config.vocab_end;
    check_labels(batch, config.vocab_begin, vocab_end);
    const at::Tensor hidden_TD = decoder_hidden(decoder, batch, config.forward);
    const at::Device device = hidden_TD.device();
    const at::Tensor answer_N = batch.answer_N.to(device);
    const at::Tensor hidden_ND = hidden_TD.index_select(0, batch.row_N.to(device));
    SequenceScore score;
    score.logprob_N =
        head_logprobs(hidden_ND, head_weight(decoder).to(hidden_TD.scalar_type()), batch.label_N.to(device),
                      config.vocab_begin, vocab_end, config.head_chunk_rows, config.keep_logits_bytes);
    if (config.keep_hidden) score.hidden_ND = hidden_ND;
    score.logprob_sum_A =
        at::zeros({batch.answer_count}, score.logprob_N.options()).index_add(0, answer_N, score.logprob_N);
    score.token_count_A = at::bincount(answer_N, {}, batch.answer_count);
    return score;
}

}  // namespace linvox
