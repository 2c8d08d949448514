// Small dense symmetric matrices, row-major [n, n]: enough for Gaussians of a few dozen dimensions.
#pragma once

#include <cstddef>
#include <vector>

namespace linvox {

/// Lower Cholesky factor L with A = L L'; empty when A is not positive definite.
std::vector<double> cholesky(const std::vector<double>& matrix, std::size_t n);

/// A^-1 from the Cholesky factor of A.
std::vector<double> cholesky_inverse(const std::vector<double>& factor, std::size_t n);

/// ln det A from the Cholesky factor of A.
double cholesky_log_determinant(const std::vector<double>& factor, std::size_t n);

struct Eigen {
    std::vector<double> values;   // [n], in no particular order
    std::vector<double> vectors;  // [n, n], column j belongs to values[j]
};

/// Cyclic Jacobi rotations.
Eigen symmetric_eigen(std::vector<double> matrix, std::size_t n);

}  // namespace linvox
