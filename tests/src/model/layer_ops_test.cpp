// The CPU kernels (row_kernels, attention_kernel) against the ATen compositions (composite_ops), values and
// gradients. The compositions are checked against a plain loop in decoder_test.cpp.
#include "src/model/layer_ops.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "src/model/composite_ops.h"
#include "tests/src/model/op_fixtures.h"

namespace linvox {
namespace {

/// Outputs of `function` and the gradients of their product with fixed noise.
TensorList outputs_and_grads(const std::function<TensorList(const TensorList&)>& function,
                             const TensorList& inputs) {
    TensorList leaves;
    for (const at::Tensor& input : inputs)
        leaves.push_back(input.defined() ? input.detach().clone().requires_grad_(true) : input);
    TensorList all = function(leaves);
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (std::size_t i = 0; i < all.size(); ++i)
        loss = loss + (all[i].to(at::kDouble) * noise(all[i].sizes(), at::kDouble, 100 + i)).sum();
    loss.backward();
    for (const at::Tensor& leaf : leaves)
        if (leaf.defined()) all.push_back(leaf.grad());
    return all;
}

void expect_close(const TensorList& a, const TensorList& b, double tolerance) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        ASSERT_EQ(a[i].scalar_type(), b[i].scalar_type()) << i;
        EXPECT_TRUE(close(a[i].to(at::kDouble), b[i].to(at::kDouble), tolerance))
            << "tensor " << i << ": "
            << (a[i].to(at::kDouble) - b[i].to(at::kDouble)).abs().max().item<double>();
    }
}

struct Precision {
    at::ScalarType residual, branch;
    double tolerance;
};
const Precision kPrecisions[] = {{at::kDouble, at::kDouble, 1e-11},
                                 {at::kFloat, at::kFloat, 2e-4},
                                 {at::kFloat, at::kBFloat16, 0.2},
                                 {at::kBFloat16, at::kBFloat16, 0.5}};

TEST(ResidualNorm, EqualsItsComposition) {
    for (const Precision& p : kPrecisions)
        for (const double dropout : {0.0, 0.3})
            for (const bool has_x : {true, false}) {
                const std::int64_t width = 37, rows = 300;
                const DropoutSite site{dropout, 11, 3};
                const TensorList inputs{has_x ? noise({rows, width}, p.residual, 1) : at::Tensor(),
                                        noise({rows, width}, p.branch, 2), noise({width}, p.residual, 3)};
                const auto with = [&](auto function) {
                    return [&site, function](const TensorList& in) -> TensorList {
                        const auto [x, y] = function(in[0], in[1], in[2], 1e-6, site);
                        return {x, y};
                    };
                };
                expect_close(outputs_and_grads(with(residual_norm), inputs),
                             outputs_and_grads(with(residual_norm_composite), inputs),
                             p.residual == at::kFloat && p.branch == at::kBFloat16 ? 0.3 : p.tolerance);
            }
}

TEST(ResidualNorm, DropoutKeepsTheExpectedShareAndIsUnbiased) {
    const at::Tensor ones = at::ones({400, 50}, at::kFloat), weight = at::ones({50}, at::kFloat);
    const at::Tensor kept = residual_norm({}, ones, weight, 1e-6, {0.25, 5, 1}).first;
    EXPECT_NEAR(kept.eq(0).to(at::kFloat).mean().item<double>(), 0.25, 0.01);
    EXPECT_NEAR(kept.mean().item<double>(), 1.0, 0.015);
    EXPECT_TRUE(at::equal(kept, residual_norm({}, ones, weight, 1e-6, {0.25, 5, 1}).first));
    EXPECT_FALSE(at::equal(kept, residual_norm({}, ones, weight, 1e-6, {0.25, 6, 1}).first));
    EXPECT_FALSE(at::equal(kept, residual_norm({}, ones, weight, 1e-6, {0.25, 5, 2}).first));
}

TEST(SwiGlu, EqualsItsComposition) {
    for (const Precision& p : kPrecisions) {
        const TensorList inputs{noise({70, 2 * 23}, p.branch, 4) * 3.0};
        const auto with = [](auto function) {
            return [function](const TensorList& in) -> TensorList { return {function(in[0])}; };
        };
        expect_close(outputs_and_grads(with(swiglu), inputs),
                     outputs_and_grads(with(swiglu_composite), inputs),
                     p.branch == at::kBFloat16 ? 0.5 : p.tolerance);
    }
}

TEST(PackedAttention, EqualsItsComposition) {
    const PackedBatch batch = pack_records(mixed_records(3, 30), true);
    struct Shape {
        std::int64_t heads, kv_heads, head_dim;
    };
    for (const Shape& s : {Shape{3, 3, 64}, Shape{4, 2, 6}, Shape{6, 1, 40}})
        for (const Precision& p : kPrecisions) {
            if (p.residual != p.branch) continue;
            const auto plan = plan_of(batch, s.heads, s.kv_heads, s.head_dim, at::kCPU, p.branch);
            const TensorList inputs{
                noise({batch.tokens(), (s.heads + 2 * s.kv_heads) * s.head_dim}, p.branch, 5)};
            expect_close(
                outputs_and_grads(
                    [&](const TensorList& in) -> TensorList { return {packed_attention(in[0], plan)}; },
                    inputs),
                outputs_and_grads([&](const TensorList& in)
                                      -> TensorList { return {packed_attention_composite(in[0], *plan)}; },
                                  inputs),
                p.tolerance);
        }
}

TEST(PackedAttention, RefusesSegmentsThatDoNotTileTheBatch) {
    EXPECT_EQ(attention_groups({{0, 5, 0, 0}, {5, 7, 0, 3}, {7, 9, 0, 0}}, 9).size(), 2u);
    EXPECT_THROW(attention_groups({{0, 5, 0, 0}}, 6), BugError);
    EXPECT_THROW(attention_groups({{0, 5, 0, 0}, {4, 6, 0, 0}}, 6), BugError);
    EXPECT_THROW(attention_groups({{0, 5, 0, 0}, {5, 6, 4, 6}}, 6), BugError);
    EXPECT_THROW(attention_groups({{0, 3, 0, 0}, {3, 5, 0, 0}, {5, 6, 0, 2}}, 6), BugError);
}

TEST(Recomputed, GivesTheSameValuesAndGradients) {
    const TensorList inputs{noise({5, 4}, at::kDouble, 6), at::Tensor(), noise({4, 3}, at::kDouble, 7)};
    int calls = 0;
    const TensorFunction function = [&calls](const TensorList& in) -> TensorList {
        ++calls;
        EXPECT_FALSE(in[1].defined());
        return {in[0].matmul(in[2]).tanh(), in[0] * 2.0};
    };
    const TensorList plain = outputs_and_grads(function, inputs);
    EXPECT_EQ(calls, 1);
    const auto again = [&](const TensorList& in) { return recomputed(function, in); };
    expect_close(outputs_and_grads(again, inputs), plain, 0.0);
    EXPECT_EQ(calls, 3);  // once forward, once in backward
}

}  // namespace
}  // namespace linvox
