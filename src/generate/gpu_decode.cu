// Attention of new tokens over the cache of gpu_kv_cache.h. A group of G lanes (a power of 2) holds a head, kPart
// values a lane; G * kPart >= head_dim. Rows of the cache are `width` values, 0 from head_dim on.

constexpr int kPart = 8;
constexpr int kThreads = 128;      // of attend; of store_tokens at most
constexpr float kNone = -1e30f;    // below any score
constexpr float kHidden = -2e30f;  // weighs 0 beside kNone too

template <int G>
__device__ __forceinline__ float group_sum(float value) {
#pragma unroll
    for (int step = G / 2; step > 0; step >>= 1) value += __shfl_xor_sync(0xffffffffu, value, step);
    return value;
}

/// A lane's part of a query or key: normed by itself where `norm` [head_dim] is not null, then turned by the
/// angles of its position [head_dim / 2]. All lanes of a warp must come here together.
template <typename T, int G>
__device__ __forceinline__ void normed_and_turned(const T* head, const T* norm, float epsilon, const float* cosine,
                                                  const float* sine, int head_dim, int lane, float (&out)[kPart]) {
    const int half = head_dim / 2;
    float pair[kPart], squares = 0;
#pragma unroll
    for (int n = 0; n < kPart; ++n) {
        const int d = lane * kPart + n;
        const bool inside = d < head_dim;
        out[n] = inside ? wide(head[d]) : 0.0f;
        pair[n] = inside ? wide(head[d < half ? d + half : d - half]) : 0.0f;
        squares += out[n] * out[n];
    }
    const float inverse =
        norm ? 1.0f / sqrtf(group_sum<G>(squares) / static_cast<float>(head_dim) + epsilon) : 1.0f;
#pragma unroll
    for (int n = 0; n < kPart; ++n) {
        const int d = lane * kPart + n;
        if (d >= head_dim) continue;
        const int j = d < half ? d : d - half, other = d < half ? d + half : d - half;
        const float own_scale = norm ? inverse * wide(norm[d]) : 1.0f;
        const float pair_scale = norm ? inverse * wide(norm[other]) : 1.0f;
        const float turned = pair[n] * pair_scale * sine[j];
        out[n] = out[n] * own_scale * cosine[j] + (d < half ? -turned : turned);
    }
}

/// Keys, normed and turned, and values of the new tokens, one a block, to their places. Rows of qkv hold
/// queries, keys and values.
template <typename T, int G>
__global__ void __launch_bounds__(kThreads)
    store_tokens(const T* qkv, const i64* slot, const i64* position, const float* cosine, const float* sine,
                 const T* k_norm, float epsilon, T* keys, T* values, i64 capacity, int heads, int kv_heads,
                 int head_dim, int width) {
    const i64 token = blockIdx.x, at = position[token];
    const T* row = qkv + token * (heads + 2 * kv_heads) * head_dim;
    const int lane = threadIdx.x % G, groups = blockDim.x / G;
    for (int first = 0; first < kv_heads; first += groups) {
        const int wanted = first + static_cast<int>(threadIdx.x) / G;
        const int head = min(wanted, kv_heads - 1);  // those left over come along for the sums
        const T *key = row + (heads + head) * head_dim, *value = key + kv_heads * head_dim;
        float turned[kPart];
        normed_and_turned<T, G>(key, k_norm, epsilon, cosine + at * (head_dim / 2), sine + at * (head_dim / 2),
                                head_dim, lane, turned);
        if (wanted >= kv_heads || lane * kPart >= width) continue;
        Pack<T, kPart> key_part, value_part;
#pragma unroll
        for (int n = 0; n < kPart; ++n) {
            const int d = lane * kPart + n;
            key_part.at[n] = narrow<T>(turned[n]);
            value_part.at[n] = d < head_dim ? value[d] : narrow<T>(0.0f);
        }
        const i64 to = ((slot[token] * capacity + at) * kv_heads + head) * width + lane * kPart;
        store<kPart>(keys + to, key_part);
        store<kPart>(values + to, value_part);
    }
}

/// A softmax under way: `mixed` and `sum` count relative to 2^most.
struct Softened {
    float most, sum, mixed[kPart];

    __device__ __forceinline__ void rescale(float to) {
        const float scale = exp2f(most - to);
        sum *= scale;
#pragma unroll
        for (int n = 0; n < kPart; ++n) mixed[n] *= scale;
        most = to;
    }
};

/// Takes in what the warp's other groups have.
template <int G>
__device__ __forceinline__ void merge_groups(Softened& mine) {
#pragma unroll
    for (int step = G; step < 32; step <<= 1) {
        mine.rescale(max(mine.most, __shfl_xor_sync(0xffffffffu, mine.most, step)));
        mine.sum += __shfl_xor_sync(0xffffffffu, mine.sum, step);
#pragma unroll
        for (int n = 0; n < kPart; ++n) mine.mixed[n] += __shfl_xor_sync(0xffffffffu, mine.mixed[n], step);
    }
}

/// One token and query head a block: its groups share out the positions up to the token's own. `scale` is
/// log2(e) / sqrt(head_dim), as weights are powers of 2 here. out [tokens, heads, head_dim].
template <typename T, int G>
__global__ void __launch_bounds__(kThreads)
    attend(const T* qkv, const i64* slot, const i64* position, const float* cosine, const float* sine,
           const T* q_norm, float epsilon, const T* keys, const T* values, T* out, i64 capacity, int heads,
           int kv_heads, int head_dim, int width, float scale) {
    constexpr int kGroups = kThreads / G, kWarps = kThreads / 32;
    constexpr int kAhead = 8 / sizeof(T);  // positions whose loads are under way together
    const i64 token = blockIdx.x / heads, at = position[token], count = at + 1;
    const int head = blockIdx.x % heads, lane = threadIdx.x % G, group = threadIdx.x / G;
    float query[kPart];
    normed_and_turned<T, G>(qkv + (token * (heads + 2 * kv_heads) + head) * head_dim, q_norm, epsilon,
                            cosine + at * (head_dim / 2), sine + at * (head_dim / 2), head_dim, lane, query);
#pragma unroll
    for (int n = 0; n < kPart; ++n) query[n] *= scale;

    const int part = lane * kPart < width ? lane * kPart : 0;  // beyond: any values, times queries of 0
    const i64 row = static_cast<i64>(kv_heads) * width;
    const i64 first = slot[token] * capacity * row + head / (heads / kv_heads) * width + part;
    Softened soft{kNone, 0.0f, {}};
    for (i64 begin = 0; begin < count; begin += kGroups * kAhead) {
        Pack<T, kPart> key[kAhead], value[kAhead];
#pragma unroll
        for (int a = 0; a < kAhead; ++a) {
            const i64 from = first + min(begin + a * kGroups + group, at) * row;
            key[a] = load<kPart>(keys + from);
            value[a] = load<kPart>(values + from);
        }
        float score[kAhead], most = soft.most;
#pragma unroll
        for (int a = 0; a < kAhead; ++a) {
            float product = 0;
#pragma unroll
            for (int n = 0; n < kPart; ++n) product += query[n] * wide(key[a].at[n]);
            product = group_sum<G>(product);
            score[a] = begin + a * kGroups + group < count ? product : kHidden;
            most = max(most, score[a]);
        }
        soft.rescale(most);
#pragma unroll
        for (int a = 0; a < kAhead; ++a) {
            const float weight = exp2f(score[a] - most);
            soft.sum += weight;
#pragma unroll
            for (int n = 0; n < kPart; ++n) soft.mixed[n] += weight * wide(value[a].at[n]);
        }
    }

    merge_groups<G>(soft);
    __shared__ float most[kWarps], sum[kWarps], mixed[kWarps][G * kPart];
    const int warp = threadIdx.x / 32;
    if (threadIdx.x % 32 == 0) {
        most[warp] = soft.most;
        sum[warp] = soft.sum;
    }
    if (threadIdx.x % 32 < G)
#pragma unroll
        for (int n = 0; n < kPart; ++n) mixed[warp][lane * kPart + n] = soft.mixed[n];
    __syncthreads();
    float best = most[0], total = 0, share[kWarps];
    for (int w = 1; w < kWarps; ++w) best = max(best, most[w]);
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
        share[w] = exp2f(most[w] - best);
        total += share[w] * sum[w];
    }
    for (int d = threadIdx.x; d < head_dim; d += kThreads) {
        float value = 0;
#pragma unroll
        for (int w = 0; w < kWarps; ++w) value += share[w] * mixed[w][d];
        out[(token * heads + head) * head_dim + d] = narrow<T>(value / total);
    }
}
