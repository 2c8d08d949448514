// The matrices of a layer as a forward pass multiplies them, those with one input together. Generation joins
// and casts them once; a pass with gradients takes them as they are, and joined_linear.h joins and casts them
// where they are multiplied. T tokens, I inputs, O outputs, R rank of an adapter, W = Q + 2 K columns of
// queries, keys and values.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "src/model/decoder.h"
#include "src/model/layer_ops.h"

namespace linvox {

/// Dtypes of one pass: of the residual stream with its norms, and of the matrix products.
struct PassDtypes {
    at::ScalarType residual, product;
};
PassDtypes pass_dtypes(const Decoder& decoder, Compute compute);

/// Matrices with one input, whose results stand side by side; and their adapters (lora_weights.h).
struct Projections {
    std::vector<at::Tensor> weights;        // [O, I]: a joined and cast one, or with gradients one each
    std::vector<at::Tensor> biases;         // [O], likewise; none without
    at::Tensor lora_a;                      // [all R, I] of the adapted ones; undefined without an adapter
    std::vector<at::Tensor> lora_b;         // [O, R] times the scale, one each; undefined: not adapted
    std::vector<std::int64_t> lora_widths;  // O of each
    at::Tensor gain;                        // DoRA: per output [all O], before the bias; undefined without
};

/// [T, I] to [T, all O]. `dropout` falls on the adapters' input, one mask for all of them.
at::Tensor project(const Projections& projections, const at::Tensor& x_TI, const DropoutSite& dropout = {});

/// project(projections, swiglu(gate_up)), with less kept for backward where it can be.
at::Tensor project_swiglu(const Projections& projections, const at::Tensor& gate_up_TW,
                          const DropoutSite& dropout = {});

struct LayerProducts {
    Projections qkv, o, gate_up, down;
    at::Tensor q_norm, k_norm, post_norm;
    at::Tensor next_norm;  // the next layer's input norm, or the model's final norm

    /// The tensors in a fixed order, and a copy of this with others in their place.
    std::vector<at::Tensor> list() const;
    LayerProducts with(const std::vector<at::Tensor>& tensors, std::size_t first) const;
};
LayerProducts layer_products(const Decoder& decoder, std::size_t index, const PassDtypes& dtypes);

/// Qwen3 norms every query and key head by itself before rotation: [T, W] to [T, W].
at::Tensor norm_heads(const at::Tensor& qkv_TW, const LayerProducts& layer, double epsilon);

}  // namespace linvox
