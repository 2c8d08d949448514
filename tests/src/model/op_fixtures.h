// Inputs for the tests of a decoder's operations.
#pragma once

#include <ATen/ops/empty.h>

#include <memory>
#include <vector>

#include "src/base/rng.h"
#include "src/model/flash_attention.h"
#include "src/model/layer_ops.h"
#include "src/model/rope.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {

using TensorList = std::vector<at::Tensor>;

inline at::Tensor noise(at::IntArrayRef shape, at::ScalarType dtype, std::uint64_t seed) {
    Rng rng(seed);
    at::Tensor values = at::empty(shape, at::kDouble);
    double* first = values.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < values.numel(); ++i) first[i] = rng.normal();
    return values.to(dtype);
}

/// For products of a dtype; with gathered keys where flash attention takes them.
inline std::shared_ptr<const AttentionPlan> plan_of(const PackedBatch& batch, std::int64_t heads,
                                                    std::int64_t kv_heads, std::int64_t head_dim,
                                                    at::Device device, at::ScalarType product) {
    ModelConfig config;
    config.head_dim = head_dim;
    auto plan = std::make_shared<AttentionPlan>();
    plan->heads = heads;
    plan->kv_heads = kv_heads;
    plan->head_dim = head_dim;
    plan->segments = batch.segments;
    plan->groups = attention_groups(batch.segments, batch.tokens());
    plan->position_T = batch.position_T.to(device);
    const auto [cosine, sine] = rope_tables(config, 512, product == at::kDouble ? at::kDouble : at::kFloat);
    plan->cosine_PH = cosine.to(device);
    plan->sine_PH = sine.to(device);
    if (has_flash_attention(device, product, head_dim))
        plan->gathering = gather_keys(batch.segments, batch.tokens(), device);
    return plan;
}

}  // namespace linvox
