// Keys and values of the sequences in flight on a CUDA GPU, in places (slots) as in kv_cache.h, and the
// attention of new tokens over them: two kernels a layer (gpu_decode.cu), whatever the lengths of the
// sequences. What a token gets does not depend on its neighbours in the batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "src/generate/kv_cache.h"
#include "src/model/model_config.h"

namespace linvox {

struct GpuKvCache {
    std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
    std::int64_t width = 0;     // head_dim rounded up to the values that a thread reads at once; zeros there
    std::int64_t capacity = 0;  // positions of a slot
    std::vector<at::Tensor> keys, values;  // per layer [slots, capacity, kv_heads, width]
    at::Tensor cosine, sine;               // float32 [capacity, head_dim / 2]
};

/// On the first GPU. dtype: float32 or bfloat16. UserError for a head_dim above 256.
GpuKvCache make_gpu_kv_cache(const ModelConfig& config, std::int64_t slots, std::int64_t positions,
                             at::ScalarType dtype);

/// The weights [head_dim] by which queries and keys are normed head by head before rotation; undefined: they
/// are not.
struct HeadNorms {
    at::Tensor q_norm_H, k_norm_H;
    double epsilon = 1e-6;
};

/// As cached_attention of kv_cache.h, of queries and keys that are not yet normed. Places lie on the GPU.
at::Tensor cached_attention(GpuKvCache& cache, std::int64_t layer, const at::Tensor& qkv_TW,
                            const HeadNorms& norms, const TokenPlaces& places);

}  // namespace linvox
