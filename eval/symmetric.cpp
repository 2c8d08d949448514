// Cholesky and Jacobi.
#include "eval/symmetric.h"

#include <algorithm>
#include <cmath>

namespace linvox {

std::vector<double> cholesky(const std::vector<double>& matrix, std::size_t n) {
    std::vector<double> factor(n * n);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = matrix[i * n + j];
            for (std::size_t k = 0; k < j; ++k) sum -= factor[i * n + k] * factor[j * n + k];
            if (i == j && !(sum > 0)) return {};
            factor[i * n + j] = i == j ? std::sqrt(sum) : sum / factor[j * n + j];
        }
    return factor;
}

std::vector<double> cholesky_inverse(const std::vector<double>& factor, std::size_t n) {
    std::vector<double> lower(n * n), inverse(n * n);  // lower = L^-1
    for (std::size_t j = 0; j < n; ++j)
        for (std::size_t i = j; i < n; ++i) {
            double sum = i == j ? 1 : 0;
            for (std::size_t k = j; k < i; ++k) sum -= factor[i * n + k] * lower[k * n + j];
            lower[i * n + j] = sum / factor[i * n + i];
        }
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
            for (std::size_t k = std::max(i, j); k < n; ++k)
                inverse[i * n + j] += lower[k * n + i] * lower[k * n + j];
    return inverse;
}

double cholesky_log_determinant(const std::vector<double>& factor, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += std::log(factor[i * n + i]);
    return 2 * sum;
}

namespace {

// Zeroes a[p][q] by a rotation (G. Golub, C. Van Loan, "Matrix Computations", section 8.5).
void rotate(std::vector<double>& a, std::vector<double>& v, std::size_t n, std::size_t p, std::size_t q) {
    const double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
    const double c = 1 / std::sqrt(t * t + 1), s = t * c;
    for (std::size_t k = 0; k < n; ++k) {
        const double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (std::size_t k = 0; k < n; ++k) {
        const double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
    }
    for (std::size_t k = 0; k < n; ++k) {
        const double x = v[k * n + p], y = v[k * n + q];
        v[k * n + p] = c * x - s * y;
        v[k * n + q] = s * x + c * y;
    }
}

}  // namespace

Eigen symmetric_eigen(std::vector<double> a, std::size_t n) {
    Eigen result{std::vector<double>(n), std::vector<double>(n * n)};
    for (std::size_t i = 0; i < n; ++i) result.vectors[i * n + i] = 1;
    for (int sweep = 0; sweep < 60; ++sweep) {
        double off = 0, all = 0;
        for (std::size_t i = 0; i < n * n; ++i) {
            all += a[i] * a[i];
            if (i / n != i % n) off += a[i] * a[i];
        }
        if (off <= 1e-30 * all) break;
        for (std::size_t p = 0; p < n; ++p)
            for (std::size_t q = p + 1; q < n; ++q)
                if (a[p * n + q] != 0) rotate(a, result.vectors, n, p, q);
    }
    for (std::size_t i = 0; i < n; ++i) result.values[i] = a[i * n + i];
    return result;
}

}  // namespace linvox
