#include "src/model/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/linear.h>
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/model/layer_ops.h"
#include "src/model/rope.h"

namespace linvox {
namespace {

/// Dtypes of one pass: of the residual stream with its norms, and of the matrix products.
struct Dtypes {
    at::ScalarType residual, product;
};

Dtypes pass_dtypes(const Decoder& decoder, const ForwardOptions& options) {
    at::ScalarType own = decoder.embedding_VD.scalar_type();
    if (own == at::kHalf && decoder.embedding_VD.is_cpu()) own = at::kFloat;  // no CPU kernels for it
    if (options.compute == Compute::as_weights) return {own, own};
    LINVOX_REQUIRE(own != at::kDouble, UserError, "a float64 model computes in float64; leave bfloat16 off");
    return {own, at::kBFloat16};
}

void check_range(const at::Tensor& values, const char* what, std::int64_t limit) {
    if (!values.is_cpu()) return;  // looking would stop the device
    const auto* first = values.const_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < values.numel(); ++i)
        LINVOX_REQUIRE(first[i] >= 0 && first[i] < limit, DataError,
                       "row {} of the batch: {} must be in [0, {}), it is {}", i, what, limit, first[i]);
}

std::shared_ptr<const AttentionPlan> attention_plan(const ModelConfig& config, const PackedBatch& batch,
                                                    at::Device device, at::ScalarType product) {
    auto plan = std::make_shared<AttentionPlan>();
    plan->heads = config.num_heads;
    plan->kv_heads = config.num_kv_heads;
    plan->head_dim = config.head_dim;
    plan->segments = batch.segments;
    plan->groups = attention_groups(batch.segments, batch.tokens());
    const std::int64_t positions = batch.position_T.max().item<std::int64_t>() + 1;
    const auto [cosine, sine] =
        rope_tables(config, positions, product == at::kDouble ? at::kDouble : at::kFloat);
    plan->position_T = batch.position_T.to(device).contiguous();
    plan->cosine_PH = cosine.to(device);
    plan->sine_PH = sine.to(device);
    return plan;
}

/// One layer's matrices as the pass multiplies them: joined where they share their input, cast.
struct LayerProducts {
    at::Tensor qkv_weight, qkv_bias, q_norm, k_norm, o_weight, post_norm, gate_up_weight, down_weight, next_norm;

    std::vector<at::Tensor> list() const {
        return {qkv_weight, qkv_bias, q_norm, k_norm, o_weight, post_norm, gate_up_weight, down_weight, next_norm};
    }
    static LayerProducts from(const std::vector<at::Tensor>& t, std::size_t first) {
        return {t[first],     t[first + 1], t[first + 2], t[first + 3], t[first + 4],
                t[first + 5], t[first + 6], t[first + 7], t[first + 8]};
    }
};

LayerProducts layer_products(const Decoder& decoder, std::size_t index, const Dtypes& dtypes) {
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

/// Qwen3 norms every query and key head by itself before rotation.
at::Tensor norm_heads(const at::Tensor& qkv_TW, const LayerProducts& layer, const AttentionPlan& plan,
                      double epsilon) {
    const std::int64_t tokens = qkv_TW.size(0), E = plan.head_dim;
    const std::int64_t Q = plan.heads * E, K = plan.kv_heads * E;
    const auto parts = qkv_TW.split_with_sizes({Q, K, K}, 1);
    const auto normed = [&](const at::Tensor& part, const at::Tensor& weight) {
        return residual_norm({}, part.reshape({-1, E}), weight, epsilon, {}).second.view({tokens, -1});
    };
    return at::cat({normed(parts[0], layer.q_norm), normed(parts[1], layer.k_norm), parts[2]}, 1);
}

struct LayerPass {
    std::shared_ptr<const AttentionPlan> plan;
    double epsilon = 1e-6;
    DropoutSite attention_dropout, mlp_dropout;
};

/// (x, y) to (x, y): the residual stream, and its normed copy that the next layer multiplies.
std::pair<at::Tensor, at::Tensor> layer_forward(const at::Tensor& x_TD, const at::Tensor& y_TD,
                                                const LayerProducts& layer, const LayerPass& pass) {
    at::Tensor qkv_TW = at::linear(y_TD, layer.qkv_weight, layer.qkv_bias);
    if (layer.q_norm.defined()) qkv_TW = norm_heads(qkv_TW, layer, *pass.plan, pass.epsilon);
    const at::Tensor attention_TD = at::linear(packed_attention(qkv_TW, pass.plan), layer.o_weight);
    const auto [x_mid, y_mid] =
        residual_norm(x_TD, attention_TD, layer.post_norm, pass.epsilon, pass.attention_dropout);
    const at::Tensor mlp_TD = at::linear(swiglu(at::linear(y_mid, layer.gate_up_weight)), layer.down_weight);
    return residual_norm(x_mid, mlp_TD, layer.next_norm, pass.epsilon, pass.mlp_dropout);
}

std::pair<at::Tensor, at::Tensor> layer_recomputed(const at::Tensor& x_TD, const at::Tensor& y_TD,
                                                   const LayerProducts& layer, const LayerPass& pass) {
    std::vector<at::Tensor> inputs{x_TD, y_TD};
    for (const at::Tensor& weight : layer.list()) inputs.push_back(weight);
    const auto outputs = recomputed(
        [pass](const std::vector<at::Tensor>& given) -> std::vector<at::Tensor> {
            const auto [x, y] = layer_forward(given[0], given[1], LayerProducts::from(given, 2), pass);
            return {x, y};
        },
        inputs);
    return {outputs[0], outputs[1]};
}

}  // namespace

at::Tensor decoder_hidden(const Decoder& decoder, const PackedBatch& batch, const ForwardOptions& options) {
    const ModelConfig& config = decoder.config;
    check_range(batch.ids_T, "the token id", config.vocab_size);
    check_range(batch.position_T, "the position", config.max_position_embeddings);
    LINVOX_ASSERT(batch.tokens() > 0, "a batch without tokens");
    const Dtypes dtypes = pass_dtypes(decoder, options);
    const at::Device device = decoder.embedding_VD.device();
    LayerPass pass{attention_plan(config, batch, device, dtypes.product), config.rms_norm_eps};
    const auto site = [&](std::uint64_t place) {
        return DropoutSite{options.dropout, options.dropout_seed, place};
    };
    const at::Tensor embedded_TD = at::embedding(decoder.embedding_VD, batch.ids_T.to(device)).to(dtypes.product);
    auto [x_TD, y_TD] = residual_norm({}, embedded_TD, decoder.layers[0].input_norm_D.to(dtypes.residual),
                                      config.rms_norm_eps, site(0));
    for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
        pass.attention_dropout = site(2 * i + 1);
        pass.mlp_dropout = site(2 * i + 2);
        const LayerProducts layer = layer_products(decoder, i, dtypes);
        std::tie(x_TD, y_TD) = options.checkpoint_layers ? layer_recomputed(x_TD, y_TD, layer, pass)
                                                         : layer_forward(x_TD, y_TD, layer, pass);
    }
    return y_TD;
}

}  // namespace linvox
