#include "src/model/score.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"

namespace linvox {
namespace {

void check_labels(const PackedBatch& batch, std::int64_t vocab_begin, std::int64_t vocab_end,
                  const std::vector<std::int64_t>& extra_ids) {
    if (!batch.label_N.is_cpu()) return;
    const auto* label = batch.label_N.const_data_ptr<std::int64_t>();
    const auto* answer = batch.answer_N.const_data_ptr<std::int64_t>();
    for (std::int64_t n = 0; n < batch.label_N.numel(); ++n)
        LINVOX_REQUIRE(
            (label[n] >= vocab_begin && label[n] < vocab_end) ||
                std::find(extra_ids.begin(), extra_ids.end(), label[n]) != extra_ids.end(),
            DataError,
            "scored position {} (answer {} of the batch): the id {} lies outside the range [{}, {}) that "
            "the softmax is restricted to; mark the token as given or widen the range",
            n, answer[n], label[n], vocab_begin, vocab_end);
}

/// The rows of the head that the softmax runs over, and the labels as rows of it.
struct HeadPart {
    at::Tensor head_RD, label_N;
};
HeadPart with_extra_rows(const at::Tensor& head_VD, const at::Tensor& label_N, const ScoreConfig& config) {
    const at::Tensor extra = at::tensor(config.extra_ids).to(head_VD.device());
    const std::int64_t width = config.vocab_end - config.vocab_begin;
    at::Tensor row_N = label_N - config.vocab_begin;
    for (std::size_t i = 0; i < config.extra_ids.size(); ++i)
        row_N = row_N.masked_fill(label_N == config.extra_ids[i], width + static_cast<std::int64_t>(i));
    return {at::cat({head_VD.slice(0, config.vocab_begin, config.vocab_end), head_VD.index_select(0, extra)}),
            row_N};
}

}  // namespace

SequenceScore score_answers(const Decoder& decoder, const PackedBatch& batch, const ScoreConfig& config) {
    const bool whole = config.vocab_begin == 0 && config.vocab_end == 0;
    const std::int64_t vocab_end = whole ? decoder.config.vocab_size : config.vocab_end;
    LINVOX_ASSERT(!whole || config.extra_ids.empty(), "extra ids beside a softmax over all ids");
    check_labels(batch, config.vocab_begin, vocab_end, config.extra_ids);
    const at::Tensor hidden_TD = decoder_hidden(decoder, batch, config.forward);
    const at::Device device = hidden_TD.device();
    const at::Tensor answer_N = batch.answer_N.to(device);
    const at::Tensor hidden_ND = hidden_TD.index_select(0, batch.row_N.to(device));
    SequenceScore score;
    const at::Tensor head_VD = head_weight(decoder).to(hidden_TD.scalar_type());
    const at::Tensor label_N = batch.label_N.to(device);
    if (config.extra_ids.empty()) {
        score.logprob_N = head_logprobs(hidden_ND, head_VD, label_N, config.vocab_begin, vocab_end,
                                        config.head_chunk_rows, config.keep_logits_bytes);
    } else {
        const HeadPart part = with_extra_rows(head_VD, label_N, config);
        score.logprob_N = head_logprobs(hidden_ND, part.head_RD, part.label_N, 0, part.head_RD.size(0),
                                        config.head_chunk_rows, config.keep_logits_bytes);
    }
    if (config.keep_hidden) score.hidden_ND = hidden_ND;
    score.logprob_sum_A =
        at::zeros({batch.answer_count}, score.logprob_N.options()).index_add(0, answer_N, score.logprob_N);
    score.token_count_A = at::bincount(answer_N, {}, batch.answer_count);
    return score;
}

}  // namespace linvox
