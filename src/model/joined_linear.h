// Matrix products of a decoder layer that keep nothing the size of a weight for backward.
// T tokens, I inputs, O outputs, F MLP width.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace linvox {

/// x times the transposed matrices, results side by side: [T, I] and matrices [O, I] to [T, all O], plus
/// `bias` [all O] where it is defined. Matrices of another dtype than x are cast where they are multiplied,
/// in forward and again in backward; gradients come in the matrices' own dtype.
at::Tensor joined_linear(const at::Tensor& x_TI, const std::vector<at::Tensor>& weights_OI,
                         const at::Tensor& bias_O = {});

/// joined_linear(swiglu(gate_up), {weight}); backward keeps gate_up [T, 2 F] and not swiglu's result. Only
/// where has_swiglu_kernels(gate_up).
at::Tensor swiglu_linear(const at::Tensor& gate_up_TW, const at::Tensor& weight_DF);

}  // namespace linvox
