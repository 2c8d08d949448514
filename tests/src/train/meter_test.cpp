#include "src/train/meter.h"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>

namespace linvox {
namespace {

TEST(MeterSum, DividesSumsOnceAndNotMeansOfMeans) {
    MeterSum sum;
    sum.add({at::scalar_tensor(6.0), 3.0, {{"acc", 3.0, 3.0}}, {}, {}});
    sum.add({at::scalar_tensor(10.0), 1.0, {{"acc", 0.0, 1.0}}, {}, {}});
    const auto read = sum.read({{"norm", at::scalar_tensor(2.5)}});
    EXPECT_DOUBLE_EQ(read.at("loss"), 4.0);  // 16 / 4, where the mean of means is 6
    EXPECT_DOUBLE_EQ(read.at("acc"), 0.75);
    EXPECT_DOUBLE_EQ(read.at("norm"), 2.5);
}

TEST(MeterSum, PercentilesOverAllMicroBatches) {
    MeterSum sum;
    sum.add({at::scalar_tensor(0.0), 1.0, {}, {{"x", at::tensor({-4.0, -3.0, -2.0})}}, {}});
    sum.add({at::scalar_tensor(0.0), 1.0, {}, {{"x", at::tensor({-1.0, 0.0})}}, {}});
    const auto read = sum.read();
    EXPECT_DOUBLE_EQ(read.at("x"), -2.0);
    EXPECT_DOUBLE_EQ(read.at("x_p10"), -3.6);
    EXPECT_DOUBLE_EQ(read.at("x_p50"), -2.0);
    EXPECT_DOUBLE_EQ(read.at("x_p90"), -0.4);
}

TEST(MeterSum, ACountOfZeroIsNotANumber) {
    MeterSum sum;
    sum.add({at::scalar_tensor(1.0), 1.0, {{"none", 0.0, 0.0}}, {}, {}});
    EXPECT_TRUE(std::isnan(sum.read().at("none")));
}

TEST(Quantile, InterpolatesAndKnowsTheEnds) {
    EXPECT_DOUBLE_EQ(quantile({3.0, 1.0}, 0.25), 1.5);
    EXPECT_DOUBLE_EQ(quantile({3.0, 1.0, 2.0}, 1.0), 3.0);
    EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

}  // namespace
}  // namespace linvox
