#include "src/model/layer_products.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/model/composite_ops.h"
#include "src/model/joined_linear.h"
#include "src/model/lora.h"

namespace linvox {
namespace {

at::Tensor cast_if_defined(const at::Tensor& tensor, at::ScalarType type) {
    return tensor.defined() ? tensor.to(type) : tensor;
}

/// One projection of a group.
struct Part {
    const at::Tensor* weight;
    const LoraPair* pair;
};

/// Adapters compute in their own dtype, or in the pass's where that narrows or widens everything.
at::ScalarType lora_dtype(const LoraPair& pair, const PassDtypes& dtypes) {
    const bool as_weights = dtypes.residual == dtypes.product && dtypes.product != at::kDouble;
    return as_weights ? pair.a_RI.scalar_type() : dtypes.product;
}

at::Tensor gain_of(const Part& part, double scale) {
    const at::Tensor& magnitude = part.pair->magnitude_O;
    return magnitude / adapted_row_norm(part.weight->detach(), *part.pair, scale);
}

void add_adapters(Projections& projections, const std::vector<Part>& parts, double scale,
                  const PassDtypes& dtypes) {
    std::vector<at::Tensor> a, gains;
    bool any_gain = false;
    for (const Part& part : parts) {
        const std::int64_t outputs = part.weight->size(0);
        projections.lora_widths.push_back(outputs);
        projections.lora_b.emplace_back();
        const bool adapted = part.pair && part.pair->present();
        if (adapted) {
            const at::ScalarType type = lora_dtype(*part.pair, dtypes);
            a.push_back(part.pair->a_RI.to(type));
            projections.lora_b.back() = (part.pair->b_OR * scale).to(type);
        }
        const bool scaled = adapted && part.pair->magnitude_O.defined();
        any_gain = any_gain || scaled;
        gains.push_back(scaled ? gain_of(part, scale) : at::Tensor());
    }
    if (!a.empty()) projections.lora_a = a.size() == 1 ? a[0] : at::cat(a);
    if (!any_gain) return;
    for (std::size_t i = 0; i < gains.size(); ++i)
        if (!gains[i].defined())
            gains[i] =
                at::ones({projections.lora_widths[i]}, projections.lora_a.options().requires_grad(false));
    std::vector<at::Tensor> alike;
    for (const at::Tensor& gain : gains) alike.push_back(gain.to(dtypes.product));
    projections.gain = at::cat(alike);
}

/// `lora` null: no adapters.
Projections joined(const std::vector<Part>& parts, const std::vector<at::Tensor>& biases,
                   const LoraAdapter* lora, const PassDtypes& dtypes) {
    Projections projections;
    std::vector<at::Tensor> weights;
    for (const Part& part : parts) weights.push_back(*part.weight);
    const bool biased = !biases.empty() && biases[0].defined();
    if (at::GradMode::is_enabled()) {
        projections.weights = weights;
        if (biased) projections.biases = biases;
    } else {
        projections.weights = {joined_rows(weights, dtypes.product)};
        if (biased) projections.biases = {joined_rows(biases, dtypes.product)};
    }
    if (lora) add_adapters(projections, parts, lora->config.scale(), dtypes);
    return projections;
}

/// B (A x) of every adapted projection, zeros for the others.
at::Tensor adapter_output(const Projections& projections, const at::Tensor& x_TI,
                          const DropoutSite& dropout) {
    const at::Tensor input = x_TI.to(projections.lora_a.scalar_type());
    const at::Tensor low_TR = at::linear(dropped(input, dropout), projections.lora_a);
    std::vector<at::Tensor> outputs;
    std::int64_t first = 0;
    for (std::size_t i = 0; i < projections.lora_b.size(); ++i) {
        const at::Tensor& b_OR = projections.lora_b[i];
        if (!b_OR.defined()) {
            outputs.push_back(at::zeros({x_TI.size(0), projections.lora_widths[i]}, low_TR.options()));
            continue;
        }
        const std::int64_t rank = b_OR.size(1);
        outputs.push_back(at::linear(low_TR.slice(1, first, first + rank), b_OR));
        first += rank;
    }
    return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 1);
}

/// Visits every tensor slot of a layer in a fixed order.
template <typename AnyLayer, typename Visit>
void walk_products(AnyLayer& layer, const Visit& visit) {
    for (auto* group : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) {
        for (auto& weight : group->weights) visit(weight);
        for (auto& bias : group->biases) visit(bias);
        visit(group->lora_a);
        for (auto& b : group->lora_b) visit(b);
        visit(group->gain);
    }
    for (auto* norm : {&layer.q_norm, &layer.k_norm, &layer.post_norm, &layer.next_norm}) visit(*norm);
}

}  // namespace

PassDtypes pass_dtypes(const Decoder& decoder, Compute compute) {
    // Of a projection: an embedding that LoRA trains may be wider than the frozen rest.
    const at::Tensor& weight = decoder.layers[0].q_weight_QD;
    at::ScalarType own = weight.scalar_type();
    if (own == at::kHalf) own = at::kFloat;  // no kernels for it
    // Norms stay wide where matrices are kept narrow (train/decoder_parameters.h).
    const at::ScalarType residual = own == at::kBFloat16 ? decoder.layers[0].input_norm_D.scalar_type() : own;
    if (compute == Compute::as_weights) return {residual, own};
    if (compute == Compute::float64) return {at::kDouble, at::kDouble};
    LINVOX_REQUIRE(own != at::kDouble, UserError, "a float64 model computes in float64; leave bfloat16 off");
    return {residual, at::kBFloat16};
}

at::Tensor project(const Projections& projections, const at::Tensor& x_TI, const DropoutSite& dropout) {
    const at::Tensor y_TO = joined_linear(x_TI, projections.weights, projections.biases);
    at::Tensor low_TO;
    if (projections.lora_a.defined())
        low_TO = adapter_output(projections, x_TI, dropout).to(y_TO.scalar_type());
    if (projections.gain.defined()) {
        // Added to the base's result, as in PEFT: a gain of 1 changes no bit, however the bias rounds.
        const at::Tensor bare_TO =
            projections.biases.empty() ? y_TO : y_TO - at::cat(projections.biases).to(y_TO.scalar_type());
        return y_TO + (bare_TO * (projections.gain - 1) + low_TO * projections.gain);
    }
    return low_TO.defined() ? y_TO + low_TO : y_TO;
}

at::Tensor project_swiglu(const Projections& projections, const at::Tensor& gate_up_TW,
                          const DropoutSite& dropout) {
    // An adapter reads swiglu's result too, so that it is kept anyway.
    if (projections.lora_a.defined() || !has_swiglu_kernels(gate_up_TW))
        return project(projections, swiglu(gate_up_TW), dropout);
    return swiglu_linear(gate_up_TW, projections.weights[0]);
}

std::vector<at::Tensor> LayerProducts::list() const {
    std::vector<at::Tensor> tensors;
    walk_products(*this, [&](const at::Tensor& tensor) { tensors.push_back(tensor); });
    return tensors;
}

LayerProducts LayerProducts::with(const std::vector<at::Tensor>& tensors, std::size_t first) const {
    LayerProducts copy = *this;
    walk_products(copy, [&](at::Tensor& tensor) { tensor = tensors.at(first++); });
    return copy;
}

LayerProducts layer_products(const Decoder& decoder, std::size_t index, const PassDtypes& dtypes) {
    const DecoderLayer& layer = decoder.layers[index];
    const at::Tensor& next =
        index + 1 < decoder.layers.size() ? decoder.layers[index + 1].input_norm_D : decoder.final_norm_D;
    const LoraAdapter* lora = decoder.has_lora() ? &decoder.lora : nullptr;
    static const LoraLayer none;
    const LoraLayer& adapters = lora ? lora->layers[index] : none;
    LayerProducts p;
    p.qkv = joined({{&layer.q_weight_QD, &adapters.q},
                    {&layer.k_weight_KD, &adapters.k},
                    {&layer.v_weight_KD, &adapters.v}},
                   {layer.q_bias_Q, layer.k_bias_K, layer.v_bias_K}, lora, dtypes);
    p.o = joined({{&layer.o_weight_DQ, &adapters.o}}, {}, lora, dtypes);
    p.gate_up = joined({{&layer.gate_weight_FD, &adapters.gate}, {&layer.up_weight_FD, &adapters.up}}, {},
                       lora, dtypes);
    p.down = joined({{&layer.down_weight_DF, &adapters.down}}, {}, lora, dtypes);
    p.q_norm = cast_if_defined(layer.q_norm_H, dtypes.product);
    p.k_norm = cast_if_defined(layer.k_norm_H, dtypes.product);
    p.post_norm = layer.post_norm_D.to(dtypes.residual);
    p.next_norm = next.to(dtypes.residual);
    return p;
}

at::Tensor norm_heads(const at::Tensor& qkv_TW, const LayerProducts& layer, double epsilon) {
    const std::int64_t head_dim = layer.q_norm.size(0), tokens = qkv_TW.size(0), width = qkv_TW.size(1);
    const std::int64_t query = layer.o.weights[0].size(1), key = (width - query) / 2;
    const auto parts = qkv_TW.split_with_sizes({query, key, key}, 1);
    const auto normed = [&](const at::Tensor& part, const at::Tensor& weight) {
        const at::Tensor heads = part.reshape({-1, head_dim});
        return residual_norm({}, heads, weight, epsilon, {}).second.view({tokens, -1});
    };
    return at::cat({normed(parts[0], layer.q_norm), normed(parts[1], layer.k_norm), parts[2]}, 1);
}

}  // namespace linvox
