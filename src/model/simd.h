// Wide vectors for the CPU kernels of this folder: compiler vectors of 64 bytes, one body of code compiled
// for several instruction sets, the best one picked at run time. Nothing here knows tensors.
//
// A kernel is a struct with a static, always-inlined run<Tile>(args...); dispatch<Kernel>(args...) calls the
// build of it that fits the machine. Everything a kernel calls is LINVOX_INLINE, so that it is compiled
// for the kernel's instruction set; lambdas would not be.
#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

#define LINVOX_INLINE [[gnu::always_inline]] inline

namespace linvox {

// Vectors cross no function border, everything is inlined: GCC's notes on their ABI do not apply.
#pragma GCC diagnostic ignored "-Wpsabi"

template <typename T>
struct VecOf;
template <>
struct VecOf<float> {
    typedef float Type __attribute__((vector_size(64)));
    typedef std::int32_t Bits __attribute__((vector_size(64)));
};
template <>
struct VecOf<double> {
    typedef double Type __attribute__((vector_size(64)));
    typedef std::int64_t Bits __attribute__((vector_size(64)));
};

/// A vector of float or double: 16 or 8 lanes.
template <typename T>
using Vec = typename VecOf<T>::Type;
template <typename T>
using VecBits = typename VecOf<T>::Bits;
template <typename T>
inline constexpr std::int64_t kLanes = 64 / static_cast<std::int64_t>(sizeof(T));

/// What a stored type is computed in: bfloat16 in float, the others in themselves.
template <typename T>
using Accumulator = std::conditional_t<std::is_same_v<T, double>, double, float>;

constexpr std::int64_t round_up(std::int64_t value, std::int64_t step) {
    return (value + step - 1) / step * step;
}

template <typename T>
LINVOX_INLINE Vec<T> splat(T value) {
    return Vec<T>{} + value;
}

/// `count` values (at most the lanes) from memory; the lanes behind are 0.
template <typename Stored, typename T = Accumulator<Stored>>
LINVOX_INLINE Vec<T> load(const Stored* from, std::int64_t count = kLanes<T>) {
    if constexpr (std::is_same_v<Stored, T>) {
        Vec<T> values{};
        if (count >= kLanes<T>)
            std::memcpy(&values, from, sizeof values);
        else
            for (std::int64_t i = 0; i < count; ++i) values[i] = from[i];
        return values;
    } else {
        typedef std::uint16_t Half __attribute__((vector_size(32)));
        typedef std::uint32_t Word __attribute__((vector_size(64)));
        Half half{};
        std::memcpy(&half, from, static_cast<std::size_t>(count < 16 ? count : 16) * 2);
        const Word word = __builtin_convertvector(half, Word) << 16;
        return __builtin_bit_cast(Vec<float>, word);
    }
}

/// The first `count` lanes to memory; bfloat16 rounds to nearest even (NaN stays NaN).
template <typename Stored, typename T = Accumulator<Stored>>
LINVOX_INLINE void store(Stored* to, Vec<T> values, std::int64_t count = kLanes<T>) {
    if constexpr (std::is_same_v<Stored, T>) {
        if (count >= kLanes<T>)
            std::memcpy(to, &values, sizeof values);
        else
            for (std::int64_t i = 0; i < count; ++i) to[i] = values[i];
    } else {
        typedef std::uint16_t Half __attribute__((vector_size(32)));
        typedef std::uint32_t Word __attribute__((vector_size(64)));
        const Word word = __builtin_bit_cast(Word, values);
        const Word rounded = (word + 0x7fff + ((word >> 16) & 1)) >> 16;
        const Word quiet = (word >> 16) | 0x40;
        const auto nan = values != values;
        const Word chosen = nan ? quiet : rounded;
        const Half half = __builtin_convertvector(chosen, Half);
        std::memcpy(to, &half, static_cast<std::size_t>(count < 16 ? count : 16) * 2);
    }
}

template <typename T>
LINVOX_INLINE T sum_lanes(Vec<T> values) {
    T sum = 0;
    for (std::int64_t i = 0; i < kLanes<T>; ++i) sum += values[i];
    return sum;
}

template <typename T>
LINVOX_INLINE Vec<T> max_of(Vec<T> a, Vec<T> b) {
    return a > b ? a : b;
}

template <typename T>
LINVOX_INLINE T max_lane(Vec<T> values) {
    T best = values[0];
    for (std::int64_t i = 1; i < kLanes<T>; ++i) best = values[i] > best ? values[i] : best;
    return best;
}

/// exp to about 2 units in the last place: 2^n by the exponent field, the rest by a polynomial.
/// Arguments below the smallest normal result's give 0; above the largest, infinity is not produced.
LINVOX_INLINE Vec<float> exp_of(Vec<float> x) {
    const Vec<float> low = splat(-87.0f), high = splat(88.0f);
    const auto tiny = x < low;
    x = x < low ? low : x;
    x = x > high ? high : x;
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
    const Vec<float> shifted = x * 1.44269504088896341f + magic;
    const Vec<float> n = shifted - magic;
    Vec<float> r = x - n * 0.693145751953125f;
    r = r - n * 1.42860682030941723e-6f;
    Vec<float> p = splat(1.0f / 5040.0f);
    for (const float c : {1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f, 1.0f / 6.0f, 0.5f, 1.0f, 1.0f})
        p = p * r + c;
    const VecBits<float> bits =
        __builtin_bit_cast(VecBits<float>, p) + (__builtin_bit_cast(VecBits<float>, shifted) << 23);
    return tiny ? Vec<float>{} : __builtin_bit_cast(Vec<float>, bits);
}

LINVOX_INLINE Vec<double> exp_of(Vec<double> x) {
    const Vec<double> low = splat(-708.0), high = splat(709.0);
    const auto tiny = x < low;
    x = x < low ? low : x;
    x = x > high ? high : x;
    const double magic = 0x1.8p52;
    const Vec<double> shifted = x * 1.44269504088896340736 + magic;
    const Vec<double> n = shifted - magic;
    Vec<double> r = x - n * 6.93147180369123816490e-1;
    r = r - n * 1.90821492927058770002e-10;
    Vec<double> p = splat(1.0);
    for (int k = 14; k >= 1; --k) p = p * r * (1.0 / k) + 1.0;
    const VecBits<double> bits =
        __builtin_bit_cast(VecBits<double>, p) + (__builtin_bit_cast(VecBits<double>, shifted) << 52);
    return tiny ? Vec<double>{} : __builtin_bit_cast(Vec<double>, bits);
}

/// Rows and vectors of the register tile of matrix products: as many accumulators as registers hold.
template <int rows, int vectors>
struct Tile {
    static constexpr int kRows = rows, kVectors = vectors;
};

#if defined(__x86_64__)
template <typename Kernel, typename... Args>
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,fma")]] void run_avx512(Args... args) {
    Kernel::template run<Tile<6, 4>>(args...);
}
template <typename Kernel, typename... Args>
[[gnu::target("avx2,fma")]] void run_avx2(Args... args) {
    Kernel::template run<Tile<3, 2>>(args...);
}
#endif
template <typename Kernel, typename... Args>
void run_base(Args... args) {
    Kernel::template run<Tile<2, 1>>(args...);
}

template <typename Kernel, typename... Args>
void dispatch(Args... args) {
#if defined(__x86_64__)
    static const int level = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                                     __builtin_cpu_supports("avx512vl")
                                 ? 2
                             : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1
                                                                                               : 0;
    if (level == 2) return run_avx512<Kernel, Args...>(args...);
    if (level == 1) return run_avx2<Kernel, Args...>(args...);
#endif
    run_base<Kernel, Args...>(args...);
}

}  // namespace linvox
