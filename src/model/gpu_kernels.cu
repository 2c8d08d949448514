// The kernels of row_kernels.h on CUDA, and rotary positions with the gathering of shared prompts
// (flash_attention.h). A block takes a row; rows are dense; N values are read at once.

constexpr int kNormThreads = 512;  // at most; a thread takes P parts of a row, of N values each

// ---- residual + dropout + norm

template <typename A>
__device__ __forceinline__ A dropout_scale(u32 index, u32 first, u32 second, u32 threshold) {
    u32 h = (index ^ first) * 0x9e3779b1u;
    h ^= h >> 16;
    h = finished((h ^ second) * 0x85ebca6bu);
    return h >= threshold ? static_cast<A>(1.0 / (1.0 - static_cast<double>(threshold) * 0x1.0p-32)) : A(0);
}

template <typename X, typename Y, int N, int P>
__global__ void __launch_bounds__(kNormThreads) norm_forward(const X* x, const Y* branch, const X* weight, X* x_new, Y* y, Wide<X>* inverse_rms,
                             i64 width, double epsilon, u32 first, u32 second, u32 threshold) {
    typedef Wide<X> A;
    const i64 at = static_cast<i64>(blockIdx.x) * width;
    A value[P][N];
    A squares = 0;
#pragma unroll
    for (int p = 0; p < P; ++p) {
        const i64 j = (static_cast<i64>(p) * blockDim.x + threadIdx.x) * N;
        if (j >= width) continue;
        const Pack<Y, N> added = load<N>(branch + at + j);
        Pack<X, N> old, sum;
        if (x) old = load<N>(x + at + j);
#pragma unroll
        for (int n = 0; n < N; ++n) {
            A v = wide(added.at[n]);
            if (threshold) v *= dropout_scale<A>(static_cast<u32>(at + j + n), first, second, threshold);
            if (x) v += wide(old.at[n]);
            sum.at[n] = narrow<X>(v);
            value[p][n] = wide(sum.at[n]);  // what backward will read
            squares += v * v;
        }
        store<N>(x_new + at + j, sum);
    }
    const A mean = block_sum(squares) / static_cast<A>(width);
    const A inverse = A(1) / sqrt(mean + static_cast<A>(epsilon));
    if (threadIdx.x == 0) inverse_rms[blockIdx.x] = inverse;
#pragma unroll
    for (int p = 0; p < P; ++p) {
        const i64 j = (static_cast<i64>(p) * blockDim.x + threadIdx.x) * N;
        if (j >= width) continue;
        const Pack<X, N> scale = load<N>(weight + j);
        Pack<Y, N> out;
#pragma unroll
        for (int n = 0; n < N; ++n) out.at[n] = narrow<Y>(value[p][n] * inverse * wide(scale.at[n]));
        store<N>(y + at + j, out);
    }
}

/// Blocks take every gridDim.x-th row; each writes its sum of the weight's gradient to `partial` [blocks, D].
template <typename X, typename Y, int N, int P>
__global__ void __launch_bounds__(kNormThreads) norm_backward(const X* x_new, const Wide<X>* inverse_rms, const X* weight, const Y* grad_y,
                              const X* grad_x_new, X* grad_x, Y* grad_branch, Wide<X>* partial, i64 rows, i64 width,
                              u32 first, u32 second, u32 threshold) {
    typedef Wide<X> A;
    A scale[P][N], sums[P][N];
#pragma unroll
    for (int p = 0; p < P; ++p) {
        const i64 j = (static_cast<i64>(p) * blockDim.x + threadIdx.x) * N;
#pragma unroll
        for (int n = 0; n < N; ++n) {
            sums[p][n] = 0;
            scale[p][n] = j < width ? wide(weight[j + n]) : A(0);
        }
    }
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        const i64 at = row * width;
        const A inverse = inverse_rms[row];
        A unit[P][N], grad[P][N];
        A products = 0;
#pragma unroll
        for (int p = 0; p < P; ++p) {
            const i64 j = (static_cast<i64>(p) * blockDim.x + threadIdx.x) * N;
            if (j >= width) continue;
            const Pack<X, N> value = load<N>(x_new + at + j);
            const Pack<Y, N> given = load<N>(grad_y + at + j);
#pragma unroll
            for (int n = 0; n < N; ++n) {
                unit[p][n] = wide(value.at[n]) * inverse;
                grad[p][n] = wide(given.at[n]);
                const A product = grad[p][n] * unit[p][n];
                sums[p][n] += product;
                products += product * scale[p][n];
            }
        }
        const A mean = block_sum(products) / static_cast<A>(width);
#pragma unroll
        for (int p = 0; p < P; ++p) {
            const i64 j = (static_cast<i64>(p) * blockDim.x + threadIdx.x) * N;
            if (j >= width) continue;
            Pack<X, N> passed, out;
            Pack<Y, N> out_branch;
            if (grad_x_new) passed = load<N>(grad_x_new + at + j);
#pragma unroll
            for (int n = 0; n < N; ++n) {
                A g = (grad[p][n] * scale[p][n] - unit[p][n] * mean) * inverse;
                if (grad_x_new) g += wide(passed.at[n]);
                out.at[n] = narrow<X>(g);
                if (threshold) g *= dropout_scale<A>(static_cast<u32>(at + j + n), first, second, threshold);
                out_branch.at[n] = narrow<Y>(g);
            }
            store<N>(grad_x + at + j, out);
            if (grad_branch) store<N>(grad_branch + at + j, out_branch);
        }
    }
#pragma unroll
    for (int p = 0; p < P; ++p) {
        const i64 j = (static_cast<i64>(p) * blockDim.x + threadIdx.x) * N;
        if (j >= width) continue;
#pragma unroll
        for (int n = 0; n < N; ++n) partial[blockIdx.x * width + j + n] = sums[p][n];
    }
}

// ---- SwiGLU

__device__ __forceinline__ float inverse_of_one_plus_exp(float x) { return 1.0f / (1.0f + __expf(x)); }
__device__ __forceinline__ double inverse_of_one_plus_exp(double x) { return 1.0 / (1.0 + exp(x)); }

template <typename T, int N>
__global__ void swiglu_forward(const T* gate_up, T* out, i64 width) {
    typedef Wide<T> A;
    const T* gates = gate_up + static_cast<i64>(blockIdx.x) * 2 * width;
    T* to = out + static_cast<i64>(blockIdx.x) * width;
    for (i64 j = static_cast<i64>(threadIdx.x) * N; j < width; j += static_cast<i64>(blockDim.x) * N) {
        const Pack<T, N> gate = load<N>(gates + j), up = load<N>(gates + width + j);
        Pack<T, N> result;
#pragma unroll
        for (int n = 0; n < N; ++n) {
            const A g = wide(gate.at[n]);
            result.at[n] = narrow<T>(g * inverse_of_one_plus_exp(-g) * wide(up.at[n]));
        }
        store<N>(to + j, result);
    }
}

/// `out`, where it is not null, is filled with the values of forward too.
template <typename T, int N>
__global__ void swiglu_backward(const T* gate_up, const T* grad_out, T* grad_gate_up, T* out, i64 width) {
    typedef Wide<T> A;
    const i64 row = blockIdx.x;
    const T* gates = gate_up + row * 2 * width;
    T* grads = grad_gate_up + row * 2 * width;
    for (i64 j = static_cast<i64>(threadIdx.x) * N; j < width; j += static_cast<i64>(blockDim.x) * N) {
        const Pack<T, N> gate = load<N>(gates + j), up = load<N>(gates + width + j),
                         given = load<N>(grad_out + row * width + j);
        Pack<T, N> grad_gate, grad_up, result;
#pragma unroll
        for (int n = 0; n < N; ++n) {
            const A g = wide(gate.at[n]), u = wide(up.at[n]), grad = wide(given.at[n]);
            const A sigmoid = inverse_of_one_plus_exp(-g);
            grad_gate.at[n] = narrow<T>(grad * u * sigmoid * (g * (A(1) - sigmoid) + A(1)));
            grad_up.at[n] = narrow<T>(grad * g * sigmoid);
            result.at[n] = narrow<T>(g * sigmoid * u);
        }
        store<N>(grads + j, grad_gate);
        store<N>(grads + width + j, grad_up);
        if (out) store<N>(out + row * width + j, result);
    }
}

// ---- rotary positions; rows of keys and values gathered

/// Pairs (j, j + half) of a head, N pairs at once, turned by a position's angles; `back` turns the other way.
template <typename T, int N>
__device__ __forceinline__ void turn(const float (&a)[N], const float (&b)[N], const float* c, const float* s,
                                     float back, T* to, int half) {
    Pack<T, N> first, second;
    const Pack<float, N> cosine = load<N>(c), sine = load<N>(s);
#pragma unroll
    for (int n = 0; n < N; ++n) {
        first.at[n] = narrow<T>(a[n] * cosine.at[n] - back * b[n] * sine.at[n]);
        second.at[n] = narrow<T>(b[n] * cosine.at[n] + back * a[n] * sine.at[n]);
    }
    store<N>(to, first);
    store<N>(to + half, second);
}

template <typename T, int N>
__device__ __forceinline__ void widen(const T* from, float (&values)[N]) {
    const Pack<T, N> given = load<N>(from);
#pragma unroll
    for (int n = 0; n < N; ++n) values[n] = wide(given.at[n]);
}

/// Blocks [0, tokens) turn the queries of a row, the others copy the keys (turned) and values of row
/// key_row[block - tokens].
template <typename T, int N>
__global__ void rotate_gather(const T* qkv, const i64* position, const float* cosine, const float* sine,
                              const i64* key_row, T* q, T* k, T* v, i64 tokens, int heads, int kv_heads,
                              int head_dim) {
    const int half = head_dim / 2, packs = half / N, width = (heads + 2 * kv_heads) * head_dim;
    const bool query = blockIdx.x < tokens;
    const i64 key = static_cast<i64>(blockIdx.x) - tokens;
    const i64 row = query ? static_cast<i64>(blockIdx.x) : key_row[key];
    const int count = query ? heads : kv_heads;
    const T* from = qkv + row * width + (query ? 0 : heads * head_dim);
    T* to = query ? q + row * heads * head_dim : k + key * kv_heads * head_dim;
    const float *c = cosine + position[row] * half, *s = sine + position[row] * half;
    for (int i = threadIdx.x; i < count * packs; i += blockDim.x) {
        const int j = i % packs * N, at = i / packs * head_dim + j;
        float a[N], b[N];
        widen<T, N>(from + at, a);
        widen<T, N>(from + at + half, b);
        turn<T, N>(a, b, c + j, s + j, 1.0f, to + at, half);
    }
    if (query) return;
    const T* values = from + kv_heads * head_dim;
    T* copy = v + key * kv_heads * head_dim;
    for (int i = threadIdx.x; i < 2 * kv_heads * packs; i += blockDim.x)
        store<N>(copy + i * N, load<N>(values + i * N));
}

/// The gradients of a row's queries, keys and values, turned back; the copies of a row, key rows
/// copy[copy_begin[row]] .. copy[copy_begin[row + 1] - 1], add up in that order.
template <typename T, int N>
__global__ void rotate_gather_backward(const T* grad_q, const T* grad_k, const T* grad_v, const i64* position,
                                       const float* cosine, const float* sine, const i64* copy_begin,
                                       const i64* copy, T* grad_qkv, int heads, int kv_heads, int head_dim) {
    const int half = head_dim / 2, packs = half / N, width = (heads + 2 * kv_heads) * head_dim;
    const i64 row = blockIdx.x, begin = copy_begin[row], end = copy_begin[row + 1];
    const float *c = cosine + position[row] * half, *s = sine + position[row] * half;
    T* to = grad_qkv + row * width;
    for (int i = threadIdx.x; i < heads * packs; i += blockDim.x) {
        const int j = i % packs * N, at = i / packs * head_dim + j;
        float a[N], b[N];
        widen<T, N>(grad_q + row * heads * head_dim + at, a);
        widen<T, N>(grad_q + row * heads * head_dim + at + half, b);
        turn<T, N>(a, b, c + j, s + j, -1.0f, to + at, half);
    }
    to += heads * head_dim;
    const int kv_width = kv_heads * head_dim;
    for (int i = threadIdx.x; i < kv_heads * packs; i += blockDim.x) {
        const int j = i % packs * N, at = i / packs * head_dim + j;
        float a[N] = {}, b[N] = {}, value_a[N] = {}, value_b[N] = {}, part[N];
        for (i64 n = begin; n < end; ++n) {
            const i64 of = copy[n] * kv_width + at;
            const auto add = [&](const T* from, float (&sum)[N]) {
                widen<T, N>(from, part);
                for (int m = 0; m < N; ++m) sum[m] += part[m];
            };
            add(grad_k + of, a);
            add(grad_k + of + half, b);
            add(grad_v + of, value_a);
            add(grad_v + of + half, value_b);
        }
        turn<T, N>(a, b, c + j, s + j, -1.0f, to + at, half);
        Pack<T, N> first, second;
        for (int m = 0; m < N; ++m) {
            first.at[m] = narrow<T>(value_a[m]);
            second.at[m] = narrow<T>(value_b[m]);
        }
        store<N>(to + kv_width + at, first);
        store<N>(to + kv_width + at + half, second);
    }
}

// ---- log-probability of a label

__device__ __forceinline__ float exp_of(bf16, float x) { return __expf(x); }
__device__ __forceinline__ float exp_of(float, float x) { return expf(x); }
__device__ __forceinline__ double exp_of(double, double x) { return exp(x); }

/// A label outside [0, width) gives 0.
template <typename L, int N>
__global__ void pick_forward(const L* logits, i64 stride, i64 width, const i64* label, Wide<L>* logprob,
                             Wide<L>* log_sum_exp) {
    typedef Wide<L> A;
    const L* row = logits + static_cast<i64>(blockIdx.x) * stride;
    A most = -1e30f, sum = 0;
    for (i64 j = static_cast<i64>(threadIdx.x) * N; j < width; j += static_cast<i64>(blockDim.x) * N) {
        const Pack<L, N> values = load<N>(row + j);
        A here = wide(values.at[0]);
#pragma unroll
        for (int n = 1; n < N; ++n) here = max(here, wide(values.at[n]));
        if (here > most) {
            sum *= exp_of(L(), most - here);
            most = here;
        }
#pragma unroll
        for (int n = 0; n < N; ++n) sum += exp_of(L(), wide(values.at[n]) - most);
    }
    __shared__ A of_warp[32];
    A best = most;
    for (int step = 16; step > 0; step >>= 1) best = max(best, __shfl_xor_sync(0xffffffffu, best, step));
    if ((threadIdx.x & 31) == 0) of_warp[threadIdx.x >> 5] = best;
    __syncthreads();
    for (int w = 0; w < static_cast<int>(blockDim.x >> 5); ++w) best = max(best, of_warp[w]);
    const A total = block_sum(sum * exp_of(L(), most - best));
    if (threadIdx.x != 0) return;
    const A log_sum = best + log(total);
    const i64 at = label[blockIdx.x];
    log_sum_exp[blockIdx.x] = log_sum;
    logprob[blockIdx.x] = at < 0 || at >= width ? A(0) : wide(row[at]) - log_sum;
}

/// grad * (one_hot - probability); `to` [rows, width] may be `logits` itself where stride is width.
template <typename L, int N>
__global__ void pick_backward(const L* logits, i64 stride, i64 width, const i64* label, const Wide<L>* log_sum_exp,
                              const Wide<L>* grad_logprob, L* to) {
    typedef Wide<L> A;
    const i64 row = blockIdx.x, at = label[row];
    const A log_sum = log_sum_exp[row], grad = grad_logprob[row];
    for (i64 j = static_cast<i64>(threadIdx.x) * N; j < width; j += static_cast<i64>(blockDim.x) * N) {
        Pack<L, N> values = load<N>(logits + row * stride + j);
#pragma unroll
        for (int n = 0; n < N; ++n) {
            const A hot = j + n == at ? A(1) : A(0);
            values.at[n] = narrow<L>(grad * (hot - exp_of(L(), wide(values.at[n]) - log_sum)));
        }
        store<N>(to + row * width + j, values);
    }
}
