#include "src/generate/kv_cache.h"

#include <ATen/ops/empty.h>

#include <cmath>

#include "src/model/parallel_ranges.h"
#include "src/model/rope.h"
#include "src/model/simd.h"

namespace linvox {
namespace {

constexpr std::int64_t kBlock = KvCache::kBlock;
static_assert(kBlock == kLanes<float>);

/// One token and one key head. T is float or c10::BFloat16.
template <typename T>
struct HeadJob {
    std::int64_t shared = 0, head_dim = 0, value_width = 0, position = 0;
    const T* queries = nullptr;  // [shared, head_dim], not rotated
    const T *key = nullptr, *value = nullptr;
    const float *cosine = nullptr, *sine = nullptr;  // of the token's position
    T *keys = nullptr, *values = nullptr;            // the slot's cache of this head
    T* out = nullptr;                                // [shared, head_dim]
    float* scores = nullptr;                         // room for position + 64
    float* query = nullptr;                          // room for head_dim + 16
};

template <typename T>
LINVOX_INLINE void rotate(const T* from, const HeadJob<T>& job, float scale, float* to) {
    const std::int64_t half = job.head_dim / 2;
    for (std::int64_t j = 0; j < half; j += kBlock) {
        const Vec<float> c = load(job.cosine + j, half - j), s = load(job.sine + j, half - j);
        const Vec<float> first = load(from + j, half - j) * scale,
                         second = load(from + half + j, half - j) * scale;
        store(to + j, first * c - second * s, half - j);
        store(to + half + j, second * c + first * s, half - j);
    }
}

template <typename T>
struct StoreToken {
    template <typename Tile>
    LINVOX_INLINE static void run(const HeadJob<T>* job) {
        rotate(job->key, *job, 1.0f, job->query);
        T* column = job->keys + job->position / kBlock * kBlock * job->head_dim + job->position % kBlock;
        for (std::int64_t j = 0; j < job->head_dim; ++j) column[j * kBlock] = static_cast<T>(job->query[j]);
        T* value = job->values + job->position * job->value_width;
        for (std::int64_t j = 0; j < job->value_width; j += kBlock)
            store(value + j, load(job->value + j, job->head_dim - j < 0 ? 0 : job->head_dim - j));
    }
};

template <int blocks, typename T>
LINVOX_INLINE void score_blocks(const float* query, std::int64_t head_dim, const T* keys, float* scores) {
    Vec<float> sums[blocks]{};
    for (std::int64_t d = 0; d < head_dim; ++d) {
        const Vec<float> q = splat(query[d]);
#pragma GCC unroll 8
        for (int b = 0; b < blocks; ++b) sums[b] += q * load(keys + (b * head_dim + d) * kBlock);
    }
#pragma GCC unroll 8
    for (int b = 0; b < blocks; ++b) store(scores + b * kBlock, sums[b]);
}

/// Turns the first `count` scores into weights; returns one over their sum.
LINVOX_INLINE float soften(float* scores, std::int64_t count) {
    float maximum = scores[0];
    Vec<float> best = splat(maximum);
    const std::int64_t whole = count / kBlock * kBlock;
    for (std::int64_t p = 0; p < whole; p += kBlock) best = max_of<float>(best, load(scores + p));
    maximum = max_lane<float>(best);
    for (std::int64_t p = whole; p < count; ++p) maximum = scores[p] > maximum ? scores[p] : maximum;
    Vec<float> sums{};
    for (std::int64_t p = 0; p < count; p += kBlock) {
        store(scores + p, exp_of(load(scores + p, count - p) - maximum), count - p);
        sums += load(scores + p, count - p);
    }
    return 1.0f / sum_lanes<float>(sums);
}

/// out[16 vectors] = sum of weight times value row, two rows at a time to keep the adders busy.
template <int vectors, typename T>
LINVOX_INLINE void mix_values(const float* weights, std::int64_t count, const T* values, std::int64_t width,
                              float inverse, T* out, std::int64_t room) {
    Vec<float> even[vectors]{}, odd[vectors]{};
    std::int64_t p = 0;
    for (; p + 1 < count; p += 2) {
        const Vec<float> first = splat(weights[p]), second = splat(weights[p + 1]);
        const T* row = values + p * width;
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) {
            even[v] += first * load(row + v * kBlock);
            odd[v] += second * load(row + width + v * kBlock);
        }
    }
    if (p < count)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v)
            even[v] += splat(weights[p]) * load(values + p * width + v * kBlock);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v)
        if (v * kBlock < room) store(out + v * kBlock, (even[v] + odd[v]) * inverse, room - v * kBlock);
}

template <typename T>
struct Attend {
    template <typename Tile>
    LINVOX_INLINE static void run(const HeadJob<T>* job) {
        const std::int64_t count = job->position + 1, blocks = (count + kBlock - 1) / kBlock;
        const float scale = 1.0f / std::sqrt(static_cast<float>(job->head_dim));
        for (std::int64_t head = 0; head < job->shared; ++head) {
            rotate(job->queries + head * job->head_dim, *job, scale, job->query);
            std::int64_t b = 0;
            for (; b + 4 <= blocks; b += 4)
                score_blocks<4>(job->query, job->head_dim, job->keys + b * kBlock * job->head_dim,
                                job->scores + b * kBlock);
            for (; b < blocks; ++b)
                score_blocks<1>(job->query, job->head_dim, job->keys + b * kBlock * job->head_dim,
                                job->scores + b * kBlock);
            const float inverse = soften(job->scores, count);
            T* out = job->out + head * job->head_dim;
            std::int64_t j = 0;
            for (; j + 64 <= job->value_width; j += 64)
                mix_values<4>(job->scores, count, job->values + j, job->value_width, inverse, out + j,
                              job->head_dim - j);
            for (; j < job->value_width; j += kBlock)
                mix_values<1>(job->scores, count, job->values + j, job->value_width, inverse, out + j,
                              job->head_dim - j);
        }
    }
};

template <typename T>
class Layer {
public:
    Layer(KvCache& cache, std::int64_t layer, const at::Tensor& qkv, const at::Tensor& out,
          const TokenPlaces& places)
        : cache_(cache),
          keys_(cache.keys[layer].mutable_data_ptr<T>()),
          values_(cache.values[layer].mutable_data_ptr<T>()),
          qkv_(qkv.const_data_ptr<T>()),
          out_(out.mutable_data_ptr<T>()),
          slot_(places.slot_T.const_data_ptr<std::int64_t>()),
          position_(places.position_T.const_data_ptr<std::int64_t>()) {}

    HeadJob<T> job(std::int64_t token, std::int64_t kv_head, float* room) const {
        const std::int64_t E = cache_.head_dim, half = E / 2, position = position_[token];
        const T* row = qkv_ + token * (cache_.heads + 2 * cache_.kv_heads) * E;
        const std::int64_t plane = slot_[token] * cache_.kv_heads + kv_head;
        HeadJob<T> job{cache_.heads / cache_.kv_heads, E, cache_.value_width, position};
        job.queries = row + kv_head * job.shared * E;
        job.key = row + (cache_.heads + kv_head) * E;
        job.value = row + (cache_.heads + cache_.kv_heads + kv_head) * E;
        job.cosine = cache_.cosine.template const_data_ptr<float>() + position * half;
        job.sine = cache_.sine.template const_data_ptr<float>() + position * half;
        job.keys = keys_ + plane * cache_.key_stride();
        job.values = values_ + plane * cache_.value_stride();
        job.out = out_ + token * cache_.heads * E + kv_head * job.shared * E;
        job.query = room;
        job.scores = room + round_up(E, kBlock) + kBlock;
        return job;
    }
    std::size_t room() const {
        return static_cast<std::size_t>(round_up(cache_.head_dim, kBlock) + kBlock + cache_.capacity +
                                        4 * kBlock);
    }

private:
    const KvCache& cache_;
    T *keys_, *values_;
    const T* qkv_;
    T* out_;
    const std::int64_t *slot_, *position_;  // of the tokens
};

template <typename T>
void run_layer(KvCache& cache, std::int64_t index, const at::Tensor& qkv, const at::Tensor& out,
               const TokenPlaces& places) {
    const Layer<T> layer(cache, index, qkv, out, places);
    const std::int64_t tokens = qkv.size(0);
    // All tokens first: later ones of a slot must find the keys of earlier ones.
    parallel_ranges(tokens, 16, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> room(layer.room());
        for (std::int64_t token = begin; token < end; ++token)
            for (std::int64_t head = 0; head < cache.kv_heads; ++head) {
                const HeadJob<T> job = layer.job(token, head, room.data());
                dispatch<StoreToken<T>>(&job);
            }
    });
    parallel_ranges(tokens * cache.kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> room(layer.room());
        for (std::int64_t item = begin; item < end; ++item) {
            const std::int64_t token = item / cache.kv_heads;
            const HeadJob<T> job = layer.job(token, item % cache.kv_heads, room.data());
            dispatch<Attend<T>>(&job);
        }
    });
}

}  // namespace

KvCache make_kv_cache(const ModelConfig& config, std::int64_t slots, std::int64_t positions,
                      at::ScalarType dtype) {
    KvCache cache;
    cache.heads = config.num_heads;
    cache.kv_heads = config.num_kv_heads;
    cache.head_dim = config.head_dim;
    cache.value_width = round_up(config.head_dim, kBlock);
    cache.slots = slots;
    cache.capacity = round_up(positions, kBlock);
    const auto options = at::TensorOptions().dtype(dtype);
    for (std::int64_t i = 0; i < config.num_layers; ++i) {
        cache.keys.push_back(at::empty({slots, config.num_kv_heads, cache.key_stride()}, options));
        cache.values.push_back(at::empty({slots, config.num_kv_heads, cache.value_stride()}, options));
    }
    std::tie(cache.cosine, cache.sine) = rope_tables(config, cache.capacity, at::kFloat);
    return cache;
}

at::Tensor cached_attention(KvCache& cache, std::int64_t layer, const at::Tensor& qkv_TW,
                            const TokenPlaces& places) {
    at::Tensor out = at::empty({qkv_TW.size(0), cache.heads * cache.head_dim}, qkv_TW.options());
    const at::Tensor qkv = qkv_TW.contiguous();
    if (qkv.scalar_type() == at::kBFloat16)
        run_layer<at::BFloat16>(cache, layer, qkv, out, places);
    else
        run_layer<float>(cache, layer, qkv, out, places);
    return out;
}

}  // namespace linvox
