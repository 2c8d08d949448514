#include "src/generate/gpu_kv_cache.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "src/base/error.h"
#include "src/model/device.h"
#include "src/model/gpu_types.h"
#include "src/model/rope.h"

namespace linvox {

extern const char* const gpu_decode_source;  // gpu_decode.cu

namespace {

constexpr std::int64_t kHeadPart = 8;         // kPart of gpu_decode.cu
constexpr std::int64_t kLanesOfWarp = 32;     // a head has no more
constexpr std::int64_t kAttendThreads = 128;  // kThreads there

const GpuModule& decode_kernels() {
    static const GpuModule module(gpu_decode_source);
    return module;
}

/// Lanes that hold a head together.
std::int64_t lanes_of_head(const GpuKvCache& cache) {
    return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(cache.width / kHeadPart)));
}

}  // namespace

GpuKvCache make_gpu_kv_cache(const ModelConfig& config, std::int64_t slots, std::int64_t positions,
                             at::ScalarType dtype) {
    LINVOX_REQUIRE(
        config.head_dim <= kHeadPart * kLanesOfWarp, UserError,
        "generation on a GPU takes a head_dim of at most {}, the model has {}; generate on the CPU "
        "(--device cpu)",
        kHeadPart * kLanesOfWarp, config.head_dim);
    GpuKvCache cache;
    cache.heads = config.num_heads;
    cache.kv_heads = config.num_kv_heads;
    cache.head_dim = config.head_dim;
    cache.width = (config.head_dim + kHeadPart - 1) / kHeadPart * kHeadPart;
    cache.capacity = positions;
    const at::Device device(at::kCUDA, 0);
    const auto room = [&] {
        return at::empty({slots, positions, cache.kv_heads, cache.width},
                         at::TensorOptions(device).dtype(dtype));
    };
    for (std::int64_t i = 0; i < config.num_layers; ++i) {
        cache.keys.push_back(room());
        cache.values.push_back(room());
    }
    const auto [cosine, sine] = rope_tables(config, positions, at::kFloat);
    cache.cosine = on_device(cosine, device);
    cache.sine = on_device(sine, device);
    return cache;
}

at::Tensor cached_attention(GpuKvCache& cache, std::int64_t layer, const at::Tensor& given_TW,
                            const HeadNorms& norms, const TokenPlaces& places) {
    const at::Tensor qkv_TW = given_TW.contiguous();
    const at::Tensor &keys = cache.keys[layer], &values = cache.values[layer];
    const std::int64_t tokens = qkv_TW.size(0), lanes = lanes_of_head(cache);
    const auto heads = static_cast<int>(cache.heads), kv_heads = static_cast<int>(cache.kv_heads),
               head_dim = static_cast<int>(cache.head_dim), width = static_cast<int>(cache.width);
    const auto epsilon = static_cast<float>(norms.epsilon);
    const std::string instance = fmt::format("<{}, {}>", gpu_type(qkv_TW), lanes);
    const std::int64_t warps = (cache.kv_heads * lanes + kLanesOfWarp - 1) / kLanesOfWarp;
    decode_kernels().launch("store_tokens" + instance, tokens,
                            static_cast<unsigned>(std::min(warps * kLanesOfWarp, kAttendThreads)),
                            gpu_pointer(qkv_TW), gpu_pointer(places.slot_T), gpu_pointer(places.position_T),
                            gpu_pointer(cache.cosine), gpu_pointer(cache.sine), gpu_pointer(norms.k_norm_H),
                            epsilon, gpu_pointer(keys), gpu_pointer(values), cache.capacity, heads, kv_heads,
                            head_dim, width);

    const at::Tensor out_TQ = at::empty({tokens, cache.heads * cache.head_dim}, qkv_TW.options());
    const float scale = std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(cache.head_dim));
    decode_kernels().launch("attend" + instance, tokens * cache.heads, static_cast<unsigned>(kAttendThreads),
                            gpu_pointer(qkv_TW), gpu_pointer(places.slot_T), gpu_pointer(places.position_T),
                            gpu_pointer(cache.cosine), gpu_pointer(cache.sine), gpu_pointer(norms.q_norm_H),
                            epsilon, gpu_pointer(keys), gpu_pointer(values), gpu_pointer(out_TQ),
                            cache.capacity, heads, kv_heads, head_dim, width, scale);
    return out_TQ;
}

}  // namespace linvox
