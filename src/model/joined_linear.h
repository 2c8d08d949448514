// Matrix products of a decoder layer that keep nothing the size of a weight for backward.
// T tokens, I inputs, O outputs, F MLP width.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace linvox {

/// x times the transposed matrices, results side by side: [T, I] and matrices [O, I] to [T, all O], plus
/// biases [O], one each or joined ones (none where the first is undefined). What has another dtype than x is
/// cast where it is multiplied, in forward and again in backward; gradients come in the parameters' own
/// dtypes.
at::Tensor joined_linear(const at::Tensor& x_TI, const std::vector<at::Tensor>& weights_OI,
                         at::TensorList biases_O = {});

/// Matrices or vectors one below the other in one dtype, without gradient. A view where they lie so in memory
/// already (lay_together) and have the dtype, else a copy.
at::Tensor joined_rows(at::TensorList parts, at::ScalarType dtype);

/// Moves the parts one below the other in memory, as leaves of one dtype, where they do not lie so already.
void lay_together(const std::vector<at::Tensor*>& parts);

/// joined_linear(swiglu(gate_up), {weight}); backward keeps gate_up [T, 2 F] and not swiglu's result. Only
/// where has_swiglu_kernels(gate_up).
at::Tensor swiglu_linear(const at::Tensor& gate_up_TW, const at::Tensor& weight_DF);

}  // namespace linvox
