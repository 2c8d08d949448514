// joined_linear and swiglu_linear against ATen's operations one by one, values and gradients.
#include "src/model/joined_linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "src/model/layer_ops.h"

namespace linvox {
namespace {

at::Tensor leaf(at::IntArrayRef shape, at::ScalarType dtype) {
    return at::randn(shape, at::TensorOptions().dtype(at::kDouble)).to(dtype).requires_grad_(true);
}

std::vector<at::Tensor> gradients(const at::Tensor& y, const std::vector<at::Tensor>& leaves) {
    for (const at::Tensor& tensor : leaves) tensor.mutable_grad().reset();
    (y * y).sum().backward();
    std::vector<at::Tensor> grads;
    for (const at::Tensor& tensor : leaves) grads.push_back(tensor.grad().clone());
    return grads;
}

TEST(JoinedLinear, EqualsOneLinearWithTheMatricesBelowEachOther) {
    const at::Tensor x = leaf({7, 5}, at::kDouble), bias = leaf({9}, at::kDouble);
    const std::vector<at::Tensor> weights{leaf({4, 5}, at::kDouble), leaf({2, 5}, at::kDouble),
                                          leaf({3, 5}, at::kDouble)};
    const std::vector<at::Tensor> leaves{x, bias, weights[0], weights[1], weights[2]};
    const at::Tensor y = joined_linear(x, weights, bias), expected = at::linear(x, at::cat(weights), bias);
    EXPECT_TRUE(at::allclose(y, expected, 1e-12, 1e-12));
    const auto grads = gradients(y, leaves), wanted = gradients(expected, leaves);
    for (std::size_t i = 0; i < leaves.size(); ++i)
        EXPECT_TRUE(at::allclose(grads[i], wanted[i], 1e-10, 1e-10)) << "leaf " << i;
}

TEST(JoinedLinear, CastsWiderMatricesAndReturnsTheirGradientsWide) {
    const at::Tensor x = leaf({6, 8}, at::kBFloat16);
    const std::vector<at::Tensor> weights{leaf({4, 8}, at::kFloat), leaf({4, 8}, at::kFloat)};
    const std::vector<at::Tensor> leaves{x, weights[0], weights[1]};
    const at::Tensor y = joined_linear(x, weights);
    const at::Tensor expected = at::linear(x, at::cat(weights).to(at::kBFloat16));
    EXPECT_TRUE(at::equal(y, expected));
    const auto grads = gradients(y, leaves), wanted = gradients(expected, leaves);
    EXPECT_EQ(grads[1].scalar_type(), at::kFloat);
    for (std::size_t i = 0; i < leaves.size(); ++i)
        EXPECT_TRUE(at::equal(grads[i], wanted[i])) << "leaf " << i;
}

TEST(JoinedLinear, FrozenMatricesHaveNoGradient) {
    const at::Tensor x = leaf({3, 4}, at::kDouble), trained = leaf({2, 4}, at::kDouble);
    const at::Tensor frozen = leaf({2, 4}, at::kDouble).detach();
    joined_linear(x, {frozen, trained}).sum().backward();
    EXPECT_FALSE(frozen.grad().defined());
    EXPECT_TRUE(at::allclose(trained.grad(), x.detach().sum(0).expand({2, 4})));
}

TEST(JoinedLinear, ABiasOfEachMatrixLearnsItsOwnShare) {
    const at::Tensor x = leaf({7, 5}, at::kDouble);
    const std::vector<at::Tensor> weights{leaf({4, 5}, at::kDouble), leaf({2, 5}, at::kDouble)};
    const std::vector<at::Tensor> biases{leaf({4}, at::kDouble), leaf({2}, at::kDouble)};
    const at::Tensor y = joined_linear(x, weights, biases);
    const at::Tensor expected = at::linear(x, at::cat(weights), at::cat(biases));
    const auto grads = gradients(y, {biases[0], biases[1]}),
               wanted = gradients(expected, {biases[0], biases[1]});
    for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(at::allclose(grads[i], wanted[i], 1e-10, 1e-10)) << i;
}

TEST(JoinedRows, AreAViewOnlyWhereThePartsLieTogether) {
    std::vector<at::Tensor> parts{leaf({4, 5}, at::kDouble), leaf({2, 5}, at::kDouble),
                                  leaf({1, 5}, at::kDouble)};
    const at::Tensor whole = at::cat(parts).detach();
    EXPECT_TRUE(at::equal(joined_rows(parts, at::kDouble), whole));
    EXPECT_FALSE(joined_rows(parts, at::kDouble).is_alias_of(parts[0]));
    lay_together({&parts[0], &parts[1], &parts[2]});
    const at::Tensor view = joined_rows(parts, at::kDouble);
    EXPECT_TRUE(at::equal(view, whole));
    EXPECT_TRUE(view.is_alias_of(parts[0]) && view.is_alias_of(parts[2]));
    EXPECT_EQ(joined_rows(parts, at::kFloat).scalar_type(), at::kFloat);
    EXPECT_FALSE(joined_rows({parts[0], parts[2]}, at::kDouble).is_alias_of(parts[0]))
        << "a gap between them";
    EXPECT_TRUE(at::equal(joined_rows({parts[1], parts[0]}, at::kDouble), at::cat({parts[1], parts[0]})));
    for (at::Tensor& part : parts) EXPECT_TRUE(part.requires_grad_(true).is_leaf());
}

TEST(SwigluLinear, EqualsLinearOfSwiglu) {
    const at::Tensor gate_up = leaf({5, 12}, at::kDouble), weight = leaf({4, 6}, at::kDouble);
    const at::Tensor y = swiglu_linear(gate_up, weight), expected = at::linear(swiglu(gate_up), weight);
    EXPECT_TRUE(at::allclose(y, expected, 1e-12, 1e-12));
    const auto grads = gradients(y, {gate_up, weight}), wanted = gradients(expected, {gate_up, weight});
    for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(at::allclose(grads[i], wanted[i], 1e-10, 1e-10));
}

}  // namespace
}  // namespace linvox
