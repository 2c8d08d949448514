#include "src/train/moments8.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/model/device.h"
#include "src/model/torch_compat.h"
#include "src/train/optimizer.h"

namespace linvox {
namespace {

constexpr AdamWStep kFirst{
    .learning_rate = 0.01, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1, .step = 1};

at::Tensor noise(at::IntArrayRef shape, double scale = 1.0) {
    at::Tensor values = at::randn(shape) * scale;
    return values.contiguous();
}

// A first step divides g by its own magnitude: what is remembered plays no part yet.
TEST(Moments8, FirstStepIsAdamWs) {
    const at::Tensor grad = noise({37, 131});
    const at::Tensor value = noise({37, 131}), other = value.clone(), start = value.clone();
    const Moments8 moments = make_moments8(value);
    adamw_step8(value, grad, moments, kFirst, 3);
    at::Tensor first = at::zeros_like(other), second = at::zeros_like(other), step = at::full({}, 1.0F);
    at::_fused_adamw_({other}, {grad}, {first}, {second}, {}, {step}, kFirst.learning_rate, kFirst.beta1,
                      kFirst.beta2, kFirst.weight_decay, kFirst.epsilon, false, false);
    EXPECT_LT((value - other).abs().max().item<double>(), 1e-6);
    EXPECT_GT((value - start).abs().mean().item<double>(), 0.005) << "and it moved";
}

TEST(Moments8, CodesKeepMagnitudesOver15BinadesToAnEighth) {
    const at::Tensor value = at::zeros({8192});
    const at::Tensor grad = noise({8192}).sign() * (-15.0 * std::log(2.0) * at::rand({8192})).exp();
    const Moments8 moments = make_moments8(value);
    adamw_step8(value, grad, moments, kFirst, 0);
    const at::Tensor first = decoded_exp_avg(moments), second = decoded_exp_avg_sq(moments);
    EXPECT_LT(((first / (0.1 * grad)) - 1).abs().max().item<double>(), 0.126);
    EXPECT_LT(((second / (0.05 * grad * grad)) - 1).abs().max().item<double>(), 0.126);
    EXPECT_GT(((first / (0.1 * grad)) - 1).abs().mean().item<double>(), 0.01) << "8 bits cannot be exact";
    EXPECT_TRUE(at::equal(first.sign(), grad.sign()));
}

// Rounding to nearest would leave both where a step is finer than the grid: 1 + 0.05 (1.5 - 1) is no new
// code.
TEST(Moments8, RunningMeansArriveBecauseRoundingIsRightInTheMean) {
    const at::Tensor value = at::zeros({65536});
    const Moments8 moments = make_moments8(value);
    AdamWStep step = kFirst;
    step.beta1 = 0.97;
    for (int i = 0; i < 300; ++i, ++step.step)
        adamw_step8(value, at::full({65536}, i < 150 ? 1.0F : 1.2F), moments, step, 0);
    EXPECT_NEAR(decoded_exp_avg(moments).mean().item<double>(), 1.2, 0.02);
    EXPECT_NEAR(decoded_exp_avg_sq(moments).mean().item<double>(), 1.44, 0.03);
}

// bfloat16 has steps of 1/256 below 1: rounded to nearest, none of these updates would ever arrive.
TEST(Moments8, UpdatesFinerThanBfloat16ArriveInTheMean) {
    const at::Tensor value = at::full({65536}, 1.0F).to(at::kBFloat16);
    const at::Tensor grad = at::full({65536}, 1.0F).to(at::kBFloat16);
    const Moments8 moments = make_moments8(value);
    AdamWStep step = kFirst;
    step.learning_rate = 1e-4;
    step.weight_decay = 0.0;
    for (; step.step <= 100; ++step.step) adamw_step8(value, grad, moments, step, 5);
    EXPECT_NEAR(value.to(at::kFloat).mean().item<double>(), 0.99, 3e-4);
    EXPECT_GT(value.to(at::kFloat).std().item<double>(), 1e-3) << "by chance, each for itself";
}

TEST(Moments8, TheResultDoesNotDependOnTheNumberOfThreads) {
    at::Tensor results[2];
    const at::Tensor start = noise({300, 257}), grad = noise({300, 257});
    for (const int threads : {1, 2}) {
        configure_threads(threads);
        const at::Tensor value = start.clone();
        const Moments8 moments = make_moments8(value);
        AdamWStep step = kFirst;
        for (; step.step < 5; ++step.step)
            adamw_step8(value, grad * static_cast<double>(step.step), moments, step, 7);
        results[threads - 1] = value;
    }
    configure_threads(1);
    EXPECT_TRUE(at::equal(results[0], results[1]));
}

/// Least squares with badly scaled columns: final loss after `steps` with these moments.
double regression_loss(const std::string& moments, at::ScalarType kept = at::kFloat) {
    const at::Tensor truth = at::full({96, 64}, 0.5F), scale = (noise({96}).exp()).contiguous();
    at::Tensor weight = at::zeros({96, 64}, kept).set_requires_grad(true);
    AdamW optimiser({trained_parameter("w", weight)}, {.weight_decay = 0.0, .moments = moments});
    double loss_now = 0;
    for (int i = 0; i < 400; ++i) {
        const at::Tensor x = noise({32, 96}) * scale;
        const at::Tensor loss = (x.matmul(weight - truth)).square().mean();
        loss_now = loss.item<double>();
        optimiser.zero_grad();
        loss.backward();
        optimiser.step(0.01 * (1.0 - i / 400.0));
    }
    return loss_now;
}

TEST(Moments8, LearnsAsWellAsFloat32) {
    const double wide = regression_loss("f32"), narrow = regression_loss("8bit");
    EXPECT_LT(wide, 0.05);
    EXPECT_LT(narrow, 0.05);
    EXPECT_LT(regression_loss("8bit", at::kBFloat16), 0.05);
}

TEST(Moments8, AGpuMakesTheSameSteps) {
    if (!compute_device().is_cuda()) GTEST_SKIP() << "no GPU";
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
        const at::Tensor value = noise({37, 131}).to(dtype),
                         gpu_value = value.to(compute_device(), dtype, false, true);
        const Moments8 moments = make_moments8(value), gpu_moments = make_moments8(gpu_value);
        const at::Tensor scale = at::full({}, 0.5F);
        AdamWStep step = kFirst;
        for (; step.step <= 20; ++step.step) {
            const at::Tensor grad = noise({37, 131}).to(dtype);
            adamw_step8(value, grad, moments, step, 3, scale);
            adamw_step8(gpu_value, grad.to(compute_device()), gpu_moments, step, 3,
                        scale.to(compute_device()));
        }
        // A root rounded otherwise may turn a chance here and there.
        const at::Tensor gap = (gpu_value.cpu().to(at::kFloat) - value.to(at::kFloat)).abs();
        EXPECT_LT(gap.max().item<double>(), 0.05) << c10::toString(dtype);
        EXPECT_LT(gap.mean().item<double>(), 1e-4) << c10::toString(dtype);
        EXPECT_GT(moments.exp_avg.eq(gpu_moments.exp_avg.cpu()).to(at::kFloat).mean().item<double>(), 0.99);
        EXPECT_GT(moments.exp_avg_sq.eq(gpu_moments.exp_avg_sq.cpu()).to(at::kFloat).mean().item<double>(),
                  0.99);
    }
}

TEST(Moments8, StateComesBackBitForBit) {
    at::Tensor weight = noise({80, 64}).set_requires_grad(true), bias = noise({5}).set_requires_grad(true);
    const auto build = [&] {
        return AdamW({trained_parameter("w", weight), trained_parameter("b", bias)}, {.moments = "8bit"});
    };
    const auto one_step = [&](AdamW& optimiser) {
        optimiser.zero_grad();
        (weight.square().sum() + bias.square().sum()).backward();
        optimiser.step(0.01);
    };
    AdamW first = build();
    one_step(first);
    TensorMap saved;
    for (const auto& [name, tensor] : first.state()) saved[name] = tensor.clone();
    EXPECT_EQ(saved.at("w.exp_avg").scalar_type(), at::kByte);
    EXPECT_EQ(saved.at("b.exp_avg").scalar_type(), at::kFloat);
    const at::Tensor weight_then = weight.detach().clone();
    one_step(first);
    const at::Tensor expected = weight.detach().clone();
    {
        const at::NoGradGuard no_grad;
        weight.copy_(weight_then);
    }
    AdamW second = build();
    second.load_state(saved);
    one_step(second);
    EXPECT_TRUE(at::equal(weight, expected));
}

}  // namespace
}  // namespace linvox
