#include "audio/codec/kmeans.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

constexpr std::int64_t kBlockRows = 512;
constexpr int kLanes = 16;

/// The smallest value, by lanes so that the compiler can use wide registers.
double smallest(const double* values, std::int64_t count) {
    double lane[kLanes];
    std::fill(lane, lane + kLanes, values[0]);
    std::int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        for (int j = 0; j < kLanes; ++j) lane[j] = values[i + j] < lane[j] ? values[i + j] : lane[j];
    }
    for (; i < count; ++i) lane[0] = std::min(lane[0], values[i]);
    return *std::min_element(lane, lane + kLanes);
}

std::vector<std::int64_t> distinct_rows(std::int64_t rows, std::int64_t count, Rng& rng) {
    std::vector<std::int64_t> index(static_cast<std::size_t>(rows));
    std::iota(index.begin(), index.end(), 0);
    for (std::int64_t i = 0; i < count; ++i) std::swap(index[i], index[i + rng.below(rows - i)]);
    index.resize(static_cast<std::size_t>(count));
    return index;
}

/// Means of the cells; returns the number of empty ones, which got a random row.
int update_centroids(std::span<const double> rows, std::int64_t width,
                     const std::vector<std::int32_t>& assignment, Rng& rng, std::vector<double>& centroids) {
    const std::int64_t clusters = static_cast<std::int64_t>(centroids.size()) / width;
    std::vector<std::int64_t> count(static_cast<std::size_t>(clusters), 0);
    std::fill(centroids.begin(), centroids.end(), 0.0);
    for (std::size_t i = 0; i < assignment.size(); ++i) {
        double* sum = centroids.data() + assignment[i] * width;
        for (std::int64_t d = 0; d < width; ++d) sum[d] += rows[i * width + d];
        ++count[assignment[i]];
    }
    int replaced = 0;
    for (std::int64_t k = 0; k < clusters; ++k) {
        double* centroid = centroids.data() + k * width;
        if (count[k] > 0) {
            for (std::int64_t d = 0; d < width; ++d) centroid[d] /= static_cast<double>(count[k]);
        } else {
            const double* row = rows.data() + rng.below(assignment.size()) * width;
            std::copy(row, row + width, centroid);
            ++replaced;
        }
    }
    return replaced;
}

}  // namespace

std::vector<std::int32_t> assign_rows(std::span<const double> rows, std::int64_t width,
                                      std::span<const double> centroids, double* square_sum) {
    const std::int64_t count = static_cast<std::int64_t>(rows.size()) / width;
    const std::int64_t clusters = static_cast<std::int64_t>(centroids.size()) / width;
    // argmin |x - c|^2 = argmin |c|^2 / 2 - x.c: one GEMM (the -c stands in the transposed matrix).
    std::vector<double> half_norm(static_cast<std::size_t>(clusters), 0.0);
    for (std::size_t i = 0; i < centroids.size(); ++i)
        half_norm[i / width] += 0.5 * centroids[i] * centroids[i];
    const at::Tensor minus_WK =
        at::from_blob(const_cast<double*>(centroids.data()), {clusters, width}, at::kDouble).neg().t();
    const std::int64_t blocks = (count + kBlockRows - 1) / kBlockRows;
    std::vector<std::int32_t> assignment(static_cast<std::size_t>(count));
    std::vector<double> block_square(static_cast<std::size_t>(blocks), 0.0);
    at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
            const std::int64_t first = b * kBlockRows, size = std::min(kBlockRows, count - first);
            const double* x = rows.data() + first * width;
            const at::Tensor block = at::from_blob(const_cast<double*>(x), {size, width}, at::kDouble);
            at::Tensor scores = at::mm(block, minus_WK);
            double* score = scores.mutable_data_ptr<double>();
            for (std::int64_t i = 0; i < size; ++i, score += clusters) {
                for (std::int64_t k = 0; k < clusters; ++k) score[k] += half_norm[k];
                const double best = smallest(score, clusters);
                assignment[first + i] =
                    static_cast<std::int32_t>(std::find(score, score + clusters, best) - score);
                double square = 2 * best;
                for (std::int64_t d = 0; d < width; ++d) square += x[i * width + d] * x[i * width + d];
                block_square[b] += std::max(0.0, square);
            }
        }
    });
    if (square_sum != nullptr) *square_sum += std::accumulate(block_square.begin(), block_square.end(), 0.0);
    return assignment;
}

KMeans fit_kmeans(std::span<const double> rows, std::int64_t width, std::int64_t clusters,
                  std::int64_t iterations, std::uint64_t seed) {
    const std::int64_t count = static_cast<std::int64_t>(rows.size()) / width;
    LINVOX_REQUIRE(
        clusters >= 1 && clusters <= count, ConfigError,
        "a codebook of {} needs at least as many training vectors, got {}; make it smaller or add audio",
        clusters, count);
    Rng rng(mix_seed(seed, "k-means"));
    KMeans result;
    for (const std::int64_t row : distinct_rows(count, clusters, rng)) {
        result.centroids.insert(result.centroids.end(), rows.begin() + row * width,
                                rows.begin() + (row + 1) * width);
    }
    for (std::int64_t i = 0; i < iterations; ++i) {
        result.assignment = assign_rows(rows, width, result.centroids);
        result.replaced += update_centroids(rows, width, result.assignment, rng, result.centroids);
    }
    double square = 0;
    result.assignment = assign_rows(rows, width, result.centroids, &square);
    result.mean_square = square / static_cast<double>(rows.size());
    return result;
}

}  // namespace linvox
