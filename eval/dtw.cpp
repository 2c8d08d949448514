// Exact DTW row by row. Local costs come in blocks of columns, so that the inner loop runs over
// neighbouring cells with a constant length and the sum of one cell keeps its order of additions.
#include "eval/dtw.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "src/base/error.h"

namespace linvox {
namespace {

// 16 bytes: what every x86-64 and ARMv8 has, so results do not depend on the machine.
template <typename T>
struct VectorOf;
template <>
struct VectorOf<double> {
    using Type = double __attribute__((vector_size(16)));
};
template <>
struct VectorOf<float> {
    using Type = float __attribute__((vector_size(16)));
};
template <typename T>
using Vector = typename VectorOf<T>::Type;

constexpr std::size_t kSums = 8;  // vectors of sums per block: half of the registers of x86-64
template <typename T>
constexpr std::size_t kBlock = kSums * 16 / sizeof(T);

enum Step : std::uint8_t { kDiagonal = 0, kDown = 1, kRight = 2 };  // (1,1), (1,0), (0,1)

// The rows of b as blocks [block][dim][kBlock], zero-padded; a block row is kSums vectors.
template <typename T>
std::vector<Vector<T>> into_blocks(std::span<const T> b, std::size_t rows, std::size_t dim) {
    constexpr std::size_t kLanes = 16 / sizeof(T);
    std::vector<Vector<T>> blocks((rows + kBlock<T> - 1) / kBlock<T> * dim * kSums, Vector<T>{});
    for (std::size_t j = 0; j < rows; ++j)
        for (std::size_t d = 0; d < dim; ++d) {
            const std::size_t inside = j % kBlock<T>;
            blocks[(j / kBlock<T> * dim + d) * kSums + inside / kLanes][inside % kLanes] = b[j * dim + d];
        }
    return blocks;
}

template <typename V, typename T>
inline void add_square(V& sum, const V& other, T here) {
    const V difference = other - here;
    sum += difference * difference;
}

// Squared distances from one row of a to the rows of one block of b.
template <typename T>
void block_squares(const T* row, const Vector<T>* block, std::size_t dim, Vector<T>* out) {
    Vector<T> s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{};  // an array would live in memory
    for (std::size_t d = 0; d < dim; ++d, block += kSums) {
        const T here = row[d];
        add_square(s0, block[0], here);
        add_square(s1, block[1], here);
        add_square(s2, block[2], here);
        add_square(s3, block[3], here);
        add_square(s4, block[4], here);
        add_square(s5, block[5], here);
        add_square(s6, block[6], here);
        add_square(s7, block[7], here);
    }
    out[0] = s0, out[1] = s1, out[2] = s2, out[3] = s3, out[4] = s4, out[5] = s5, out[6] = s6, out[7] = s7;
}

// Euclidean distances from one row of a to all rows of b.
template <typename T>
void local_costs(const T* row, const std::vector<Vector<T>>& blocks, std::size_t dim, std::vector<T>& out) {
    Vector<T> squares[kSums];
    for (std::size_t k = 0; k < out.size() / kBlock<T>; ++k) {
        block_squares<T>(row, blocks.data() + k * dim * kSums, dim, squares);
        T* const to = out.data() + k * kBlock<T>;
        std::memcpy(to, squares, sizeof squares);
        for (std::size_t j = 0; j < kBlock<T>; ++j) to[j] = std::sqrt(to[j]);
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
    const std::vector<Vector<T>> blocks = into_blocks(b, rows_b, dim);
    std::vector<T> local((rows_b + kBlock<T> - 1) / kBlock<T> * kBlock<T>);
    Rows rows(rows_b);
    rows.cost[0] = 0;
    Steps steps(want_path ? rows_a * rows_b : 0);
    for (std::size_t i = 0; i < rows_a; ++i) {
        local_costs(a.data() + i * dim, blocks, dim, local);
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
