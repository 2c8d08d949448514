// Exact DTW row by row. Local costs come in blocks of columns, so that the inner loop runs over
// neighbouring cells with a constant length and the sum of one cell keeps its order of additions.
#include "eval/dtw.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/error.h"

namespace linvox {
namespace {

constexpr std::size_t kBlock = 32;

enum Step : std::uint8_t { kDiagonal = 0, kDown = 1, kRight = 2 };  // (1,1), (1,0), (0,1)

// The rows of b as blocks [block][dim][kBlock], zero-padded.
template <typename T>
std::vector<T> into_blocks(std::span<const T> b, std::size_t rows, std::size_t dim) {
    std::vector<T> blocks((rows + kBlock - 1) / kBlock * dim * kBlock);
    for (std::size_t j = 0; j < rows; ++j)
        for (std::size_t d = 0; d < dim; ++d)
            blocks[(j / kBlock * dim + d) * kBlock + j % kBlock] = b[j * dim + d];
    return blocks;
}

// Euclidean distances from one row of a to all rows of b.
template <typename T>
void local_costs(const T* __restrict row, const T* __restrict blocks, std::size_t block_count,
                 std::size_t dim, T* __restrict out) {
    for (std::size_t k = 0; k < block_count; ++k) {
        T sum[kBlock] = {};
        for (std::size_t d = 0; d < dim; ++d) {
            const T here = row[d];
            const T* __restrict other = blocks + (k * dim + d) * kBlock;
            for (std::size_t j = 0; j < kBlock; ++j) {
                const T difference = here - other[j];
                sum[j] += difference * difference;
            }
        }
        for (std::size_t j = 0; j < kBlock; ++j) out[k * kBlock + j] = std::sqrt(sum[j]);
    }
}

// The previous and the current row of accumulated costs and path lengths; entry j + 1 is column j.
struct Rows {
    std::vector<double> cost;
    std::vector<std::uint32_t> length;
    explicit Rows(std::size_t columns)
        : cost(columns + 1, std::numeric_limits<double>::infinity()), length(columns + 1, 0) {}
};

// One row of the recurrence, in place: `rows` turns from row i - 1 into row i.
template <typename T, typename Record>
void advance(Rows& rows, const std::vector<T>& local, std::size_t columns, const Record& record) {
    double* cost = rows.cost.data();
    std::uint32_t* length = rows.length.data();
    double diagonal = cost[0], left = std::numeric_limits<double>::infinity();
    std::uint32_t diagonal_length = length[0], left_length = 0;
    cost[0] = left;  // only the first row starts from the corner
    for (std::size_t j = 0; j < columns; ++j) {
        const double up = cost[j + 1];
        const std::uint32_t up_length = length[j + 1];
        const bool from_up = up < diagonal;
        const double above = from_up ? up : diagonal;
        const std::uint32_t above_length = from_up ? up_length : diagonal_length;
        const bool from_left = left < above;
        left = (from_left ? left : above) + static_cast<double>(local[j]);
        left_length = (from_left ? left_length : above_length) + 1;
        record(j, static_cast<std::uint8_t>(from_left ? kRight : (from_up ? kDown : kDiagonal)));
        diagonal = up;
        diagonal_length = up_length;
        cost[j + 1] = left;
        length[j + 1] = left_length;
    }
}

// Two bits per cell.
class Steps {
public:
    explicit Steps(std::size_t cells) : bits_((cells + 3) / 4) {}
    void set(std::size_t cell, std::uint8_t step) {
        bits_[cell / 4] = static_cast<std::uint8_t>(bits_[cell / 4] | step << cell % 4 * 2);
    }
    Step get(std::size_t cell) const { return static_cast<Step>(bits_[cell / 4] >> cell % 4 * 2 & 3); }

private:
    std::vector<std::uint8_t> bits_;
};

std::vector<DtwStep> walk_back(const Steps& steps, std::size_t rows_a, std::size_t rows_b,
                               std::size_t length) {
    std::vector<DtwStep> path(length);
    std::size_t i = rows_a - 1, j = rows_b - 1;
    for (std::size_t n = length; n-- > 0;) {
        path[n] = {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)};
        const Step step = steps.get(i * rows_b + j);
        if (step != kRight) --i;
        if (step != kDown) --j;
    }
    return path;
}

template <typename T>
DtwResult warp(std::span<const T> a, std::span<const T> b, std::size_t dim, bool want_path) {
    LINVOX_ASSERT(dim > 0 && !a.empty() && !b.empty() && a.size() % dim == 0 && b.size() % dim == 0,
                  "DTW of {} and {} values with {} per row", a.size(), b.size(), dim);
    const std::size_t rows_a = a.size() / dim, rows_b = b.size() / dim;
    const std::vector<T> blocks = into_blocks(b, rows_b, dim);
    const std::size_t block_count = (rows_b + kBlock - 1) / kBlock;
    std::vector<T> local(block_count * kBlock);
    Rows rows(rows_b);
    rows.cost[0] = 0;
    Steps steps(want_path ? rows_a * rows_b : 0);
    for (std::size_t i = 0; i < rows_a; ++i) {
        local_costs(a.data() + i * dim, blocks.data(), block_count, dim, local.data());
        if (want_path)
            advance(rows, local, rows_b,
                    [&](std::size_t j, std::uint8_t s) { steps.set(i * rows_b + j, s); });
        else
            advance(rows, local, rows_b, [](std::size_t, std::uint8_t) {});
    }
    DtwResult result{rows.cost[rows_b], rows.length[rows_b], {}};
    if (want_path) result.path = walk_back(steps, rows_a, rows_b, result.path_length);
    return result;
}

}  // namespace

DtwResult dtw(std::span<const double> a, std::span<const double> b, std::size_t dim) {
    return warp(a, b, dim, true);
}
DtwResult dtw(std::span<const float> a, std::span<const float> b, std::size_t dim) {
    return warp(a, b, dim, true);
}
DtwResult dtw_cost(std::span<const double> a, std::span<const double> b, std::size_t dim) {
    return warp(a, b, dim, false);
}
DtwResult dtw_cost(std::span<const float> a, std::span<const float> b, std::size_t dim) {
    return warp(a, b, dim, false);
}

}  // namespace linvox
