// The operations of layer_ops.h composed of ATen operators: for devices and dtypes without kernels, and what
// the kernels are tested against. Gradients come from autograd.
#pragma once

#include "src/model/layer_ops.h"

namespace linvox {

std::pair<at::Tensor, at::Tensor> residual_norm_composite(const at::Tensor& x_TD, const at::Tensor& branch_TD,
                                                          const at::Tensor& weight_D, double epsilon,
                                                          const DropoutSite& dropout);
at::Tensor packed_attention_composite(const at::Tensor& qkv_TW, const AttentionPlan& plan);
/// x with elements dropped and the others scaled up; x itself at probability 0. Any device.
at::Tensor dropped(const at::Tensor& x, const DropoutSite& dropout);
at::Tensor swiglu_composite(const at::Tensor& gate_up_TW);

}  // namespace linvox
