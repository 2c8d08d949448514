// head_logprobs of score.h: the vocabulary head with a log-softmax that computes its logits again in
// backward.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "src/base/error.h"
#include "src/model/gpu_row_kernels.h"
#include "src/model/parallel_ranges.h"
#include "src/model/row_kernels.h"
#include "src/model/score.h"

// N rows, D hidden size, R ids of the restricted range, C ids of a chunk

namespace linvox {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::ScalarType logit_type(const at::Tensor& hidden) {
    return hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

/// What the logits lie in: kernels on a GPU widen them as they read them.
at::ScalarType stored_logit_type(const at::Tensor& hidden) {
    return has_gpu_kernels(hidden) ? hidden.scalar_type() : logit_type(hidden);
}

template <typename Work>
void for_logit_type(at::ScalarType type, const Work& work) {
    if (type == at::kDouble) return work(double{});
    work(float{});
}

/// logprob[N] and log_sum_exp[N] of logits; where a label is no column, logprob means nothing.
void pick(const at::Tensor& logits_NC, const at::Tensor& label_N, at::Tensor logprob_N,
          at::Tensor log_sum_exp_N) {
    if (has_gpu_kernels(logits_NC)) return gpu_pick_forward(logits_NC, label_N, logprob_N, log_sum_exp_N);
    if (!logits_NC.is_cpu()) {
        log_sum_exp_N.copy_(at::logsumexp(logits_NC, {1}));
        const at::Tensor column_N = label_N.clamp(0, logits_NC.size(1) - 1);
        logprob_N.copy_(logits_NC.gather(1, column_N.unsqueeze(1)).squeeze(1) - log_sum_exp_N);
        return;
    }
    for_logit_type(logits_NC.scalar_type(), [&](auto zero) {
        using T = decltype(zero);
        PickLogprob<T> job{logits_NC.size(1), logits_NC.mutable_data_ptr<T>(),
                           label_N.const_data_ptr<std::int64_t>(), logprob_N.mutable_data_ptr<T>(),
                           log_sum_exp_N.mutable_data_ptr<T>()};
        parallel_ranges(logits_NC.size(0), 16,
                        [&](std::int64_t begin, std::int64_t end) { pick_logprob_forward(job, begin, end); });
    });
}

/// Fills `grad_NC`, which may be the logits, with their gradient: grad * (one_hot - probability); a label may
/// be no column.
void pick_backward(const at::Tensor& given_NC, const at::Tensor& label_N, const at::Tensor& log_sum_exp_N,
                   const at::Tensor& grad_N, at::Tensor logits_NC) {
    if (has_gpu_kernels(given_NC))
        return gpu_pick_backward(given_NC, label_N, log_sum_exp_N, grad_N, logits_NC);
    if (!logits_NC.is_same(given_NC)) logits_NC.copy_(given_NC);
    if (!logits_NC.is_cpu()) {
        logits_NC.sub_(log_sum_exp_N.unsqueeze(1)).exp_().mul_(grad_N.unsqueeze(1).neg());
        const at::Tensor column_N = label_N.clamp(0, logits_NC.size(1) - 1);
        logits_NC.scatter_add_(1, column_N.unsqueeze(1), (grad_N * (column_N == label_N)).unsqueeze(1));
        return;
    }
    for_logit_type(logits_NC.scalar_type(), [&](auto zero) {
        using T = decltype(zero);
        PickLogprob<T> job{logits_NC.size(1), logits_NC.mutable_data_ptr<T>(),
                           label_N.const_data_ptr<std::int64_t>()};
        job.log_sum_exp = const_cast<T*>(log_sum_exp_N.const_data_ptr<T>());
        job.grad_logprob = grad_N.const_data_ptr<T>();
        parallel_ranges(logits_NC.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
            pick_logprob_backward(job, begin, end);
        });
    });
}

/// sum += a b, where a and b may be narrower than sum.
void add_product(at::Tensor sum, const at::Tensor& a, const at::Tensor& b) {
    if (a.scalar_type() == sum.scalar_type())
        sum.addmm_(a, b);
    else
        sum.add_(at::mm(a, b));
}

/// out = a b, where a and b may be of another dtype than out.
void put_product(at::Tensor out, const at::Tensor& a, const at::Tensor& b) {
    if (a.scalar_type() == out.scalar_type())
        at::mm_out(out, a, b);
    else
        out.copy_(at::mm(a, b));
}

/// The logits of one chunk of the range's ids, in the wide type: one buffer for all its rows, used again for
/// every chunk, for fresh memory of this size costs page faults.
class ChunkedLogits {
public:
    ChunkedLogits(at::Tensor hidden_ND, std::int64_t ids, std::int64_t chunk_ids)
        : hidden_ND_(std::move(hidden_ND)) {
        const std::int64_t chunks = (ids + chunk_ids - 1) / chunk_ids;
        chunk_ids_ = (ids + chunks - 1) / chunks;
        if (chunks > 1 && hidden_ND_.is_cuda()) chunk_ids_ = (chunk_ids_ + 63) / 64 * 64;  // aligned rows
        buffer_ = at::empty({hidden_ND_.size(0) * chunk_ids_},
                            hidden_ND_.options().dtype(stored_logit_type(hidden_ND_)).requires_grad(false));
    }

    std::int64_t chunk_ids() const { return chunk_ids_; }

    /// Room for the logits of so many ids.
    at::Tensor room(std::int64_t ids) const {
        return buffer_.slice(0, 0, hidden_ND_.size(0) * ids).view({hidden_ND_.size(0), ids});
    }

    /// `head_CD`: rows of the head in the dtype of the hidden states.
    at::Tensor operator()(const at::Tensor& head_CD) const {
        at::Tensor logits_NC = room(head_CD.size(0));
        put_product(logits_NC, hidden_ND_, head_CD.t());
        return logits_NC;
    }

private:
    at::Tensor hidden_ND_, buffer_;
    std::int64_t chunk_ids_ = 0;
};

template <typename Visit>
void for_each_chunk(std::int64_t ids, std::int64_t chunk_ids, const Visit& visit) {
    for (std::int64_t begin = 0; begin < ids; begin += chunk_ids)
        visit(begin, std::min(ids, begin + chunk_ids));
}

/// What a chunk of ids adds to the log-sum-exp and, where the label is among them, to the log-probability.
struct RunningPick {
    at::Tensor label_logit_N, log_sum_exp_N;

    void add(const at::Tensor& index_N, std::int64_t ids, const at::Tensor& logprob_N,
             const at::Tensor& chunk_log_sum_exp_N) {
        const at::Tensor inside_N = (index_N >= 0).logical_and_(index_N < ids);
        const at::Tensor logit_N = logprob_N + chunk_log_sum_exp_N;
        label_logit_N = label_logit_N.defined() ? at::where(inside_N, logit_N, label_logit_N) : logit_N;
        log_sum_exp_N =
            log_sum_exp_N.defined() ? at::logaddexp(log_sum_exp_N, chunk_log_sum_exp_N) : chunk_log_sum_exp_N;
    }
};

/// The same for what else the logits say.
class RunningStatistics {
public:
    void add(const at::Tensor& logits_NC, const at::Tensor& index_N, const at::Tensor& log_sum_exp_N) {
        const Rows chunk = rows_of(logits_NC, index_N, log_sum_exp_N);
        if (!all_.sum_N.defined()) {
            all_ = chunk;
            log_sum_exp_N_ = log_sum_exp_N;
            return;
        }
        const at::Tensor both_N = at::logaddexp(log_sum_exp_N_, log_sum_exp_N);
        all_.label_logit_N = at::maximum(all_.label_logit_N, chunk.label_logit_N);
        all_.sum_N = all_.sum_N + chunk.sum_N;
        all_.maximum_N = at::maximum(all_.maximum_N, chunk.maximum_N);
        all_.expectation_N = all_.expectation_N * (log_sum_exp_N_ - both_N).exp() +
                             chunk.expectation_N * (log_sum_exp_N - both_N).exp();
        log_sum_exp_N_ = both_N;
    }

    HeadStatistics finish(std::int64_t ids) const {
        return {log_sum_exp_N_ - all_.expectation_N,
                (all_.label_logit_N >= all_.maximum_N).to(log_sum_exp_N_.scalar_type()),
                all_.sum_N / static_cast<double>(ids)};
    }

private:
    struct Rows {
        at::Tensor label_logit_N, sum_N, maximum_N, expectation_N;
    };

    static Rows rows_of(const at::Tensor& logits_NC, const at::Tensor& index_N,
                        const at::Tensor& log_sum_exp_N) {
        Rows rows;
        for (at::Tensor* tensor : {&rows.label_logit_N, &rows.sum_N, &rows.maximum_N, &rows.expectation_N})
            *tensor = at::empty_like(log_sum_exp_N);
        if (!logits_NC.is_cpu()) {
            const at::Tensor column_N = index_N.clamp(0, logits_NC.size(1) - 1);
            const at::Tensor wide_NC = logits_NC.to(log_sum_exp_N.scalar_type());
            rows.label_logit_N = at::where(
                column_N == index_N, wide_NC.gather(1, column_N.unsqueeze(1)).squeeze(1), wide_NC.amin({1}));
            rows.sum_N = wide_NC.sum(1);
            rows.maximum_N = wide_NC.amax({1});
            rows.expectation_N = ((wide_NC - log_sum_exp_N.unsqueeze(1)).exp() * wide_NC).sum(1);
            return rows;
        }
        for_logit_type(logits_NC.scalar_type(), [&](auto zero) {
            using T = decltype(zero);
            LogitStatistics<T> job{logits_NC.size(1), logits_NC.const_data_ptr<T>()};
            job.log_sum_exp = log_sum_exp_N.const_data_ptr<T>();
            job.label = index_N.const_data_ptr<std::int64_t>();
            job.label_logit = rows.label_logit_N.mutable_data_ptr<T>();
            job.sum = rows.sum_N.mutable_data_ptr<T>();
            job.maximum = rows.maximum_N.mutable_data_ptr<T>();
            job.expectation = rows.expectation_N.mutable_data_ptr<T>();
            parallel_ranges(logits_NC.size(0), 16,
                            [&](std::int64_t begin, std::int64_t end) { logit_statistics(job, begin, end); });
        });
        return rows;
    }

    Rows all_;
    at::Tensor log_sum_exp_N_;
};

/// Cast here, so that no copy of the head lives beside it.
at::Tensor head_chunk(const at::Tensor& head_VD, std::int64_t begin, std::int64_t end,
                      const at::Tensor& like) {
    return head_VD.slice(0, begin, end).to(like.scalar_type());
}

struct HeadFunction : torch::autograd::Function<HeadFunction> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_ND,
                              const at::Tensor& head_VD, const at::Tensor& label_N, std::int64_t vocab_begin,
                              std::int64_t vocab_end, std::int64_t chunk_ids, bool keep_logits,
                              HeadStatistics* statistics) {
        const std::int64_t rows = hidden_ND.size(0), ids = vocab_end - vocab_begin;
        const at::Tensor index_N = vocab_begin == 0 ? label_N : label_N - vocab_begin;
        const ChunkedLogits logits(hidden_ND, ids, keep_logits ? ids : chunk_ids);
        const auto options = hidden_ND.options().dtype(logit_type(hidden_ND));
        at::Tensor logprob_N, log_sum_exp_N, kept_NR;
        RunningPick running;
        RunningStatistics seen;
        for_each_chunk(ids, logits.chunk_ids(), [&](std::int64_t begin, std::int64_t end) {
            const at::Tensor logits_NC =
                logits(head_chunk(head_VD, vocab_begin + begin, vocab_begin + end, hidden_ND));
            const at::Tensor index_in_chunk_N = begin == 0 ? index_N : index_N - begin;
            logprob_N = at::empty({rows}, options);
            log_sum_exp_N = at::empty({rows}, options);
            pick(logits_NC, index_in_chunk_N, logprob_N, log_sum_exp_N);
            if (statistics) seen.add(logits_NC, index_in_chunk_N, log_sum_exp_N);
            if (keep_logits) kept_NR = logits_NC;
            if (end - begin == ids) return;
            running.add(index_in_chunk_N, end - begin, logprob_N, log_sum_exp_N);
        });
        if (running.log_sum_exp_N.defined()) {
            log_sum_exp_N = running.log_sum_exp_N;
            logprob_N = running.label_logit_N - log_sum_exp_N;
        }
        if (statistics) *statistics = seen.finish(ids);
        context->save_for_backward({hidden_ND, head_VD, index_N, log_sum_exp_N, kept_NR});
        context->saved_data["vocab_begin"] = vocab_begin;
        context->saved_data["vocab_end"] = vocab_end;
        context->saved_data["chunk_ids"] = chunk_ids;
        return logprob_N;
    }

    // Every row of the head's gradient is written once, by the chunk that holds it.
    static variable_list backward(AutogradContext* context, variable_list grads) {
        const auto saved = context->get_saved_variables();
        const at::Tensor &hidden_ND = saved[0], &head_VD = saved[1], &index_N = saved[2],
                         &log_sum_exp_N = saved[3], &kept_NR = saved[4];
        const std::int64_t vocab_begin = context->saved_data["vocab_begin"].toInt();
        const std::int64_t ids = context->saved_data["vocab_end"].toInt() - vocab_begin;
        const at::Tensor grad_N = grads[0].to(log_sum_exp_N.scalar_type()).contiguous();
        const bool need_hidden = context->needs_input_grad(0), need_head = context->needs_input_grad(1);
        at::Tensor grad_hidden_ND =  // chunks add up in the wide type
            need_hidden ? at::zeros(hidden_ND.sizes(), log_sum_exp_N.options()) : at::Tensor();
        at::Tensor grad_head_VD;
        if (need_head)
            grad_head_VD = ids == head_VD.size(0) ? at::empty(head_VD.sizes(), head_VD.options())
                                                  : at::zeros(head_VD.sizes(), head_VD.options());
        const ChunkedLogits logits(hidden_ND, ids, context->saved_data["chunk_ids"].toInt());
        for_each_chunk(ids, logits.chunk_ids(), [&](std::int64_t begin, std::int64_t end) {
            const at::Tensor head_CD = head_chunk(head_VD, vocab_begin + begin, vocab_begin + end, hidden_ND);
            const bool kept = kept_NR.defined();
            at::Tensor logits_NC = kept ? logits.room(end - begin) : logits(head_CD);
            pick_backward(kept ? kept_NR.slice(1, begin, end) : logits_NC,
                          begin == 0 ? index_N : index_N - begin, log_sum_exp_N, grad_N, logits_NC);
            logits_NC = logits_NC.to(hidden_ND.scalar_type());
            if (need_hidden) add_product(grad_hidden_ND, logits_NC, head_CD);
            if (need_head)
                put_product(grad_head_VD.slice(0, vocab_begin + begin, vocab_begin + end), logits_NC.t(),
                            hidden_ND);
        });
        if (need_hidden) grad_hidden_ND = grad_hidden_ND.to(hidden_ND.scalar_type());
        return {grad_hidden_ND, grad_head_VD, {}, {}, {}, {}, {}, {}};
    }
};

}  // namespace

std::int64_t logit_bytes(const at::Tensor& hidden_ND) {
    return static_cast<std::int64_t>(c10::elementSize(stored_logit_type(hidden_ND)));
}

at::Tensor head_logprobs(const at::Tensor& hidden_ND, const at::Tensor& head_VD, const at::Tensor& label_N,
                         std::int64_t vocab_begin, std::int64_t vocab_end, std::int64_t chunk_ids,
                         std::int64_t keep_logits_bytes, HeadStatistics* statistics) {
    LINVOX_ASSERT(0 <= vocab_begin && vocab_begin < vocab_end && vocab_end <= head_VD.size(0),
                  "[{}, {}) is not a range of the {} ids", vocab_begin, vocab_end, head_VD.size(0));
    LINVOX_ASSERT(chunk_ids > 0, "chunks of {} ids", chunk_ids);
    const std::int64_t rows = hidden_ND.size(0);
    const std::int64_t bytes = rows * (vocab_end - vocab_begin) * logit_bytes(hidden_ND);
    const bool keep = at::GradMode::is_enabled() && rows > 0 && bytes <= keep_logits_bytes;
    return HeadFunction::apply(hidden_ND, head_VD, label_N, vocab_begin, vocab_end, chunk_ids, keep,
                               statistics);
}

}  // namespace linvox
