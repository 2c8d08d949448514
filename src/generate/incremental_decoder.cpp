#include "src/generate/incremental_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/generate/few_rows_product.h"
#include "src/generate/huge_pages.h"
#include "src/model/device.h"
#include "src/model/layer_ops.h"
#include "src/model/lora.h"

namespace linvox {
namespace {

/// The dtypes of generation: float32 or bfloat16 products and cache.
PassDtypes generation_dtypes(const Decoder& decoder, Compute compute) {
    const PassDtypes dtypes = pass_dtypes(decoder, compute);
    LINVOX_REQUIRE(dtypes.product != at::kDouble, UserError,
                   "generation computes in float32 or bfloat16; cast the float64 model first");
    return dtypes;
}

at::Tensor index_tensor(const std::vector<std::int64_t>& values) {
    at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
    std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int64_t>());
    return tensor;
}

at::Tensor product(const Projections& projections, const at::Tensor& x_TI) {
    const bool plain = projections.weights.size() == 1 && !projections.lora_a.defined() &&
                       projections.weights[0].is_contiguous();
    if (!plain || !is_few_rows(x_TI.size(0), x_TI.scalar_type())) return project(projections, x_TI);
    return few_rows_product(x_TI, projections.weights[0], projections.bias);
}

}  // namespace

IncrementalDecoder::IncrementalDecoder(const Decoder& given, std::int64_t slots, std::int64_t positions,
                                       Compute compute, std::int64_t vocab_begin, std::int64_t vocab_end,
                                       const std::vector<std::int32_t>& extra_ids)
    : epsilon_(given.config.rms_norm_eps), dtypes_(generation_dtypes(given, compute)) {
    const at::NoGradGuard no_grad;
    const Decoder decoder = on_device(given, at::kCPU);
    embedding_VD_ = decoder.embedding_VD.detach();
    first_norm_D_ = decoder.layers[0].input_norm_D.detach().to(dtypes_.residual);
    at::Tensor head_RD = head_weight(decoder).detach().slice(0, vocab_begin, vocab_end);
    if (!extra_ids.empty()) {
        const at::Tensor extra = index_tensor({extra_ids.begin(), extra_ids.end()});
        head_RD = at::cat({head_RD, head_weight(decoder).detach().index_select(0, extra)});
    }
    head_RD_ = head_RD.to(dtypes_.product).contiguous();
    const Decoder merged = merged_lora(decoder);
    move_to_huge_pages({&head_RD_});
    for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
        layers_.push_back(layer_products(merged, i, dtypes_));
        std::vector<at::Tensor*> weights;
        for (Projections* group : {&layers_[i].qkv, &layers_[i].o, &layers_[i].gate_up, &layers_[i].down})
            for (at::Tensor& weight : group->weights) weights.push_back(&weight);
        move_to_huge_pages(weights);
    }
    cache_ = make_kv_cache(decoder.config, slots, positions, dtypes_.product);
}

std::int64_t IncrementalDecoder::take_slot() {
    LINVOX_ASSERT(!cache_.free_slots.empty(), "no free place in the KV cache");
    const std::int64_t slot = cache_.free_slots.back();
    cache_.free_slots.pop_back();
    return slot;
}

void IncrementalDecoder::give_slot(std::int64_t slot) { cache_.free_slots.push_back(slot); }

at::Tensor IncrementalDecoder::run(const std::vector<NewToken>& tokens,
                                   const std::vector<std::int64_t>& rows) {
    const at::NoGradGuard no_grad;
    std::vector<std::int64_t> ids;
    std::vector<TokenPlace> places;
    for (const NewToken& token : tokens) {
        ids.push_back(token.id);
        places.push_back(token.place);
        LINVOX_ASSERT(token.place.position < cache_.capacity, "position {} of a KV cache of {}",
                      token.place.position, cache_.capacity);
    }
    const at::Tensor embedded = at::embedding(embedding_VD_, index_tensor(ids)).to(dtypes_.product);
    auto [x_TD, y_TD] = residual_norm({}, embedded, first_norm_D_, epsilon_, {});
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const LayerProducts& layer = layers_[i];
        at::Tensor qkv_TW = product(layer.qkv, y_TD);
        if (layer.q_norm.defined()) qkv_TW = norm_heads(qkv_TW, layer, epsilon_);
        const at::Tensor mixed = cached_attention(cache_, static_cast<std::int64_t>(i), qkv_TW, places);
        std::tie(x_TD, y_TD) = residual_norm(x_TD, product(layer.o, mixed), layer.post_norm, epsilon_, {});
        const at::Tensor mlp_TD = product(layer.down, swiglu(product(layer.gate_up, y_TD)));
        std::tie(x_TD, y_TD) = residual_norm(x_TD, mlp_TD, layer.next_norm, epsilon_, {});
    }
    const at::Tensor last_ND = y_TD.index_select(0, index_tensor(rows));
    const at::Tensor logits_NR = is_few_rows(last_ND.size(0), dtypes_.product)
                                     ? few_rows_product(last_ND, head_RD_, {})
                                     : at::linear(last_ND, head_RD_);
    return logits_NR.to(at::kFloat);
}

}  // namespace linvox
