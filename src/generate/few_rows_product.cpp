#include "src/generate/few_rows_product.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "src/base/error.h"
#include "src/model/parallel_ranges.h"
#include "src/model/simd.h"

namespace linvox {
namespace {

// Outputs of a tile divide 12, so that chunks and blocks of a multiple of it leave no narrow tiles.
constexpr std::int64_t kTileOutputs = 12;
constexpr std::int64_t kChunkBytes = 1 << 17;  // of weights: what a thread takes at a time
constexpr std::int64_t kBlockBytes = 1 << 15;  // of weights: stay in the first cache for the next rows
constexpr std::int64_t kXBytes = 1 << 14;      // of x: stay in the first cache beside passing weights
// The processor's own prefetching pauses at the ends of pages; with these hints reading is two to five
// percent faster.
constexpr std::int64_t kPrefetchAhead = 4096, kPrefetchInNextTile = 1024;  // bytes

/// What the kernels of bfloat16 do with two elements that share a word: `widened` to float and multiplied one
/// after the other, or by the processor's instruction for `pairs`.
enum class Words { widened, pairs };

/// 64 bytes of weights against so many vectors of x: float32 1; bfloat16 widened 2, the even elements and the
/// odd ones; bfloat16 in pairs 1.
template <typename W, Words words>
constexpr int kParts = sizeof(W) == 2 && words == Words::widened ? 2 : 1;
template <typename W>
constexpr std::int64_t kStep = 64 / static_cast<std::int64_t>(sizeof(W));

template <typename W>
struct FewRows {
    std::int64_t rows = 0, inputs = 0, outputs = 0;
    const W* x = nullptr;       // [rows, inputs]
    float* wide = nullptr;      // x as kParts vectors for every kStep inputs; the last are filled up with 0
    std::int64_t width = 0;     // of a row of `wide`
    const W* weight = nullptr;  // [outputs, inputs]
    const W* bias = nullptr;    // [outputs], or null
    W* y = nullptr;             // [rows, outputs]
};

template <typename W>
LINVOX_INLINE VecBits<float> load_words(const W* from, std::int64_t count) {
    VecBits<float> words{};
    if (count >= kStep<W>)
        std::memcpy(&words, from, sizeof words);
    else
        std::memcpy(&words, from, static_cast<std::size_t>(count) * sizeof(W));
    return words;
}

/// Part `part` of `parts` of the words, as floats.
template <int parts>
LINVOX_INLINE Vec<float> part_of(const VecBits<float>& words, int part) {
    if constexpr (parts == 2) {
        const VecBits<float> chosen = part == 0 ? words << 16 : words & static_cast<std::int32_t>(0xffff0000);
        return __builtin_bit_cast(Vec<float>, chosen);
    }
    return __builtin_bit_cast(Vec<float>, words);
}

template <typename W, Words words>
struct WidenRows {
    template <typename Tile>
    LINVOX_INLINE static void run(const FewRows<W>* job) {
        constexpr int parts = kParts<W, words>;
        for (std::int64_t t = 0; t < job->rows; ++t) {
            float* to = job->wide + t * job->width;
            for (std::int64_t i = 0; i < job->inputs; i += kStep<W>) {
                const VecBits<float> loaded = load_words(job->x + t * job->inputs + i, job->inputs - i);
                for (int p = 0; p < parts; ++p, to += kLanes<float>) store(to, part_of<parts>(loaded, p));
            }
        }
    }
};

/// sums += weights * x, lane by lane; of pairs both products.
template <typename W, Words words>
LINVOX_INLINE void multiply_add(Vec<float>& sums, const Vec<float>& weights, const Vec<float>& x) {
    if constexpr (sizeof(W) == 2 && words == Words::pairs) {
#if defined(__x86_64__)
        // No intrinsic: it could not be inlined into a function that is not compiled for AVX512_BF16.
        asm("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(x));
#endif
    } else {
        sums += weights * x;
    }
}

template <typename W, Words words, int outputs, int rows>
LINVOX_INLINE void add_products(const FewRows<W>& job, const W* weight, std::int64_t count, const float* wide,
                                Vec<float> (&sums)[outputs][rows]) {
    constexpr int parts = kParts<W, words>;
    VecBits<float> loaded[outputs];
#pragma GCC unroll 8
    for (int k = 0; k < outputs; ++k) loaded[k] = load_words(weight + k * job.inputs, count);
#pragma GCC unroll 2
    for (int p = 0; p < parts; ++p) {
        Vec<float> w[outputs];
#pragma GCC unroll 8
        for (int k = 0; k < outputs; ++k) w[k] = part_of<parts>(loaded[k], p);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
            const Vec<float> x = load(wide + r * job.width + p * kLanes<float>);
#pragma GCC unroll 8
            for (int k = 0; k < outputs; ++k) multiply_add<W, words>(sums[k][r], w[k], x);
        }
    }
}

/// Sum of the lanes in halves: four additions deep, sum_lanes is sixteen.
LINVOX_INLINE float folded(const Vec<float>& values) {
    typedef float Eight __attribute__((vector_size(32)));
    typedef float Four __attribute__((vector_size(16)));
    const Eight eight = __builtin_shufflevector(values, values, 0, 1, 2, 3, 4, 5, 6, 7) +
                        __builtin_shufflevector(values, values, 8, 9, 10, 11, 12, 13, 14, 15);
    const Four four =
        __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/// outputs x rows dot products. One accumulator each, whatever the tile: the order of a sum, and with it
/// its rounding, is the same in all of them.
template <typename W, Words words, int outputs, int rows>
LINVOX_INLINE void dot_tile(const FewRows<W>& job, std::int64_t o, std::int64_t t) {
    const std::int64_t inputs = job.inputs, whole = inputs / kStep<W> * kStep<W>;
    const W* weight = job.weight + o * inputs;
    const float* wide = job.wide + t * job.width;
    Vec<float> sums[outputs][rows]{};
    for (std::int64_t i = 0; i < whole; i += kStep<W>) {
#pragma GCC unroll 8
        for (int k = 0; k < outputs; ++k)
            __builtin_prefetch(outputs == 1
                                   ? reinterpret_cast<const char*>(weight + i) + kPrefetchAhead
                                   : reinterpret_cast<const char*>(weight + (outputs + k) * inputs + i) +
                                         kPrefetchInNextTile);
        add_products<W, words>(job, weight + i, kStep<W>, wide, sums);
        wide += kParts<W, words> * kLanes<float>;
    }
    if (whole < inputs) add_products<W, words>(job, weight + whole, inputs - whole, wide, sums);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
        for (int k = 0; k < outputs; ++k) {
            const float bias = job.bias ? static_cast<float>(job.bias[o + k]) : 0.0f;
            job.y[(t + r) * job.outputs + o + k] = static_cast<W>(folded(sums[k][r]) + bias);
        }
}

/// Outputs [begin, end) of `rows` rows: one at a time, for memory is fastest read in its order; where x does
/// not stay in the first cache in tiles of as many outputs as there are registers for.
template <typename W, Words words, int budget, int rows>
LINVOX_INLINE void dot_outputs(const FewRows<W>& job, std::int64_t begin, std::int64_t end, std::int64_t t) {
    constexpr int most = budget / rows;
    constexpr int outputs = most >= 6 ? 6 : most >= 4 ? 4 : most;
    static_assert(kTileOutputs % outputs == 0);
    std::int64_t o = begin;
    if (rows * job.width * static_cast<std::int64_t>(sizeof(float)) > kXBytes)
        for (; o + outputs <= end; o += outputs) dot_tile<W, words, outputs, rows>(job, o, t);
    for (; o < end; ++o) dot_tile<W, words, 1, rows>(job, o, t);
}

/// The last rows, fewer than `most`.
template <typename W, Words words, int budget, int most>
LINVOX_INLINE void dot_rest(const FewRows<W>& job, std::int64_t begin, std::int64_t end, std::int64_t t) {
    if constexpr (most > 1) {
        if (job.rows - t == most - 1)
            dot_outputs<W, words, budget, most - 1>(job, begin, end, t);
        else
            dot_rest<W, words, budget, most - 1>(job, begin, end, t);
    }
}

/// As many outputs as have `bytes` of weights, in whole tiles.
template <typename W>
LINVOX_INLINE std::int64_t outputs_within(std::int64_t bytes, const FewRows<W>& job) {
    const std::int64_t tile = kTileOutputs * job.inputs * static_cast<std::int64_t>(sizeof(W));
    return kTileOutputs * (tile > 0 && bytes > tile ? bytes / tile : 1);
}

template <typename W, Words words>
struct DotRows {
    template <typename Tile>
    LINVOX_INLINE static void run(const FewRows<W>* job, std::int64_t begin, std::int64_t end) {
        constexpr int budget = Tile::kRows * Tile::kVectors;
        constexpr int rows = budget >= 24 ? 8 : budget >= 6 ? 3 : 2;
        // Only the widest instruction set has pairs (has_pairs), the others must not compile them.
        if constexpr (words == Words::widened || budget >= 24) {
            const std::int64_t step = outputs_within(kBlockBytes, *job);
            for (std::int64_t o = begin; o < end; o += step) {
                const std::int64_t stop = o + step < end ? o + step : end;
                std::int64_t t = 0;
                for (; t + rows <= job->rows; t += rows)
                    dot_outputs<W, words, budget, rows>(*job, o, stop, t);
                if (t < job->rows) dot_rest<W, words, budget, rows>(*job, o, stop, t);
            }
        }
    }
};

template <typename W, Words words>
at::Tensor product(const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O) {
    FewRows<W> job{x_TI.size(0), x_TI.size(1), weight_OI.size(0)};
    job.width = (job.inputs + kStep<W> - 1) / kStep<W> * kParts<W, words> * kLanes<float>;
    at::Tensor y_TO = at::empty({job.rows, job.outputs}, weight_OI.options());
    at::Tensor wide = at::empty({job.rows, job.width}, at::kFloat);
    const at::Tensor x = x_TI.contiguous();
    job.x = x.const_data_ptr<W>();
    job.wide = wide.mutable_data_ptr<float>();
    job.weight = weight_OI.const_data_ptr<W>();
    job.bias = bias_O.defined() ? bias_O.const_data_ptr<W>() : nullptr;
    job.y = y_TO.mutable_data_ptr<W>();
    dispatch<WidenRows<W, words>>(&job);
    const std::int64_t chunk = outputs_within(kChunkBytes, job);
    parallel_items((job.outputs + chunk - 1) / chunk, [&](std::int64_t item) {
        dispatch<DotRows<W, words>>(&job, item * chunk, std::min(job.outputs, (item + 1) * chunk));
    });
    return y_TO;
}

/// Whether dispatch() takes its widest instruction set and there are instructions for pairs beside it.
bool has_pairs() {
#if defined(__x86_64__)
    static const bool has = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return has;
#else
    return false;
#endif
}

}  // namespace

bool is_few_rows(std::int64_t rows, at::ScalarType dtype) {
    if (dtype == at::kFloat) return rows <= 32;
    return dtype == at::kBFloat16 && rows <= (has_pairs() ? 24 : 8);
}

at::Tensor few_rows_product(const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O) {
    const at::ScalarType dtype = weight_OI.scalar_type();
    LINVOX_ASSERT(dtype == at::kFloat || dtype == at::kBFloat16, "a product of few rows in another dtype");
    LINVOX_ASSERT(x_TI.scalar_type() == dtype && x_TI.size(1) == weight_OI.size(1),
                  "a product of few rows whose sides do not fit");
    LINVOX_ASSERT(weight_OI.is_contiguous() && (!bias_O.defined() || bias_O.is_contiguous()),
                  "a product of few rows needs contiguous weights");
    if (dtype == at::kFloat) return product<float, Words::widened>(x_TI, weight_OI, bias_O);
    return has_pairs() ? product<at::BFloat16, Words::pairs>(x_TI, weight_OI, bias_O)
                       : product<at::BFloat16, Words::widened>(x_TI, weight_OI, bias_O);
}

}  // namespace linvox
