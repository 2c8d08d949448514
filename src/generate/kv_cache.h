// Keys and values of the sequences in flight, for CPU decoding, in places (slots) that the decoder hands out
// and takes back as sequences come and go. Memory is touched only as far as a slot has been filled. For a
// GPU: gpu_kv_cache.h.
//
// Layout per layer and slot, for products of attention without horizontal sums:
//   keys    [key head][position / 16][head_dim][16 positions]
//   values  [key head][position][head_dim rounded up to 16]
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "src/model/model_config.h"

namespace linvox {

struct KvCache {
    static constexpr std::int64_t kBlock = 16;  // positions side by side

    std::int64_t heads = 0, kv_heads = 0, head_dim = 0, value_width = 0;
    std::int64_t slots = 0, capacity = 0;  // capacity: positions of a slot, a multiple of kBlock
    std::vector<at::Tensor> keys, values;  // per layer [slots, kv_heads, capacity * ...]
    at::Tensor cosine, sine;               // float32 [capacity, head_dim / 2]

    std::int64_t key_stride() const { return capacity * head_dim; }  // of one key head
    std::int64_t value_stride() const { return capacity * value_width; }
};

/// dtype: float32 or bfloat16.
KvCache make_kv_cache(const ModelConfig& config, std::int64_t slots, std::int64_t positions,
                      at::ScalarType dtype);

/// Of the new tokens: the slots they belong to and their positions there, int64 [T].
struct TokenPlaces {
    at::Tensor slot_T, position_T;
};

/// Stores the keys and values of the new tokens of one layer, then lets each token's queries attend to its
/// slot up to its own position. qkv_TW holds queries, keys and values before rotation; gives [T, Q].
at::Tensor cached_attention(KvCache& cache, std::int64_t layer, const at::Tensor& qkv_TW,
                            const TokenPlaces& places);

}  // namespace linvox
