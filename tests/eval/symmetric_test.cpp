#include "eval/symmetric.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace linvox {
namespace {

// A = L L' of a known L.
const std::vector<double> kFactor{2, 0, 0, 1, 3, 0, -1, 0.5, 1.5};
const std::vector<double> kMatrix{4, 2, -2, 2, 10, 0.5, -2, 0.5, 3.5};

TEST(Cholesky, FactorInverseDeterminant) {
    const std::vector<double> factor = cholesky(kMatrix, 3);
    ASSERT_EQ(factor.size(), 9U);
    for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(factor[i], kFactor[i], 1e-14);
    EXPECT_NEAR(cholesky_log_determinant(factor, 3), 2 * std::log(2 * 3 * 1.5), 1e-14);
    const std::vector<double> inverse = cholesky_inverse(factor, 3);
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 3; ++j) {
            double sum = 0;
            for (std::size_t k = 0; k < 3; ++k) sum += kMatrix[i * 3 + k] * inverse[k * 3 + j];
            EXPECT_NEAR(sum, i == j, 1e-14);
        }
    EXPECT_TRUE(cholesky({1, 2, 2, 1}, 2).empty());
}

TEST(SymmetricEigen, RebuildsTheMatrix) {
    const Eigen eigen = symmetric_eigen(kMatrix, 3);
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 3; ++j) {
            double sum = 0, dot = 0;
            for (std::size_t k = 0; k < 3; ++k) {
                sum += eigen.vectors[i * 3 + k] * eigen.values[k] * eigen.vectors[j * 3 + k];
                dot += eigen.vectors[k * 3 + i] * eigen.vectors[k * 3 + j];
            }
            EXPECT_NEAR(sum, kMatrix[i * 3 + j], 1e-13);
            EXPECT_NEAR(dot, i == j, 1e-13);
        }
    std::vector<double> two = symmetric_eigen({2, 1, 1, 2}, 2).values;
    std::sort(two.begin(), two.end());
    EXPECT_NEAR(two[0], 1, 1e-14);
    EXPECT_NEAR(two[1], 3, 1e-14);
    EXPECT_EQ(symmetric_eigen({0, 0, 0, 0}, 2).values, (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace linvox
