// Principal components of many short vectors. Double sums in a fixed order: the result does not depend
// on the number of threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace linvox {

struct Pca {
    std::vector<double> mean;   // [width]
    std::vector<double> basis;  // [width, dimensions], largest eigenvalue first
    double explained = 0;       // share of the variance kept
};

/// Eigenvectors of the covariance (divided by N); the largest absolute entry of each is positive.
/// `rows` is [N, width]. DataError when the rows do not vary.
Pca fit_pca(std::span<const double> rows, std::int64_t width, std::int64_t dimensions);

/// (rows - mean) x basis: [N, dimensions].
std::vector<double> project(const Pca& pca, std::span<const double> rows);

}  // namespace linvox
