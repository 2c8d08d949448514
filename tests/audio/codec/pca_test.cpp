#include "audio/codec/pca.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

/// Points along (3, 4) / 5 with standard deviation 2, along the normal with 0.5, around (10, -1).
std::vector<double> tilted_cloud(int count) {
    Rng rng(5);
    std::vector<double> rows;
    for (int i = 0; i < count; ++i) {
        const double along = 2.0 * rng.normal(), across = 0.5 * rng.normal();
        rows.push_back(10 + 0.6 * along - 0.8 * across);
        rows.push_back(-1 + 0.8 * along + 0.6 * across);
    }
    return rows;
}

TEST(Pca, FindsTheAxesOfATiltedCloud) {
    const std::vector<double> rows = tilted_cloud(20001);
    const Pca pca = fit_pca(rows, 2, 2);
    EXPECT_NEAR(pca.mean[0], 10.0, 0.05);
    EXPECT_NEAR(pca.basis[0], 0.6, 0.01);
    EXPECT_NEAR(pca.basis[2], 0.8, 0.01);
    EXPECT_NEAR(pca.explained, 1.0, 1e-12);
    EXPECT_NEAR(fit_pca(rows, 2, 1).explained, 4.0 / 4.25, 0.005);
}

TEST(Pca, LargestEntryIsPositive) {
    std::vector<double> rows;
    for (int i = 0; i < 9; ++i) rows.insert(rows.end(), {-3.0 * i, 1.0 * i});
    const Pca pca = fit_pca(rows, 2, 1);
    EXPECT_NEAR(pca.basis[0], 3.0 / std::sqrt(10.0), 1e-12);
    EXPECT_NEAR(pca.basis[1], -1.0 / std::sqrt(10.0), 1e-12);
}

TEST(Pca, ProjectionIsCentredAndRotated) {
    const Pca pca{.mean = {1, 2}, .basis = {0.6, 0.8}};
    const std::vector<double> rows = {1, 2, 2, 4};
    EXPECT_EQ(project(pca, rows), (std::vector<double>{0.0, 1 * 0.6 + 2 * 0.8}));
}

TEST(Pca, ThreadsDoNotChangeTheResult) {
    Rng rng(11);
    std::vector<double> rows(160 * 5000);
    for (double& value : rows) value = rng.normal();
    at::set_num_threads(1);
    const Pca one = fit_pca(rows, 160, 64);
    at::set_num_threads(2);
    const Pca two = fit_pca(rows, 160, 64);
    EXPECT_EQ(std::vector<float>(one.basis.begin(), one.basis.end()),
              std::vector<float>(two.basis.begin(), two.basis.end()));
    EXPECT_EQ(project(one, rows), project(one, rows));
}

TEST(Pca, ConstantRowsAreRefused) { EXPECT_THROW(fit_pca(std::vector<double>(40, 1.5), 4, 2), DataError); }

}  // namespace
}  // namespace linvox
