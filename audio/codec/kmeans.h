// Lloyd's k-means for codebooks. The result depends on data and seed only, not on threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace linvox {

struct KMeans {
    std::vector<double> centroids;         // [clusters, width]
    std::vector<std::int32_t> assignment;  // [N], by a last pass after the last update
    double mean_square = 0;                // distance^2 to the centroid, per value
    int replaced = 0;                      // empty cells filled over all iterations
};

/// Starts from distinct rows drawn by the seed; an empty cell gets a random row. Ties go to the lowest
/// index. Sums in double, row after row. ConfigError when there are more clusters than rows.
KMeans fit_kmeans(std::span<const double> rows, std::int64_t width, std::int64_t clusters,
                  std::int64_t iterations, std::uint64_t seed);

/// Index of the nearest centroid for every row, lowest on a tie; adds the squared distances to
/// `square_sum` when it is given.
std::vector<std::int32_t> assign_rows(std::span<const double> rows, std::int64_t width,
                                      std::span<const double> centroids, double* square_sum = nullptr);

}  // namespace linvox
