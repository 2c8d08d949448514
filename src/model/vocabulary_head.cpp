// head_logprobs of score.h: the vocabulary head with a log-softmax that computes its logits again in
// backward.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include "src/base/error.h"
#include "src/model/parallel_ranges.h"
#include "src/model/row_kernels.h"
#include "src/model/score.h"

// N rows, D hidden size, R ids of the restricted range, C rows of a chunk

namespace linvox {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::ScalarType logit_type(const at::Tensor& hidden) {
    return hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

template <typename Work>
void for_logit_type(at::ScalarType type, const Work& work) {
    if (type == at::kDouble) return work(double{});
    work(float{});
}

/// logprob[C] and log_sum_exp[C] of a chunk of logits.
void pick(const at::Tensor& logits_CR, const at::Tensor& label_C, at::Tensor logprob_C,
          at::Tensor log_sum_exp_C) {
    if (!logits_CR.is_cpu()) {
        log_sum_exp_C.copy_(at::logsumexp(logits_CR, {1}));
        logprob_C.copy_(logits_CR.gather(1, label_C.unsqueeze(1)).squeeze(1) - log_sum_exp_C);
        return;
    }
    for_logit_type(logits_CR.scalar_type(), [&](auto zero) {
        using T = decltype(zero);
        PickLogprob<T> job{logits_CR.size(1), logits_CR.mutable_data_ptr<T>(),
                           label_C.const_data_ptr<std::int64_t>(), logprob_C.mutable_data_ptr<T>(),
                           log_sum_exp_C.mutable_data_ptr<T>()};
        parallel_ranges(logits_CR.size(0), 16,
                        [&](std::int64_t begin, std::int64_t end) { pick_logprob_forward(job, begin, end); });
    });
}

/// Turns a chunk of logits into their gradient: grad * (one_hot - probability).
void pick_backward(at::Tensor logits_CR, const at::Tensor& label_C, const at::Tensor& log_sum_exp_C,
                   const at::Tensor& grad_C) {
    if (!logits_CR.is_cpu()) {
        logits_CR.sub_(log_sum_exp_C.unsqueeze(1)).exp_().mul_(grad_C.unsqueeze(1).neg());
        logits_CR.scatter_add_(1, label_C.unsqueeze(1), grad_C.unsqueeze(1));
        return;
    }
    for_logit_type(logits_CR.scalar_type(), [&](auto zero) {
        using T = decltype(zero);
        PickLogprob<T> job{logits_CR.size(1), logits_CR.mutable_data_ptr<T>(),
                           label_C.const_data_ptr<std::int64_t>()};
        job.log_sum_exp = const_cast<T*>(log_sum_exp_C.const_data_ptr<T>());
        job.grad_logprob = grad_C.const_data_ptr<T>();
        parallel_ranges(logits_CR.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
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

template <typename Visit>
void for_each_chunk(std::int64_t rows, std::int64_t chunk_rows, const Visit& visit) {
    for (std::int64_t begin = 0; begin < rows; begin += chunk_rows)
        visit(begin, std::min(rows, begin + chunk_rows));
}

struct HeadFunction : torch::autograd::Function<HeadFunction> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_ND,
                              const at::Tensor& head_VD, const at::Tensor& label_N, std::int64_t vocab_begin,
                              std::int64_t vocab_end, std::int64_t chunk_rows, bool keep_logits) {
        const std::int64_t rows = hidden_ND.size(0);
        at::Tensor kept_NR;
        const auto options = hidden_ND.options().dtype(logit_type(hidden_ND));
        at::Tensor logprob_N = at::empty({rows}, options), log_sum_exp_N = at::empty({rows}, options);
        const at::Tensor head_DR = head_VD.slice(0, vocab_begin, vocab_end).t();
        const at::Tensor index_N = vocab_begin == 0 ? label_N : label_N - vocab_begin;
        for_each_chunk(rows, chunk_rows, [&](std::int64_t begin, std::int64_t end) {
            const at::Tensor logits_CR = at::mm(hidden_ND.slice(0, begin, end), head_DR).to(options.dtype());
            pick(logits_CR, index_N.slice(0, begin, end), logprob_N.slice(0, begin, end),
                 log_sum_exp_N.slice(0, begin, end));
            if (keep_logits) kept_NR = logits_CR;  // one chunk of all rows
        });
        context->save_for_backward({hidden_ND, head_VD, index_N, log_sum_exp_N, kept_NR});
        context->saved_data["vocab_begin"] = vocab_begin;
        context->saved_data["vocab_end"] = vocab_end;
        context->saved_data["chunk_rows"] = chunk_rows;
        return logprob_N;
    }

    static variable_list backward(AutogradContext* context, variable_list grads) {
        const auto saved = context->get_saved_variables();
        const at::Tensor &hidden_ND = saved[0], &head_VD = saved[1], &index_N = saved[2],
                         &log_sum_exp_N = saved[3], &kept_NR = saved[4];
        const std::int64_t vocab_begin = context->saved_data["vocab_begin"].toInt();
        const std::int64_t vocab_end = context->saved_data["vocab_end"].toInt();
        const at::Tensor head_RD = head_VD.slice(0, vocab_begin, vocab_end);
        const at::Tensor grad_N = grads[0].to(log_sum_exp_N.scalar_type()).contiguous();
        const bool need_hidden = context->needs_input_grad(0), need_head = context->needs_input_grad(1);
        at::Tensor grad_hidden_ND =
            need_hidden ? at::empty(hidden_ND.sizes(), hidden_ND.options()) : at::Tensor();
        at::Tensor grad_head_VD =  // chunks add up in the wide type
            need_head ? at::zeros(head_VD.sizes(), log_sum_exp_N.options()) : at::Tensor();
        for_each_chunk(
            hidden_ND.size(0), context->saved_data["chunk_rows"].toInt(),
            [&](std::int64_t begin, std::int64_t end) {
                const at::Tensor hidden_CD = hidden_ND.slice(0, begin, end);
                at::Tensor logits_CR = kept_NR.defined()
                                           ? kept_NR.clone()
                                           : at::mm(hidden_CD, head_RD.t()).to(log_sum_exp_N.scalar_type());
                pick_backward(logits_CR, index_N.slice(0, begin, end), log_sum_exp_N.slice(0, begin, end),
                              grad_N.slice(0, begin, end));
                logits_CR = logits_CR.to(hidden_ND.scalar_type());
                if (need_hidden) {
                    at::Tensor grad_CD = grad_hidden_ND.slice(0, begin, end);
                    at::mm_out(grad_CD, logits_CR, head_RD);
                }
                if (need_head)
                    add_product(grad_head_VD.slice(0, vocab_begin, vocab_end), logits_CR.t(), hidden_CD);
            });
        if (need_head) grad_head_VD = grad_head_VD.to(head_VD.scalar_type());
        return {grad_hidden_ND, grad_head_VD, {}, {}, {}, {}, {}};
    }
};

}  // namespace

at::Tensor head_logprobs(const at::Tensor& hidden_ND, const at::Tensor& head_VD, const at::Tensor& label_N,
                         std::int64_t vocab_begin, std::int64_t vocab_end, std::int64_t chunk_rows,
                         std::int64_t keep_logits_bytes) {
    LINVOX_ASSERT(0 <= vocab_begin && vocab_begin < vocab_end && vocab_end <= head_VD.size(0),
                  "[{}, {}) is not a range of the {} ids", vocab_begin, vocab_end, head_VD.size(0));
    LINVOX_ASSERT(chunk_rows > 0, "chunks of {} rows", chunk_rows);
    const std::int64_t rows = hidden_ND.size(0);
    const std::int64_t bytes =
        rows * (vocab_end - vocab_begin) * static_cast<std::int64_t>(c10::elementSize(logit_type(hidden_ND)));
    const bool keep = at::GradMode::is_enabled() && rows > 0 && bytes <= keep_logits_bytes;
    return HeadFunction::apply(hidden_ND, head_VD, label_N, vocab_begin, vocab_end, keep ? rows : chunk_rows,
                               keep);
}

}  // namespace linvox
