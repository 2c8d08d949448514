#include "src/model/layer_products.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/model/layer_ops.h"

namespace linvox {

PassDtypes pass_dtypes(const Decoder& decoder, Compute compute) {
    at::ScalarType own = decoder.embedding_VD.scalar_type();
    if (own == at::kHalf && decoder.embedding_VD.is_cpu()) own = at::kFloat;  // no CPU kernels for it
    if (compute == Compute::as_weights) return {own, own};
    LINVOX_REQUIRE(own != at::kDouble, UserError, "a float64 model computes in float64; leave bfloat16 off");
    return {own, at::kBFloat16};
}

std::vector<at::Tensor> LayerProducts::list() const {
    return {qkv_weight, qkv_bias,       q_norm,      k_norm,   o_weight,
            post_norm,  gate_up_weight, down_weight, next_norm};
}

LayerProducts LayerProducts::from(const std::vector<at::Tensor>& tensors, std::size_t first) {
    const at::Tensor* t = tensors.data() + first;
    return {t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8]};
}

LayerProducts layer_products(const Decoder& decoder, std::size_t index, const PassDtypes& dtypes) {
    const DecoderLayer& layer = decoder.layers[index];
    const at::Tensor& next =
        index + 1 < decoder.layers.size() ? decoder.layers[index + 1].input_norm_D : decoder.final_norm_D;
    const auto cast = [](const at::Tensor& weight, at::ScalarType type) {
        return weight.defined() ? weight.to(type) : weight;
    };
    LayerProducts p;
    p.qkv_weight = cast(at::cat({layer.q_weight_QD, layer.k_weight_KD, layer.v_weight_KD}), dtypes.product);
    if (layer.q_bias_Q.defined())
        p.qkv_bias = cast(at::cat({layer.q_bias_Q, layer.k_bias_K, layer.v_bias_K}), dtypes.product);
    p.q_norm = cast(layer.q_norm_H, dtypes.product);
    p.k_norm = cast(layer.k_norm_H, dtypes.product);
    p.o_weight = cast(layer.o_weight_DQ, dtypes.product);
    p.post_norm = cast(layer.post_norm_D, dtypes.residual);
    p.gate_up_weight = cast(at::cat({layer.gate_weight_FD, layer.up_weight_FD}), dtypes.product);
    p.down_weight = cast(layer.down_weight_DF, dtypes.product);
    p.next_norm = cast(next, dtypes.residual);
    return p;
}

at::Tensor norm_heads(const at::Tensor& qkv_TW, const LayerProducts& layer, double epsilon) {
    const std::int64_t head_dim = layer.q_norm.size(0), tokens = qkv_TW.size(0), width = qkv_TW.size(1);
    const std::int64_t query = layer.o_weight.size(1), key = (width - query) / 2;
    const auto parts = qkv_TW.split_with_sizes({query, key, key}, 1);
    const auto normed = [&](const at::Tensor& part, const at::Tensor& weight) {
        const at::Tensor heads = part.reshape({-1, head_dim});
        return residual_norm({}, heads, weight, epsilon, {}).second.view({tokens, -1});
    };
    return at::cat({normed(parts[0], layer.q_norm), normed(parts[1], layer.k_norm), parts[2]}, 1);
}

}  // namespace linvox
