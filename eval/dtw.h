// Exact dynamic time warping (profile dtw.exact): Euclidean local cost, steps (1,1), (1,0), (0,1)
// of weight 1, both ends fixed, ties resolved in that order. No approximation such as FastDTW.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace linvox {

struct DtwStep {
    std::uint32_t a, b;  // row of a, row of b
    bool operator==(const DtwStep&) const = default;
};

struct DtwResult {
    double cost = 0;              // sum of the local costs on the path
    std::size_t path_length = 0;  // cells on the path, max(rows) <= length < sum of the rows
    std::vector<DtwStep> path;    // from (0, 0) to the last rows; empty for dtw_cost()
};

/// a [rows_a, dim], b [rows_b, dim], row-major. 2 bits of memory per cell. Local costs have the
/// precision of the features, sums are double. Throws BugError when a side is empty or a size does
/// not fit.
DtwResult dtw(std::span<const double> a, std::span<const double> b, std::size_t dim);
DtwResult dtw(std::span<const float> a, std::span<const float> b, std::size_t dim);

/// Cost and length without the path: memory of a few rows.
DtwResult dtw_cost(std::span<const double> a, std::span<const double> b, std::size_t dim);
DtwResult dtw_cost(std::span<const float> a, std::span<const float> b, std::size_t dim);

/// Above this many cells metrics return `too_long`.
inline constexpr std::size_t kDtwMaxCells = 400'000'000;

}  // namespace linvox
