#include "src/model/gpu_row_kernels.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>

#include "src/base/error.h"
#include "src/model/gpu_module.h"
#include "src/model/gpu_types.h"

namespace linvox {
namespace {

constexpr std::int64_t kNormThreads = 512;  // at most: gpu_kernels.cu
constexpr std::int64_t kNormParts = 4;      // at most, of a row per thread
constexpr std::int64_t kNormBlocks = 1056;  // of backward, on any GPU: sums in one order
constexpr unsigned kRowThreads = 256;

/// How many values a thread reads at once: 1 where a row does not divide, or a tensor lies askew.
int pack_size(std::int64_t width, std::initializer_list<const at::Tensor*> tensors, int most = 4) {
    for (const at::Tensor* tensor : tensors) {
        if (!tensor->defined()) continue;
        const auto address = reinterpret_cast<std::uintptr_t>(tensor->const_data_ptr());
        if (width % most != 0 || address % (static_cast<std::size_t>(most) * tensor->element_size()) != 0)
            return 1;
    }
    return most;
}

/// How a norm's kernel is instantiated and launched for rows of a width.
struct NormShape {
    unsigned threads;
    std::string arguments;  // of the template

    NormShape(const NormTensors& job, const at::Tensor& branch, std::int64_t width, int pack) {
        const std::int64_t packs = (width + pack - 1) / pack;
        threads = static_cast<unsigned>(std::min(kNormThreads, (packs + 31) / 32 * 32));
        arguments = fmt::format("<{}, {}, {}, {}>", gpu_type(job.weight), gpu_type(branch), pack,
                                (packs + threads - 1) / threads);
    }
};

int logits_pack(const at::Tensor& logits_NC) {
    const int most = logits_NC.scalar_type() == at::kBFloat16 ? 8 : 4;
    return logits_NC.stride(0) % most == 0 ? pack_size(logits_NC.size(1), {&logits_NC}, most) : 1;
}

}  // namespace

bool has_gpu_kernels(const at::Tensor& tensor) {
    const at::ScalarType type = tensor.scalar_type();
    return tensor.is_cuda() && (type == at::kFloat || type == at::kDouble || type == at::kBFloat16);
}

bool has_gpu_norm(const at::Tensor& rows) {
    const std::int64_t width = rows.size(1);
    return has_gpu_kernels(rows) && width <= kNormThreads * kNormParts * (width % 4 == 0 ? 4 : 1);
}

void gpu_residual_norm_forward(const NormTensors& job) {
    const std::int64_t width = job.branch.size(1);
    const NormShape shape(job, job.branch, width,
                          pack_size(width, {&job.x, &job.branch, &job.weight, &job.x_new, &job.y}));
    decoder_kernels().launch("norm_forward" + shape.arguments, job.branch.size(0), shape.threads,
                             gpu_pointer(job.x), gpu_pointer(job.branch), gpu_pointer(job.weight),
                             gpu_pointer(job.x_new), gpu_pointer(job.y), gpu_pointer(job.inverse_rms), width,
                             job.epsilon, job.dropout.first, job.dropout.second, job.dropout.threshold);
}

at::Tensor gpu_residual_norm_backward(const NormTensors& job) {
    const std::int64_t rows = job.x_new.size(0), width = job.x_new.size(1);
    const std::int64_t blocks = std::min(rows, kNormBlocks);
    const at::Tensor partial = at::empty({blocks, width}, job.inverse_rms.options());
    const NormShape shape(
        job, job.grad_y, width,
        pack_size(width, {&job.x_new, &job.grad_y, &job.grad_x_new, &job.grad_x, &job.grad_branch}));
    decoder_kernels().launch("norm_backward" + shape.arguments, blocks, shape.threads, gpu_pointer(job.x_new),
                             gpu_pointer(job.inverse_rms), gpu_pointer(job.weight), gpu_pointer(job.grad_y),
                             gpu_pointer(job.grad_x_new), gpu_pointer(job.grad_x),
                             gpu_pointer(job.grad_branch), gpu_pointer(partial), rows, width,
                             job.dropout.first, job.dropout.second, job.dropout.threshold);
    return partial.sum(0);
}

void gpu_swiglu_forward(const at::Tensor& gate_up_TW, const at::Tensor& out_TF) {
    const std::int64_t width = out_TF.size(1);
    const int pack = pack_size(width, {&gate_up_TW, &out_TF});
    decoder_kernels().launch(fmt::format("swiglu_forward<{}, {}>", gpu_type(out_TF), pack), out_TF.size(0),
                             kRowThreads, gpu_pointer(gate_up_TW), gpu_pointer(out_TF), width);
}

void gpu_swiglu_backward(const at::Tensor& gate_up_TW, const at::Tensor& grad_out_TF,
                         const at::Tensor& grad_gate_up_TW, const at::Tensor& values_TF) {
    const std::int64_t width = grad_out_TF.size(1);
    const int pack = pack_size(width, {&gate_up_TW, &grad_out_TF, &grad_gate_up_TW, &values_TF});
    decoder_kernels().launch(fmt::format("swiglu_backward<{}, {}>", gpu_type(grad_out_TF), pack),
                             grad_out_TF.size(0), kRowThreads, gpu_pointer(gate_up_TW),
                             gpu_pointer(grad_out_TF), gpu_pointer(grad_gate_up_TW), gpu_pointer(values_TF),
                             width);
}

void gpu_pick_forward(const at::Tensor& logits_NC, const at::Tensor& label_N, const at::Tensor& logprob_N,
                      const at::Tensor& log_sum_exp_N) {
    decoder_kernels().launch(fmt::format("pick_forward<{}, {}>", gpu_type(logits_NC), logits_pack(logits_NC)),
                             logits_NC.size(0), kRowThreads, gpu_pointer(logits_NC), logits_NC.stride(0),
                             logits_NC.size(1), gpu_pointer(label_N), gpu_pointer(logprob_N),
                             gpu_pointer(log_sum_exp_N));
}

void gpu_pick_backward(const at::Tensor& logits_NC, const at::Tensor& label_N,
                       const at::Tensor& log_sum_exp_N, const at::Tensor& grad_N, const at::Tensor& grad_NC) {
    LINVOX_ASSERT(grad_NC.is_contiguous(), "the gradient of logits must be contiguous");
    decoder_kernels().launch(
        fmt::format("pick_backward<{}, {}>", gpu_type(logits_NC), logits_pack(logits_NC)), logits_NC.size(0),
        kRowThreads, gpu_pointer(logits_NC), logits_NC.stride(0), logits_NC.size(1), gpu_pointer(label_N),
        gpu_pointer(log_sum_exp_N), gpu_pointer(grad_N), gpu_pointer(grad_NC));
}

}  // namespace linvox
