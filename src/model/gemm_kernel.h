// C = A B, or C += A B, for the small matrices inside attention: register tiles, no packing, no threads.
// For files that are compiled through dispatch() only.
#pragma once

#include "src/model/simd.h"

namespace linvox {

/// A[i, p] stands at a[i * a_row + p * a_column] (so that a transposed A needs no copy); rows of B and C are
/// contiguous. Columns are computed in whole vectors: B and C must have room up to the next multiple of the
/// lanes, and what lands behind n is meaningless.
template <typename T>
struct Gemm {
    std::int64_t m = 0, n = 0, k = 0;
    const T* a = nullptr;
    std::int64_t a_row = 0, a_column = 1;
    const T* b = nullptr;
    std::int64_t b_row = 0;
    T* c = nullptr;
    std::int64_t c_row = 0;
    bool accumulate = false;
};

template <int rows, int vectors, typename T>
LINVOX_INLINE void gemm_tile(const Gemm<T>& job, std::int64_t i, std::int64_t j) {
    constexpr std::int64_t lanes = kLanes<T>;
    const T* a = job.a + i * job.a_row;
    const T* b = job.b + j;
    T* c = job.c + i * job.c_row + j;
    Vec<T> sums[rows][vectors];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            sums[r][v] = job.accumulate ? load(c + r * job.c_row + v * lanes) : Vec<T>{};
    const std::int64_t a_row = job.a_row, a_column = job.a_column, b_row = job.b_row, k = job.k;
    for (std::int64_t p = 0; p < k; ++p) {
        Vec<T> row[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) row[v] = load(b + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
            const Vec<T> value = splat(a[r * a_row]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sums[r][v] += value * row[v];
        }
        a += a_column;
        b += b_row;
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) store(c + r * job.c_row + v * lanes, sums[r][v]);
}

template <typename T>
struct GemmKernel {
    template <typename Tile>
    LINVOX_INLINE static void run(const Gemm<T>* job) {
        constexpr std::int64_t lanes = kLanes<T>;
        std::int64_t i = 0;
        for (; i + Tile::kRows <= job->m; i += Tile::kRows) {
            std::int64_t j = 0;
            for (; j + (Tile::kVectors - 1) * lanes < job->n; j += Tile::kVectors * lanes)
                gemm_tile<Tile::kRows, Tile::kVectors>(*job, i, j);
            for (; j < job->n; j += lanes) gemm_tile<Tile::kRows, 1>(*job, i, j);
        }
        for (; i < job->m; ++i) {
            std::int64_t j = 0;
            for (; j + (Tile::kVectors - 1) * lanes < job->n; j += Tile::kVectors * lanes)
                gemm_tile<1, Tile::kVectors>(*job, i, j);
            for (; j < job->n; j += lanes) gemm_tile<1, 1>(*job, i, j);
        }
    }
};

}  // namespace linvox
