// The weights of decoder.h: names, shapes, initial values, copies.
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <cmath>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/model/decoder.h"
#include "src/model/lora.h"

namespace linvox {
namespace {

constexpr double kInitialDeviation = 0.02;

/// One list for both constnesses: calls visit(name, tensor, shape) for every weight.
template <typename AnyDecoder, typename Visit>
void walk(AnyDecoder& decoder, const Visit& visit) {
    using Shape = std::vector<std::int64_t>;
    const ModelConfig& c = decoder.config;
    const std::int64_t D = c.hidden_size, Q = c.query_size(), K = c.key_size(), F = c.intermediate_size;
    visit("model.embed_tokens.weight", decoder.embedding_VD, Shape{c.vocab_size, D});
    for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
        auto& layer = decoder.layers[i];
        const std::string at = fmt::format("model.layers.{}.", i);
        visit(at + "input_layernorm.weight", layer.input_norm_D, Shape{D});
        visit(at + "self_attn.q_proj.weight", layer.q_weight_QD, Shape{Q, D});
        visit(at + "self_attn.k_proj.weight", layer.k_weight_KD, Shape{K, D});
        visit(at + "self_attn.v_proj.weight", layer.v_weight_KD, Shape{K, D});
        if (c.qkv_bias) {
            visit(at + "self_attn.q_proj.bias", layer.q_bias_Q, Shape{Q});
            visit(at + "self_attn.k_proj.bias", layer.k_bias_K, Shape{K});
            visit(at + "self_attn.v_proj.bias", layer.v_bias_K, Shape{K});
        }
        if (c.qk_norm) {
            visit(at + "self_attn.q_norm.weight", layer.q_norm_H, Shape{c.head_dim});
            visit(at + "self_attn.k_norm.weight", layer.k_norm_H, Shape{c.head_dim});
        }
        visit(at + "self_attn.o_proj.weight", layer.o_weight_DQ, Shape{D, Q});
        visit(at + "post_attention_layernorm.weight", layer.post_norm_D, Shape{D});
        visit(at + "mlp.gate_proj.weight", layer.gate_weight_FD, Shape{F, D});
        visit(at + "mlp.up_proj.weight", layer.up_weight_FD, Shape{F, D});
        visit(at + "mlp.down_proj.weight", layer.down_weight_DF, Shape{D, F});
    }
    visit("model.norm.weight", decoder.final_norm_D, Shape{D});
    if (!c.tie_word_embeddings) visit("lm_head.weight", decoder.head_VD, Shape{c.vocab_size, D});
}

at::Tensor normal_weight(const std::vector<std::int64_t>& shape, double deviation, Rng rng) {
    at::Tensor weight = at::empty(shape, at::kFloat);
    float* values = weight.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < weight.numel(); ++i)
        values[i] = static_cast<float>(deviation * rng.normal());
    return weight;
}

}  // namespace

Decoder empty_decoder(const ModelConfig& config) {
    check(config);
    Decoder decoder;
    decoder.config = config;
    decoder.layers.resize(static_cast<std::size_t>(config.num_layers));
    return decoder;
}

Decoder make_decoder(const ModelConfig& config, std::uint64_t seed) {
    Decoder decoder = empty_decoder(config);
    const double residual = kInitialDeviation / std::sqrt(2.0 * static_cast<double>(config.num_layers));
    walk(decoder, [&](const std::string& name, at::Tensor& weight, const std::vector<std::int64_t>& shape) {
        if (name.ends_with("norm.weight"))
            weight = at::ones(shape, at::kFloat);
        else if (name.ends_with(".bias"))
            weight = at::zeros(shape, at::kFloat);
        else {
            const bool into_residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
            weight = normal_weight(shape, into_residual ? residual : kInitialDeviation,
                                   Rng(mix_seed(seed, "weights", name)));
        }
    });
    return decoder;
}

void visit_weights(Decoder& decoder, const WeightVisitor& visit) {
    walk(decoder, [&](const std::string& name, at::Tensor& weight, const auto&) { visit(name, weight); });
}

void visit_weights(const Decoder& decoder, const ConstWeightVisitor& visit) {
    walk(decoder,
         [&](const std::string& name, const at::Tensor& weight, const auto&) { visit(name, weight); });
}

std::map<std::string, std::vector<std::int64_t>> weight_shapes(const ModelConfig& config) {
    const Decoder decoder = empty_decoder(config);
    std::map<std::string, std::vector<std::int64_t>> shapes;
    walk(decoder, [&](const std::string& name, const at::Tensor&, const std::vector<std::int64_t>& shape) {
        shapes.emplace(name, shape);
    });
    return shapes;
}

const at::Tensor& head_weight(const Decoder& decoder) {
    return decoder.config.tie_word_embeddings ? decoder.embedding_VD : decoder.head_VD;
}

Decoder map_decoder(const Decoder& decoder, const std::function<at::Tensor(const at::Tensor&)>& change) {
    Decoder copy = decoder;
    visit_weights(copy, [&](const std::string&, at::Tensor& weight) { weight = change(weight); });
    visit_lora(copy, [&](const std::string& name, at::Tensor& tensor) {
        if (!copy.lora.replaced.contains(name)) tensor = change(tensor);  // else it was a weight
    });
    for (auto& [name, own] : copy.lora.replaced) own = change(own);
    return copy;
}

Decoder clone_decoder(const Decoder& decoder) {
    return map_decoder(decoder, [](const at::Tensor& weight) { return weight.detach().clone(); });
}

Decoder cast_decoder(const Decoder& decoder, at::ScalarType dtype) {
    return map_decoder(decoder, [&](const at::Tensor& weight) { return weight.detach().to(dtype); });
}

void set_requires_grad(Decoder& decoder, bool value) {
    visit_weights(decoder, [&](const std::string&, at::Tensor& weight) { weight.requires_grad_(value); });
}

std::int64_t weight_count(const Decoder& decoder) {
    std::int64_t count = 0;
    visit_weights(decoder, [&](const std::string&, const at::Tensor& weight) { count += weight.numel(); });
    return count;
}

}  // namespace linvox
