// The differentiable pieces of a decoder layer that are not matrix products: residual addition with dropout
// and norm, attention over packed segments, SwiGLU, and recomputation of a layer in backward.
// On the CPU and on CUDA GPUs they are hand-written kernels, attention on a GPU is LibTorch's flash attention
// (flash_attention.h); what these do not take is composed of ATen operators (composite_ops.h).
// T tokens, D hidden size, Q query width, K key width, F MLP width, P positions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "src/model/attention_kernel.h"
#include "src/model/packed_batch.h"

namespace linvox {

struct KeyGathering;  // flash_attention.h

/// Everything attention needs beside the projections; one per forward pass, shared by its layers.
struct AttentionPlan {
    std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
    std::vector<Segment> segments;
    std::vector<AttentionGroup> groups;
    at::Tensor position_T;                          // int64
    at::Tensor cosine_PH, sine_PH;                  // [positions, head_dim / 2], in the arithmetic type
    std::shared_ptr<const KeyGathering> gathering;  // where flash attention computes; else null
};

/// One dropout: the same site of the same step drops the same elements again.
struct DropoutSite {
    double probability = 0.0;
    std::uint64_t seed = 0, place = 0;
};

/// (x_new, y): x_new = x + dropout(branch) in the residual dtype, y = rms_norm(x_new) * weight in the
/// branch's dtype. An undefined x is 0.
std::pair<at::Tensor, at::Tensor> residual_norm(const at::Tensor& x_TD, const at::Tensor& branch_TD,
                                                const at::Tensor& weight_D, double epsilon,
                                                const DropoutSite& dropout);

/// Attention of rows [T, Q + 2 K] (queries, keys, values side by side, not yet rotated); gives [T, Q].
at::Tensor packed_attention(const at::Tensor& qkv_TW, const std::shared_ptr<const AttentionPlan>& plan);

/// silu(first half) * second half of [T, 2 F].
at::Tensor swiglu(const at::Tensor& gate_up_TW);
/// Its values, and the gradient of gate_up from that of the result, without a graph. Contiguous tensors,
/// where there are kernels. Where `values_TF` is defined, swiglu_gradient fills it with the values too.
bool has_swiglu_kernels(const at::Tensor& gate_up_TW);
at::Tensor swiglu_values(const at::Tensor& gate_up_TW);
at::Tensor swiglu_gradient(const at::Tensor& gate_up_TW, const at::Tensor& grad_TF,
                           at::Tensor values_TF = {});

/// function(inputs), of which only inputs and result stay in memory; backward computes the rest again.
/// `function` must give the same values both times and read no differentiable tensor but its inputs.
using TensorFunction = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;
std::vector<at::Tensor> recomputed(const TensorFunction& function, const std::vector<at::Tensor>& inputs);

}  // namespace linvox
