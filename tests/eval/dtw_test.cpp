#include "eval/dtw.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"
#include "tests/audio/synthetic_voice.h"

namespace linvox {
namespace {

std::vector<double> random_rows(std::size_t rows, std::size_t dim, std::uint32_t seed) {
    std::vector<double> x(rows * dim);
    for (double& value : x) value = next_noise(seed);
    return x;
}

double distance(const std::vector<double>& a, std::size_t i, const std::vector<double>& b, std::size_t j,
                std::size_t dim) {
    double sum = 0;
    for (std::size_t d = 0; d < dim; ++d) sum += std::pow(a[i * dim + d] - b[j * dim + d], 2);
    return std::sqrt(sum);
}

// The recurrence as it is written in textbooks: the whole matrix, no blocks.
double plain_cost(const std::vector<double>& a, const std::vector<double>& b, std::size_t dim) {
    const std::size_t rows = a.size() / dim, columns = b.size() / dim;
    std::vector<double> total(rows * columns);
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j) {
            double best = i || j ? 1e300 : 0;
            if (i && j) best = std::min(best, total[(i - 1) * columns + j - 1]);
            if (i) best = std::min(best, total[(i - 1) * columns + j]);
            if (j) best = std::min(best, total[i * columns + j - 1]);
            total[i * columns + j] = best + distance(a, i, b, j, dim);
        }
    return total.back();
}

TEST(Dtw, AgreesWithTheFullMatrix) {
    for (const auto& [rows, columns, dim] :
         {std::tuple{1, 1, 3}, {1, 5, 2}, {6, 1, 2}, {15, 16, 4}, {17, 33, 24}, {70, 41, 1}}) {
        const auto d = static_cast<std::size_t>(dim);
        const std::vector<double> a = random_rows(static_cast<std::size_t>(rows), d, 1);
        const std::vector<double> b = random_rows(static_cast<std::size_t>(columns), d, 2);
        const DtwResult full = dtw(std::span(a), std::span(b), d),
                        cost = dtw_cost(std::span(a), std::span(b), d);
        EXPECT_NEAR(full.cost, plain_cost(a, b, d), 1e-9) << rows << " x " << columns;
        EXPECT_EQ(full.cost, cost.cost);
        EXPECT_EQ(full.path_length, cost.path_length);
        EXPECT_TRUE(cost.path.empty());
    }
}

TEST(Dtw, ThePathIsLegalAndCostsWhatItSays) {
    const std::vector<double> a = random_rows(90, 5, 3), b = random_rows(61, 5, 4);
    const DtwResult result = dtw(std::span(a), std::span(b), 5);
    ASSERT_EQ(result.path.size(), result.path_length);
    EXPECT_EQ(result.path.front(), (DtwStep{0, 0}));
    EXPECT_EQ(result.path.back(), (DtwStep{89, 60}));
    double cost = distance(a, 0, b, 0, 5);
    for (std::size_t n = 1; n < result.path.size(); ++n) {
        const std::uint32_t da = result.path[n].a - result.path[n - 1].a,
                            db = result.path[n].b - result.path[n - 1].b;
        EXPECT_TRUE(da <= 1 && db <= 1 && da + db >= 1);
        cost += distance(a, result.path[n].a, b, result.path[n].b, 5);
    }
    EXPECT_NEAR(cost, result.cost, 1e-9);
}

TEST(Dtw, TiesGoDiagonalThenDown) {
    const std::vector<double> a(3), b(2);  // every path costs 0
    const std::vector<DtwStep> expected{{0, 0}, {1, 0}, {2, 1}};
    EXPECT_EQ(dtw(std::span(a), std::span(b), 1).path, expected);
    const std::vector<DtwStep> wide{{0, 0}, {0, 1}, {1, 2}};
    EXPECT_EQ(dtw(std::span(b), std::span(a), 1).path, wide);
}

TEST(Dtw, RemovesAPureDelay) {
    const std::vector<double> a{0, 0, 0, 1, 5, 2, 0}, b{0, 1, 1, 5, 2, 2, 0, 0};
    EXPECT_EQ(dtw_cost(std::span(a), std::span(b), 1).cost, 0);
}

TEST(Dtw, FloatFeaturesAgreeClosely) {
    const std::vector<double> a = random_rows(100, 24, 5), b = random_rows(83, 24, 6);
    const std::vector<float> fa(a.begin(), a.end()), fb(b.begin(), b.end());
    const double exact = dtw_cost(std::span(a), std::span(b), 24).cost;
    const DtwResult single = dtw(std::span(fa), std::span(fb), 24);
    EXPECT_NEAR(single.cost, exact, 1e-5 * exact);
    EXPECT_EQ(single.cost, dtw_cost(std::span(fa), std::span(fb), 24).cost);
}

TEST(Dtw, RefusesEmptyOrRaggedInput) {
    const std::vector<double> a(6), none;
    EXPECT_THROW(dtw(std::span(a), std::span(none), 2), BugError);
    EXPECT_THROW(dtw(std::span(a), std::span(a), 4), BugError);
    EXPECT_THROW(dtw_cost(std::span(a), std::span(a), 0), BugError);
}

}  // namespace
}  // namespace linvox
