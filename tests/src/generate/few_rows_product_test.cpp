// Against at::linear in float64.
#include "src/generate/few_rows_product.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "src/model/torch_compat.h"

namespace linvox {
namespace {

struct Product {
    at::Tensor x, weight, bias;
};

Product random_product(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, at::ScalarType dtype) {
    const auto random = [&](at::IntArrayRef sizes) { return at::randn(sizes, at::kFloat).to(dtype); };
    return {random({rows, inputs}), random({outputs, inputs}), random({outputs})};
}

/// Largest distance to the float64 result, over the rounding unit of the result's dtype.
double error_units(const Product& p, bool biased) {
    const at::Tensor found = few_rows_product(p.x, p.weight, biased ? p.bias : at::Tensor());
    EXPECT_EQ(found.scalar_type(), p.weight.scalar_type());
    const at::Tensor bias = biased ? p.bias.to(at::kDouble) : at::Tensor();
    const at::Tensor expected = at::linear(p.x.to(at::kDouble), p.weight.to(at::kDouble), bias);
    const double unit = found.scalar_type() == at::kFloat ? 0x1p-24 : 0x1p-8;
    // Sums of float32 err in proportion to the sum of the magnitudes.
    const at::Tensor scale = found.scalar_type() == at::kFloat
                                 ? at::linear(p.x.to(at::kDouble).abs(), p.weight.to(at::kDouble).abs()) + 4.0
                                 : expected.abs() + 0.01;
    return ((found.to(at::kDouble) - expected).abs() / scale).max().item<double>() / unit;
}

TEST(FewRowsProduct, EqualsLinearInFloat64) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16})
        for (const auto& [inputs, outputs] :
             {std::pair{1, 1}, {7, 5}, {16, 4}, {40, 13}, {100, 50}, {896, 301}})
            for (const std::int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 19})
                for (const bool biased : {false, true})
                    EXPECT_LE(error_units(random_product(rows, inputs, outputs, dtype), biased), 8.0)
                        << rows << " x " << inputs << " x " << outputs << (biased ? " biased " : " ")
                        << dtype;
}

TEST(FewRowsProduct, ARowDependsOnNoOtherRowAndNoThread) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
        const Product p = random_product(19, 203, 1001, dtype);
        configure_threads(2);
        const at::Tensor together = few_rows_product(p.x, p.weight, p.bias);
        configure_threads(1);
        EXPECT_TRUE(at::equal(few_rows_product(p.x, p.weight, p.bias), together));
        for (std::int64_t rows = 1; rows <= 9; ++rows) {
            const at::Tensor some = few_rows_product(p.x.slice(0, 10, 10 + rows), p.weight, p.bias);
            EXPECT_TRUE(at::equal(some, together.slice(0, 10, 10 + rows))) << rows << ' ' << dtype;
        }
    }
}

TEST(FewRowsProduct, TakesRowsThatStandApart) {
    const Product p = random_product(4, 64, 9, at::kFloat);
    const at::Tensor apart = p.x.t().contiguous().t();
    EXPECT_TRUE(at::equal(few_rows_product(apart, p.weight, {}), few_rows_product(p.x, p.weight, {})));
}

TEST(FewRowsProduct, OfNoRowsIsEmpty) {
    const Product p = random_product(0, 8, 3, at::kFloat);
    EXPECT_EQ(few_rows_product(p.x, p.weight, p.bias).sizes(), (at::IntArrayRef{0, 3}));
}

}  // namespace
}  // namespace linvox
