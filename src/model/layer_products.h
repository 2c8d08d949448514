// The matrices of a layer as a forward pass multiplies them: joined where they share their input, and cast.
// Training joins them in every pass (gradients flow back to the parts), generation once.
// T tokens, W = Q + 2 K columns of queries, keys and values side by side.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "src/model/decoder.h"

namespace linvox {

/// Dtypes of one pass: of the residual stream with its norms, and of the matrix products.
struct PassDtypes {
    at::ScalarType residual, product;
};
PassDtypes pass_dtypes(const Decoder& decoder, Compute compute);

struct LayerProducts {
    at::Tensor qkv_weight, qkv_bias, q_norm, k_norm, o_weight, post_norm, gate_up_weight, down_weight;
    at::Tensor next_norm;  // the next layer's input norm, or the model's final norm

    /// The tensors in a fixed order, and back.
    std::vector<at::Tensor> list() const;
    static LayerProducts from(const std::vector<at::Tensor>& tensors, std::size_t first);
};
LayerProducts layer_products(const Decoder& decoder, std::size_t index, const PassDtypes& dtypes);

/// Qwen3 norms every query and key head by itself before rotation: [T, W] to [T, W].
at::Tensor norm_heads(const at::Tensor& qkv_TW, const LayerProducts& layer, double epsilon);

}  // namespace linvox
