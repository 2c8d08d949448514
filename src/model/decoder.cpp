#include "src/model/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/model/add_rows.h"
#include "src/model/device.h"
#include "src/model/flash_attention.h"
#include "src/model/layer_ops.h"
#include "src/model/layer_products.h"
#include "src/model/rope.h"

namespace linvox {
namespace {

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
    plan->position_T = on_device(batch.position_T.contiguous(), device);
    plan->cosine_PH = on_device(cosine, device);
    plan->sine_PH = on_device(sine, device);
    if (has_flash_attention(device, product, config.head_dim))
        plan->gathering = gather_keys(batch.segments, batch.tokens(), device);
    return plan;
}

at::Tensor embedding_rows(const at::Tensor& embedding_VD, const at::Tensor& ids_T, bool gradient_in_place) {
    if (!gradient_in_place || !at::GradMode::is_enabled() || !embedding_VD.requires_grad())
        return at::embedding(embedding_VD, ids_T);
    at::Tensor rows_TD = at::embedding(embedding_VD.detach(), ids_T).requires_grad_(true);
    rows_TD.register_hook([embedding_VD, ids_T](const at::Tensor& grad_TD) {
        at::Tensor& sum_VD = embedding_VD.mutable_grad();
        if (!sum_VD.defined()) sum_VD = at::zeros_like(embedding_VD.detach());
        add_rows(sum_VD, ids_T, grad_TD);
    });
    return rows_TD;
}

constexpr std::uint64_t kLoraPlaces = 1 << 20;  // dropout places behind those of the layers

struct LayerPass {
    std::shared_ptr<const AttentionPlan> plan;
    double epsilon = 1e-6;
    DropoutSite attention_dropout, mlp_dropout;
    DropoutSite lora_dropout;  // of the layer's first group of adapters; the others follow

    DropoutSite lora_site(std::uint64_t group) const {
        return {lora_dropout.probability, lora_dropout.seed, lora_dropout.place + group};
    }
};

/// (x, y) to (x, y): the residual stream, and its normed copy that the next layer multiplies.
std::pair<at::Tensor, at::Tensor> layer_forward(const at::Tensor& x_TD, const at::Tensor& y_TD,
                                                const LayerProducts& layer, const LayerPass& pass) {
    at::Tensor qkv_TW = project(layer.qkv, y_TD, pass.lora_site(0));
    if (layer.q_norm.defined()) qkv_TW = norm_heads(qkv_TW, layer, pass.epsilon);
    const at::Tensor attention_TD = project(layer.o, packed_attention(qkv_TW, pass.plan), pass.lora_site(1));
    const auto [x_mid, y_mid] =
        residual_norm(x_TD, attention_TD, layer.post_norm, pass.epsilon, pass.attention_dropout);
    const at::Tensor gate_up_TW = project(layer.gate_up, y_mid, pass.lora_site(2));
    const at::Tensor mlp_TD = project_swiglu(layer.down, gate_up_TW, pass.lora_site(3));
    return residual_norm(x_mid, mlp_TD, layer.next_norm, pass.epsilon, pass.mlp_dropout);
}

std::pair<at::Tensor, at::Tensor> layer_recomputed(const at::Tensor& x_TD, const at::Tensor& y_TD,
                                                   const LayerProducts& layer, const LayerPass& pass) {
    std::vector<at::Tensor> inputs{x_TD, y_TD};
    for (const at::Tensor& weight : layer.list()) inputs.push_back(weight);
    const auto outputs = recomputed(
        [pass, layer](const std::vector<at::Tensor>& given) -> std::vector<at::Tensor> {
            const auto [x, y] = layer_forward(given[0], given[1], layer.with(given, 2), pass);
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
    const PassDtypes dtypes = pass_dtypes(decoder, options.compute);
    const at::Device device = decoder.embedding_VD.device();
    LayerPass pass{attention_plan(config, batch, device, dtypes.product), config.rms_norm_eps};
    const auto site = [&](std::uint64_t place) {
        return DropoutSite{options.dropout, options.dropout_seed, place};
    };
    const at::Tensor embedded_TD = embedding_rows(decoder.embedding_VD, on_device(batch.ids_T, device),
                                                  options.embedding_gradient_in_place)
                                       .to(dtypes.product);
    auto [x_TD, y_TD] = residual_norm({}, embedded_TD, decoder.layers[0].input_norm_D.to(dtypes.residual),
                                      config.rms_norm_eps, site(0));
    for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
        pass.attention_dropout = site(2 * i + 1);
        pass.mlp_dropout = site(2 * i + 2);
        pass.lora_dropout = {options.lora_dropout, options.dropout_seed, kLoraPlaces + 4 * i};
        const LayerProducts layer = layer_products(decoder, i, dtypes);
        std::tie(x_TD, y_TD) = options.checkpoint_layers ? layer_recomputed(x_TD, y_TD, layer, pass)
                                                         : layer_forward(x_TD, y_TD, layer, pass);
    }
    return y_TD;
}

}  // namespace linvox
