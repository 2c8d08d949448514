#include "src/train/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"

namespace linvox {
namespace {

at::Tensor leaf(std::vector<float> values, at::IntArrayRef shape) {
    return at::tensor(values).reshape(shape).clone().set_requires_grad(true);
}

struct Problem {
    at::Tensor w = leaf({0.5F, -1.0F, 2.0F, 0.25F}, {2, 2});
    at::Tensor b = leaf({0.1F, -0.3F}, {2});
    AdamW optimiser{{trained_parameter("w", w), trained_parameter("b", b)},
                    {.learning_rate = 0.05, .weight_decay = 0.1}};

    double step(double rate, double max_norm = 1.0) {
        optimiser.zero_grad();
        const at::Tensor y = w.matmul(at::tensor({1.0F, -2.0F})) + b;
        (y.pow(3).sum() * 0.1 + w.pow(2).sum()).backward();
        const double norm = optimiser.clip_grad_norm(max_norm).item<double>();
        optimiser.step(rate);
        return norm;
    }
};

void expect_values(const at::Tensor& tensor, const std::vector<double>& expected) {
    const at::Tensor flat = tensor.detach().flatten();
    ASSERT_EQ(flat.numel(), static_cast<std::int64_t>(expected.size()));
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(flat[static_cast<std::int64_t>(i)].item<double>(), expected[i], 1e-6) << "element " << i;
}

// Golden numbers: PyTorch 2.13.0 (CPU), torch.optim.AdamW with groups [w: weight_decay 0.1], [b: 0], betas
// 0.9/0.95, eps 1e-8, lr 0.05/(step+1), torch.nn.utils.clip_grad_norm_(1.0); y = w (1, -2) + b, loss =
// 0.1 sum(y^3) + sum(w^2).
TEST(AdamW, FollowsPyTorchOverThreeClippedSteps) {
    Problem problem;
    EXPECT_NEAR(problem.step(0.05), 8.36172485, 1e-4);
    expect_values(problem.w, {0.44749999, -0.944999993, 1.94000006, 0.298749983});
    expect_values(problem.b, {0.0500000045, -0.349999994});
    EXPECT_NEAR(problem.step(0.05 / 2), 7.44512939, 1e-4);
    expect_values(problem.w, {0.421396524, -0.917643428, 1.91014099, 0.314589709});
    expect_values(problem.b, {0.0250276215, -0.374698848});
    EXPECT_NEAR(problem.step(0.05 / 3), 7.03069782, 1e-4);
    expect_values(problem.w, {0.404049158, -0.899456263, 1.89027548, 0.317493767});
    expect_values(problem.b, {0.00839809701, -0.391024619});
}

TEST(AdamW, DecaysMatricesAndLeavesVectors) {
    at::Tensor w = leaf({1.0F}, {1, 1}), b = leaf({1.0F}, {1});
    AdamW optimiser({trained_parameter("w", w), trained_parameter("b", b)}, {.weight_decay = 0.5});
    (w.sum() * 0.0 + b.sum() * 0.0).backward();
    optimiser.step(0.1);
    EXPECT_NEAR(w.item<double>(), 0.95, 1e-6);  // 1 - 0.1 * 0.5
    EXPECT_EQ(b.item<double>(), 1.0);
}

TEST(AdamW, ClipReportsTheNormBeforeAndScalesToTheLimit) {
    at::Tensor w = leaf({0.0F, 0.0F}, {2});
    AdamW optimiser({trained_parameter("w", w)}, {});
    (w * at::tensor({6.0F, 8.0F})).sum().backward();
    EXPECT_NEAR(optimiser.clip_grad_norm(1.0, 2.0).item<double>(), 5.0, 1e-5);  // (6, 8) / 2
    expect_values(w.grad(), {0.6, 0.8});
}

TEST(AdamW, NoLimitOnlyDivides) {
    at::Tensor w = leaf({0.0F, 0.0F}, {2});
    AdamW optimiser({trained_parameter("w", w)}, {});
    (w * at::tensor({6.0F, 8.0F})).sum().backward();
    optimiser.clip_grad_norm(0.0, 4.0);
    expect_values(w.grad(), {1.5, 2.0});
}

TEST(AdamW, StateGoesOnWhereItStopped) {
    Problem first;
    first.step(0.05);
    TensorMap state;
    for (const auto& [name, tensor] : first.optimiser.state()) state[name] = tensor.clone();
    Problem second;
    second.w.set_data(first.w.detach().clone());
    second.b.set_data(first.b.detach().clone());
    second.optimiser.load_state(state);
    EXPECT_EQ(second.optimiser.steps_done(), 1);
    first.step(0.02);
    second.step(0.02);
    EXPECT_TRUE(at::equal(first.w, second.w));
    EXPECT_TRUE(at::equal(first.b, second.b));
}

TEST(AdamW, RefusesStateOfAnotherModel) {
    Problem problem;
    TensorMap state = problem.optimiser.state();
    state["w.exp_avg"] = at::zeros({3});
    EXPECT_THROW(problem.optimiser.load_state(state), DataError);
    state.erase("w.exp_avg");
    EXPECT_THROW(problem.optimiser.load_state(state), DataError);
}

TEST(AdamW, RefusesDoubleNamesAndOtherTypes) {
    at::Tensor w = leaf({1.0F}, {1});
    EXPECT_THROW(AdamW({trained_parameter("w", w), trained_parameter("w", w)}, {}), BugError);
    EXPECT_THROW(AdamW({trained_parameter("w", at::zeros({1}, at::kDouble))}, {}), BugError);
    EXPECT_THROW(AdamW({}, {}), BugError);
}

TEST(AdamW, LeavesParametersWithoutGradientAlone) {
    at::Tensor w = leaf({1.0F}, {1}), idle = leaf({1.0F}, {1, 1});
    AdamW optimiser({trained_parameter("w", w), trained_parameter("idle", idle)}, {.weight_decay = 0.5});
    w.sum().backward();
    optimiser.step(0.1);
    EXPECT_EQ(idle.item<double>(), 1.0);
    EXPECT_NE(w.item<double>(), 1.0);
}

}  // namespace
}  // namespace linvox
