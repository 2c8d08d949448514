// The update of moments8.cpp on CUDA: a block takes a block of 256 moments, one a thread. Same codes, same chance.

constexpr int kBlock = 256;
constexpr u32 kShift = 20, kOne = 0x3f800000u >> 20, kWeightNoise = 0x5bd1e995u;

template <u32 top>
__device__ __forceinline__ float magnitude_of(u32 code) {
    return code == 0 ? 0.0f : __uint_as_float((code + (kOne - top)) << kShift);
}

template <u32 top>
__device__ __forceinline__ u32 code_of(float value, u32 noise) {
    const u32 floor = kOne - top;
    const u32 bits = (__float_as_uint(value) + (noise & ((1u << kShift) - 1))) >> kShift;
    if (bits <= floor) return 0;
    return bits - floor > top ? top : bits - floor;
}

__device__ __forceinline__ u32 hashed(u32 index, u32 seed) {
    u32 h = (index * 0x9e3779b1u) ^ seed;
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    return finished(h);
}

__device__ __forceinline__ float block_most(float value) {
    __shared__ float of_warp[kBlock / 32];
    for (int step = 16; step > 0; step >>= 1) value = max(value, __shfl_xor_sync(0xffffffffu, value, step));
    __syncthreads();
    if ((threadIdx.x & 31) == 0) of_warp[threadIdx.x >> 5] = value;
    __syncthreads();
    float most = of_warp[0];
    for (int w = 1; w < kBlock / 32; ++w) most = max(most, of_warp[w]);
    return most;
}

__device__ __forceinline__ float by_chance(float, float value, u32) { return value; }
__device__ __forceinline__ bf16 by_chance(bf16, float value, u32 noise) {
    const u32 bits = __float_as_uint(value);
    const bool infinite = (bits & 0x7f800000u) == 0x7f800000u;
    return {static_cast<u16>((infinite ? bits : bits + (noise & 0xffffu)) >> 16)};
}

/// `grad_scale` holds one number.
template <typename T>
__global__ void adamw_step8(T* value, const T* grad, u8* first_code, u8* second_code, float* first_scale,
                            float* second_scale, i64 count, float rate, float beta1, float beta2, float epsilon,
                            float keep, float second_correction, u32 seed, const float* grad_scale) {
    const i64 block = blockIdx.x, at = block * kBlock + threadIdx.x;
    const bool inside = at < count;
    const float g = inside ? wide(grad[at]) * (grad_scale ? *grad_scale : 1.0f) : 0.0f;
    const u32 old_first = first_code[at], old_second = second_code[at];
    const float old_size = magnitude_of<127>(old_first & 127u) * first_scale[block];
    const float first = beta1 * (old_first & 128u ? -old_size : old_size) + (1 - beta1) * g;
    const float second = beta2 * (magnitude_of<255>(old_second) * second_scale[block]) + (1 - beta2) * g * g;
    if (inside) {
        const float root = sqrtf(second * second_correction);
        const float updated = wide(value[at]) * keep - rate * first / (root + epsilon);
        value[at] = by_chance(T(), updated, hashed(static_cast<u32>(at), seed ^ kWeightNoise));
    }
    const float first_most = block_most(fabsf(first)), second_most = block_most(second);
    if (threadIdx.x == 0) {
        first_scale[block] = first_most;
        second_scale[block] = second_most;
    }
    const u32 noise = hashed(static_cast<u32>(at), seed);
    const float first_inverse = first_most > 0 ? 1 / first_most : 0,
                second_inverse = second_most > 0 ? 1 / second_most : 0;
    first_code[at] = static_cast<u8>(code_of<127>(fabsf(first) * first_inverse, noise) | (first < 0 ? 128u : 0u));
    const u32 code = code_of<255>(second * second_inverse, noise * 0x9e3779b1u);
    // Never 0 under a gradient: the step divides by its root.
    second_code[at] = static_cast<u8>(second > 0 && code == 0 ? 1u : code);
}
