// row_kernels.h for matrices on a CUDA GPU: the same operations, on tensors. float32, float64 and bfloat16 as
// there; logits may also be bfloat16. Tensors are contiguous. Shapes: layer_ops.h, vocabulary_head.cpp.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "src/model/row_kernels.h"

namespace linvox {

/// Whether there are kernels for a tensor: on a CUDA GPU and of one of the dtypes; and for a norm of such
/// rows, which must not be wider than 8192 (2048 where 4 does not divide the width).
bool has_gpu_kernels(const at::Tensor& tensor);
bool has_gpu_norm(const at::Tensor& rows);

/// What a norm's kernels read and write, on either device; names and shapes as in ResidualNorm.
struct NormTensors {
    double epsilon = 1e-6;
    DropoutKey dropout;
    at::Tensor x, branch, weight, x_new, y, inverse_rms;  // x may be undefined
    at::Tensor grad_y, grad_x_new, grad_x,
        grad_branch;  // backward; grad_x_new and grad_branch may be undefined
};
void gpu_residual_norm_forward(const NormTensors& job);
/// Returns the gradient of the weight, in the arithmetic type.
at::Tensor gpu_residual_norm_backward(const NormTensors& job);

void gpu_swiglu_forward(const at::Tensor& gate_up_TW, const at::Tensor& out_TF);
/// `values_TF` may be undefined.
void gpu_swiglu_backward(const at::Tensor& gate_up_TW, const at::Tensor& grad_out_TF,
                         const at::Tensor& grad_gate_up_TW, const at::Tensor& values_TF);

/// Columns of logits, whose rows may lie further apart than they are long.
void gpu_pick_forward(const at::Tensor& logits_NC, const at::Tensor& label_N, const at::Tensor& logprob_N,
                      const at::Tensor& log_sum_exp_N);
/// The gradient of the logits goes to `grad_NC`, which is contiguous and may be the logits.
void gpu_pick_backward(const at::Tensor& logits_NC, const at::Tensor& label_N,
                       const at::Tensor& log_sum_exp_N, const at::Tensor& grad_N, const at::Tensor& grad_NC);

}  // namespace linvox
