#include "src/model/score.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/model/add_rows.h"
#include "src/model/device.h"

namespace linvox {
namespace {

void check_labels(const PackedBatch& batch, const SoftmaxRange& softmax, std::int64_t vocab_size) {
    if (!batch.label_N.is_cpu()) return;
    const auto* label = batch.label_N.const_data_ptr<std::int64_t>();
    const auto* answer = batch.answer_N.const_data_ptr<std::int64_t>();
    for (std::int64_t n = 0; n < batch.label_N.numel(); ++n)
        LINVOX_REQUIRE(label[n] >= 0 && label[n] < vocab_size && softmax.contains(label[n]), DataError,
                       "scored position {} (answer {} of the batch): the id {} lies outside the range {} "
                       "that the softmax "
                       "is restricted to; mark the token as given or widen the range",
                       n, answer[n], label[n],
                       softmax.is_all() ? fmt::format("0:{}", vocab_size) : describe(softmax));
}

LogitsMemory logits_memory(const ScoreConfig& config, at::Device device) {
    if (config.logits_bytes > 0) return {config.logits_bytes, config.logits_bytes};
    return device.is_cuda() ? kGpuLogitsMemory : LogitsMemory{};
}

}  // namespace

SequenceScore score_answers(const Decoder& decoder, const PackedBatch& batch, const ScoreConfig& config) {
    const SoftmaxRange& softmax = config.softmax;
    LINVOX_ASSERT(!softmax.is_all() || softmax.extra_ids.empty(), "extra ids beside a softmax over all ids");
    check_labels(batch, softmax, decoder.config.vocab_size);
    ForwardOptions forward = config.forward;
    forward.embedding_gradient_in_place = decoder.config.tie_word_embeddings;
    const at::Tensor hidden_TD = decoder_hidden(decoder, batch, forward);
    const at::Device device = hidden_TD.device();
    const at::Tensor answer_N = on_device(batch.answer_N, device);
    const at::Tensor hidden_ND = take_rows(hidden_TD, on_device(batch.row_N, device));
    SequenceScore score;
    const at::Tensor& head_VD = head_weight(decoder);
    const at::Tensor label_N = on_device(batch.label_N, device);
    const auto head_logprobs_of = [&](const at::Tensor& head_RD, const at::Tensor& label, std::int64_t begin,
                                      std::int64_t end) {
        const LogitsMemory memory = logits_memory(config, device);
        const std::int64_t id_bytes = std::max<std::int64_t>(hidden_ND.size(0), 1) * logit_bytes(hidden_ND);
        return head_logprobs(hidden_ND, head_RD, label, begin, end,
                             std::max<std::int64_t>(memory.chunk / id_bytes, 1), memory.keep,
                             config.statistics ? &score.statistics : nullptr);
    };
    if (softmax.extra_ids.empty()) {
        score.logprob_N = head_logprobs_of(head_VD, label_N, softmax.begin,
                                           softmax.is_all() ? decoder.config.vocab_size : softmax.end);
    } else {
        const at::Tensor rows_RD = softmax_rows(head_VD, softmax);
        score.logprob_N = head_logprobs_of(rows_RD, softmax_columns(label_N, softmax), 0, rows_RD.size(0));
    }
    if (config.keep_hidden) score.hidden_ND = hidden_ND;
    score.logprob_sum_A = at::zeros({batch.answer_count}, score.logprob_N.options().requires_grad(false));
    add_rows(score.logprob_sum_A, answer_N, score.logprob_N);
    score.token_count_A = on_device(at::bincount(batch.answer_N, {}, batch.answer_count), device);
    return score;
}

}  // namespace linvox
