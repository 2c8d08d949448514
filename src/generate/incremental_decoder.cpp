#include "src/generate/incremental_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
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

/// The same decoder with the weights of one layer on the device.
Decoder with_layer_on(const Decoder& decoder, std::size_t index, at::Device device) {
    Decoder copy = decoder;
    const std::string prefix = fmt::format("model.layers.{}.", index);
    visit_weights(copy, [&](const std::string& name, at::Tensor& weight) {
        if (name.starts_with(prefix)) weight = weight.detach().to(device);
    });
    return copy;
}

/// Rows [begin, end) of the head and those of the extra ids.
at::Tensor head_rows(const at::Tensor& head_VD, std::int64_t begin, std::int64_t end,
                     const std::vector<std::int32_t>& extra_ids) {
    const at::Tensor range_RD = head_VD.slice(0, begin, end);
    if (extra_ids.empty()) return range_RD;
    const at::Tensor extra = on_device(index_tensor({extra_ids.begin(), extra_ids.end()}), head_VD.device());
    return at::cat({range_RD, head_VD.index_select(0, extra)});
}

at::Tensor product(const Projections& projections, const at::Tensor& x_TI) {
    const bool plain = projections.weights.size() == 1 && !projections.lora_a.defined() &&
                       projections.weights[0].is_contiguous();
    if (!plain || !x_TI.is_cpu() || !is_few_rows(x_TI.size(0), x_TI.scalar_type()))
        return project(projections, x_TI);
    return few_rows_product(x_TI, projections.weights[0],
                            projections.biases.empty() ? at::Tensor() : projections.biases[0]);
}

/// What a pass reads about its tokens, on the device.
struct PassInputs {
    at::Tensor id_T;
    TokenPlaces places;
    at::Tensor row_N;
};

/// One tensor, so that there is one way over the bus.
PassInputs pass_inputs(const std::vector<NewToken>& tokens, const std::vector<std::int64_t>& rows,
                       at::Device device) {
    const std::size_t T = tokens.size();
    std::vector<std::int64_t> all(3 * T);
    for (std::size_t t = 0; t < T; ++t) {
        all[t] = tokens[t].id;
        all[T + t] = tokens[t].slot;
        all[2 * T + t] = tokens[t].position;
    }
    all.insert(all.end(), rows.begin(), rows.end());
    const auto count = static_cast<std::int64_t>(T);
    const auto parts = on_device(index_tensor(all), device)
                           .split_with_sizes({count, count, count, static_cast<std::int64_t>(rows.size())});
    return {parts[0], {parts[1], parts[2]}, parts[3]};
}

/// As float32 on the CPU. A GPU's come over the bus in their own dtype, into memory that it writes by itself.
at::Tensor host_logits(const at::Tensor& logits_NR) {
    if (logits_NR.is_cpu()) return logits_NR.to(at::kFloat);
    at::Tensor host = at::empty(logits_NR.sizes(), logits_NR.options().device(at::kCPU).pinned_memory(true));
    return host.copy_(logits_NR).to(at::kFloat);
}

}  // namespace

IncrementalDecoder::IncrementalDecoder(const Decoder& given, std::int64_t slots, std::int64_t positions,
                                       Compute compute, std::int64_t vocab_begin, std::int64_t vocab_end,
                                       const std::vector<std::int32_t>& extra_ids)
    : device_(compute_device()),
      positions_(positions),
      epsilon_(given.config.rms_norm_eps),
      dtypes_(generation_dtypes(given, compute)) {
    const at::NoGradGuard no_grad;
    embedding_VD_ = given.embedding_VD.detach().to(device_);
    first_norm_D_ = given.layers[0].input_norm_D.detach().to(device_, dtypes_.residual);
    const at::Tensor head_VD =
        given.config.tie_word_embeddings ? embedding_VD_ : given.head_VD.detach().to(device_);
    head_.weights = {head_rows(head_VD, vocab_begin, vocab_end, extra_ids).to(dtypes_.product).contiguous()};
    move_to_huge_pages({&head_.weights[0]});
    const Decoder merged = merged_lora(given);
    for (std::size_t i = 0; i < merged.layers.size(); ++i) {
        layers_.push_back(layer_products(with_layer_on(merged, i, device_), i, dtypes_));
        layers_[i].next_norm = layers_[i].next_norm.detach().to(device_);  // the next layer's
        std::vector<at::Tensor*> weights;
        for (Projections* group : {&layers_[i].qkv, &layers_[i].o, &layers_[i].gate_up, &layers_[i].down})
            for (at::Tensor& weight : group->weights) weights.push_back(&weight);
        move_to_huge_pages(weights);
    }
    if (device_.is_cuda())
        cache_ = make_gpu_kv_cache(given.config, slots, positions, dtypes_.product);
    else
        cache_ = make_kv_cache(given.config, slots, positions, dtypes_.product);
    for (std::int64_t slot = slots; slot-- > 0;) free_slots_.push_back(slot);
}

std::int64_t IncrementalDecoder::take_slot() {
    LINVOX_ASSERT(!free_slots_.empty(), "no free place in the KV cache");
    const std::int64_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
}

void IncrementalDecoder::give_slot(std::int64_t slot) { free_slots_.push_back(slot); }

at::Tensor IncrementalDecoder::attention(std::int64_t index, const at::Tensor& qkv_TW,
                                         const TokenPlaces& places) {
    const LayerProducts& layer = layers_[index];
    if (auto* on_gpu = std::get_if<GpuKvCache>(&cache_))
        return cached_attention(*on_gpu, index, qkv_TW, {layer.q_norm, layer.k_norm, epsilon_}, places);
    const at::Tensor normed_TW = layer.q_norm.defined() ? norm_heads(qkv_TW, layer, epsilon_) : qkv_TW;
    return cached_attention(std::get<KvCache>(cache_), index, normed_TW, places);
}

at::Tensor IncrementalDecoder::run(const std::vector<NewToken>& tokens,
                                   const std::vector<std::int64_t>& rows) {
    const at::NoGradGuard no_grad;
    for (const NewToken& token : tokens)
        LINVOX_ASSERT(token.position < positions_, "position {} of a KV cache of {}", token.position,
                      positions_);
    const PassInputs in = pass_inputs(tokens, rows, device_);
    const at::Tensor embedded = at::embedding(embedding_VD_, in.id_T).to(dtypes_.product);
    auto [x_TD, y_TD] = residual_norm({}, embedded, first_norm_D_, epsilon_, {});
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const LayerProducts& layer = layers_[i];
        const at::Tensor mixed = attention(static_cast<std::int64_t>(i), product(layer.qkv, y_TD), in.places);
        std::tie(x_TD, y_TD) = residual_norm(x_TD, product(layer.o, mixed), layer.post_norm, epsilon_, {});
        const at::Tensor mlp_TD = product(layer.down, swiglu_values(product(layer.gate_up, y_TD)));
        std::tie(x_TD, y_TD) = residual_norm(x_TD, mlp_TD, layer.next_norm, epsilon_, {});
    }
    return host_logits(product(head_, y_TD.index_select(0, in.row_N)));
}

}  // namespace linvox
