#include "audio/codec/kmeans.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

/// `count` points around (0, 0), (10, 0) and (0, 10) in turn.
std::vector<double> three_clouds(int count) {
    Rng rng(3);
    std::vector<double> rows;
    for (int i = 0; i < count; ++i) {
        rows.push_back((i % 3 == 1 ? 10.0 : 0.0) + 0.1 * rng.normal());
        rows.push_back((i % 3 == 2 ? 10.0 : 0.0) + 0.1 * rng.normal());
    }
    return rows;
}

TEST(KMeans, FindsSeparateClouds) {
    const std::vector<double> rows = three_clouds(1500);
    // Three random rows seldom start in three clouds, and Lloyd's iterations stay in a local optimum.
    KMeans result = fit_kmeans(rows, 2, 3, 12, 1);
    for (int seed = 2; seed <= 20; ++seed) {
        const KMeans other = fit_kmeans(rows, 2, 3, 12, static_cast<std::uint64_t>(seed));
        if (other.mean_square < result.mean_square) result = other;
    }
    for (int i = 3; i < 1500; ++i) EXPECT_EQ(result.assignment[i], result.assignment[i % 3]);
    EXPECT_EQ((std::set<int>(result.assignment.begin(), result.assignment.end()).size()), 3u);
    EXPECT_NEAR(result.mean_square, 0.01, 0.001);
    const double* second = result.centroids.data() + 2 * result.assignment[1];
    EXPECT_NEAR(second[0], 10.0, 0.02);
    EXPECT_NEAR(second[1], 0.0, 0.02);
}

TEST(KMeans, TheLowestIndexWinsATie) {
    const std::vector<double> centroids = {4, 0, 1, 0, -1, 0, 1, 0};
    const std::vector<double> rows = {0, 5, 2, 0};
    double square = 0;
    EXPECT_EQ(assign_rows(rows, 2, centroids, &square), (std::vector<std::int32_t>{1, 1}));
    EXPECT_NEAR(square, 26.0 + 1.0, 1e-12);
}

TEST(KMeans, MoreThanOneBlockOfRowsAndAnOddBook) {
    // Every row is one of 37 grid points: the nearest centroid is known.
    std::vector<double> centroids, rows;
    for (int k = 0; k < 37; ++k) centroids.insert(centroids.end(), {1.0 * k, -1.0 * k, 0.5});
    for (int i = 0; i < 3000; ++i) rows.insert(rows.end(), {i % 37 + 0.2, -(i % 37) + 0.2, 0.5});
    const std::vector<std::int32_t> found = assign_rows(rows, 3, centroids);
    for (int i = 0; i < 3000; ++i) ASSERT_EQ(found[i], i % 37);
}

TEST(KMeans, EmptyCellsAreReplaced) {
    // Twelve equal rows among the first draws leave cells empty; in the end four distinct values need four
    // cells.
    std::vector<double> rows(40, 0.0);
    for (int i = 0; i < 4; ++i) rows[i * 10] = 100.0 * (i + 1);
    const KMeans result = fit_kmeans(rows, 1, 5, 200, 4);
    EXPECT_GT(result.replaced, 0);
    EXPECT_NEAR(result.mean_square, 0.0, 1e-12);
}

TEST(KMeans, SeedAndThreads) {
    Rng rng(9);
    std::vector<double> rows(16 * 4000);
    for (double& value : rows) value = rng.normal();
    at::set_num_threads(1);
    const KMeans one = fit_kmeans(rows, 16, 64, 5, 7);
    at::set_num_threads(2);
    const KMeans two = fit_kmeans(rows, 16, 64, 5, 7);
    EXPECT_EQ(one.centroids, two.centroids);
    EXPECT_EQ(one.assignment, two.assignment);
    EXPECT_NE(one.centroids, fit_kmeans(rows, 16, 64, 5, 8).centroids);
}

TEST(KMeans, ABookLargerThanTheDataIsRefused) {
    EXPECT_THROW(fit_kmeans(std::vector<double>(8, 1.0), 2, 5, 1, 1), ConfigError);
}

}  // namespace
}  // namespace linvox
