// What every kernel source begins with (gpu_module.h). No header is included: NVRTC finds none on a machine
// without a CUDA toolkit.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;

struct bf16 {
    u16 bits;
};

/// The type a stored one is computed in.
template <typename T>
struct WideOf {
    typedef T Type;
};
template <>
struct WideOf<bf16> {
    typedef float Type;
};
template <typename T>
using Wide = typename WideOf<T>::Type;

__device__ __forceinline__ float wide(bf16 x) { return __uint_as_float(static_cast<u32>(x.bits) << 16); }
__device__ __forceinline__ float wide(float x) { return x; }
__device__ __forceinline__ double wide(double x) { return x; }

template <typename T>
__device__ __forceinline__ T narrow(Wide<T> x) {
    return x;
}
template <>
__device__ __forceinline__ bf16 narrow<bf16>(float x) {
    const u32 bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
    return {static_cast<u16>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};  // to nearest, ties to even
}

/// N values read or written at once.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
    T at[N];
};
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> load(const T* from) {
    return *reinterpret_cast<const Pack<T, N>*>(from);
}
template <int N, typename T>
__device__ __forceinline__ void store(T* to, const Pack<T, N>& values) {
    *reinterpret_cast<Pack<T, N>*>(to) = values;
}

/// The sum over the threads of a block, in every thread; the same order each time.
template <typename A>
__device__ __forceinline__ A block_sum(A value) {
    __shared__ A of_warp[32];
    for (int step = 16; step > 0; step >>= 1) value += __shfl_xor_sync(0xffffffffu, value, step);
    const int warps = (blockDim.x + 31) >> 5;
    __syncthreads();
    if ((threadIdx.x & 31) == 0) of_warp[threadIdx.x >> 5] = value;
    __syncthreads();
    A total = 0;
    for (int w = 0; w < warps; ++w) total += of_warp[w];
    return total;
}

/// murmur3's finaliser.
__device__ __forceinline__ u32 finished(u32 h) {
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    return h ^ (h >> 16);
}
