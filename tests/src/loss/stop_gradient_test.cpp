// Losses with stop-gradients: finite differences of the value do not show their gradient, so it is compared
// with the closed form, and for the LPO family with finite differences of each term, the other side frozen.
#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/base/rng.h"
#include "tests/src/loss/pairs.h"

namespace linvox {
namespace {

using enum LossOption;

struct Result {
    double value, by_chosen, by_rejected;
};

Result evaluate(const LossConfig& config, double x1, double x2) {
    const PairScores s = scores_at({x1}, {x2});
    LossState state;
    const at::Tensor loss = preference_loss(s, {}, config, state).per_pair_B;
    loss.sum().backward();
    return {loss.item<double>(), s.policy_chosen.grad().item<double>(),
            s.policy_rejected.grad().item<double>()};
}

double sigmoid(double v) { return 1.0 / (1.0 + std::exp(-v)); }

TEST(Lpo, IsExactlyTwoAtTheReference) {
    for (const double b : {0.01, 0.1, 0.2, 0.7, 3.0})
        for (const double weight : {0.1, 0.3, 1.0, 7.0}) {
            const Options weights = {{beta, b}, {r1, weight}, {r2, 0.2}};
            for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
                LossState state;
                const PairScores s = scores_at({0}, {0}, type);
                for (const char* kind : {"lpo-r", "lpo-ste"})
                    EXPECT_EQ(preference_loss(s, {}, loss_of(kind, weights), state).per_pair_B.item<double>(),
                              2.0);
                for (const char* kind : {"lpo", "lpo-ste-dynamic"})
                    EXPECT_EQ(
                        preference_loss(s, {}, loss_of(kind, {{beta, b}}), state).per_pair_B.item<double>(),
                        2.0);
            }
        }
}

TEST(Lpo, WeightsChangeTheSplitAndNothingElse) {
    Rng rng(7);
    for (int i = 0; i < 50; ++i) {
        const double x1 = 4 * rng.uniform() - 1, x2 = 4 * rng.uniform() - 3, b = 0.1 + rng.uniform();
        const double r = 0.05 + 2 * rng.uniform();
        const Result plain = evaluate(loss_of("lpo", {{beta, b}, {gamma, 0}}), x1, x2);
        const Result ste = evaluate(loss_of("lpo-ste", {{beta, b}, {r1, 1}, {r2, r}, {gamma, 0}}), x1, x2);
        const Result dynamic = evaluate(loss_of("lpo-ste-dynamic", {{beta, b}, {gamma, 0}}), x1, x2);
        EXPECT_EQ(ste.value, plain.value);
        EXPECT_EQ(dynamic.value, plain.value);
        const double side = x1 - x2 > 1 / (2 * b) ? 1.0 : -1.0;
        EXPECT_NEAR(ste.by_chosen, side * 4 * b / (1 + r), 1e-12);
        EXPECT_NEAR(ste.by_rejected, -side * 4 * b * r / (1 + r), 1e-12);
        EXPECT_NEAR(dynamic.by_chosen, side * 4 * b * sigmoid(x1 - x2), 1e-12);
        EXPECT_NEAR(dynamic.by_rejected, -side * 4 * b * sigmoid(x2 - x1), 1e-12);
        EXPECT_NEAR(std::abs(ste.by_chosen) + std::abs(ste.by_rejected), 4 * b, 1e-12);
    }
}

TEST(Lpo, OfEqualWeightsHasHalfTheGradientOfPlainLpo) {
    const Result ste = evaluate(loss_of("lpo-ste", {{r1, 1}, {r2, 1}, {gamma, 0}}), 0.3, -0.2);
    const Result plain = evaluate(loss_of("lpo", {{gamma, 0}}), 0.3, -0.2);
    EXPECT_NEAR(ste.by_chosen, plain.by_chosen / 2, 1e-15);
}

// Each term of lpo-ste with the other side frozen is r/(r1 + r2) of the lpo value in its own coordinate.
TEST(Lpo, TermsMatchFiniteDifferencesWithTheOtherSideFrozen) {
    const double w = 1.0 / 1.2, h = 1e-6;
    const auto value = [](double x1, double x2) {
        return evaluate(loss_of("lpo", {{gamma, 0}}), x1, x2).value;
    };
    const Result got = evaluate(loss_of("lpo-ste", {{gamma, 0}}), 0.4, -0.7);
    EXPECT_NEAR(got.by_chosen, w * (value(0.4 + h, -0.7) - value(0.4 - h, -0.7)) / (2 * h), 1e-7);
    EXPECT_NEAR(got.by_rejected, (1 - w) * (value(0.4, -0.7 + h) - value(0.4, -0.7 - h)) / (2 * h), 1e-7);
}

TEST(Lpo, GradientsAreZeroAtTheKinks) {
    const Result target = evaluate(loss_of("lpo-ste", {{beta, 0.2}}), 2.0, -0.5);  // margin = 2.5 = m
    EXPECT_EQ(target.value, 0.0);
    EXPECT_EQ(target.by_chosen, 0.0);
    EXPECT_EQ(target.by_rejected, 0.0);
    const Result start =
        evaluate(loss_of("lpo-ste", {{gamma, 10}}), 0.0, 0.0);  // x1 = 0: the positive term is silent
    EXPECT_NEAR(start.by_chosen, -0.8 / 1.2, 1e-12);
}

TEST(Lpo, DynamicWeightsStayFiniteOnLargeSums) {
    const PairScores s = scores_at({-300, 250}, {-280, -260}, at::kFloat);
    LossState state;
    const at::Tensor loss = preference_loss(s, {}, loss_of("lpo-ste-dynamic"), state).per_pair_B;
    loss.sum().backward();
    for (const at::Tensor& t : {loss, s.policy_chosen.grad(), s.policy_rejected.grad()})
        for (const double v : values_of(t)) EXPECT_TRUE(std::isfinite(v));
}

TEST(StopGradient, KtoHoldsItsReferencePoints) {
    const Values x1 = {0.7, -0.2, 1.1}, x2 = {-0.9, 0.4, 1.4};
    const double k_w = (0.7 - 0.2 + 1.1) / 3, k_l = (-0.9 + 0.4 + 1.4) / 3, b = 0.3;
    const PairScores s = scores_at(x1, x2);
    LossState state;
    preference_loss(s, {}, loss_of("kto_pair", {{beta, b}}), state).per_pair_B.sum().backward();
    for (std::size_t i = 0; i < 3; ++i) {
        const double up = sigmoid(b * (x1[i] - k_l)), down = sigmoid(b * (k_w - x2[i]));
        EXPECT_NEAR(values_of(s.policy_chosen.grad())[i], -0.5 * b * up * (1 - up), 1e-12);
        EXPECT_NEAR(values_of(s.policy_rejected.grad())[i], 0.5 * b * down * (1 - down), 1e-12);
    }
}

TEST(StopGradient, AdadpoHoldsItsBeta) {
    PairScores s = scores_at({-1.0}, {-1.4});
    s.reference_chosen = vector_of({-1.2});
    s.reference_rejected = vector_of({-1.1});
    LossState state;
    const at::Tensor loss = preference_loss(s, {}, loss_of("adadpo", {{beta, 0.5}}), state).per_pair_B;
    loss.sum().backward();
    const double b = 0.5 * std::exp(0.4), push = sigmoid(-(b * 0.2 - 0.5 * -0.3));  // e^(zw - zl) < clip
    EXPECT_NEAR(loss.item<double>(), -std::log(1 - push), 1e-12);
    EXPECT_NEAR(s.policy_chosen.grad().item<double>(), -push * b, 1e-12);
    EXPECT_NEAR(s.policy_rejected.grad().item<double>(), push * 0.5, 1e-12);
}

TEST(StopGradient, AdadpoBoundsItsBeta) {
    const PairScores s = scores_at({1.0}, {-3.0});
    LossState state;
    const at::Tensor loss =
        preference_loss(s, {}, loss_of("adadpo", {{beta, 0.1}, {clip, 2}}), state).per_pair_B;
    EXPECT_NEAR(loss.item<double>(), -std::log(sigmoid(0.2 * 1.0 + 0.1 * 3.0)), 1e-12);
}

TEST(StopGradient, AlphaDpoHoldsItsTarget) {
    PairScores s = scores_at({-1.0}, {-1.4});
    s.reference_chosen = vector_of({-1.2});
    s.reference_rejected = vector_of({-1.1});
    LossState state;
    state.terms = {{.margin_mean = 0.1, .margin_std = 0.5}};
    const at::Tensor loss = preference_loss(s, {}, loss_of("alpha_dpo"), state).per_pair_B;
    loss.sum().backward();
    const double v = 2.5 * (0.4 - (0.6 + 0.2 * (0.5 - 0.1) / 0.5));
    EXPECT_NEAR(loss.item<double>(), -std::log(sigmoid(v)), 1e-12);
    EXPECT_NEAR(s.policy_chosen.grad().item<double>(), -2.5 * sigmoid(-v), 1e-12);
    EXPECT_NEAR(s.policy_rejected.grad().item<double>(), 2.5 * sigmoid(-v), 1e-12);
}

TEST(StopGradient, Tdpo2FreesTheChosenDivergence) {
    const PairScores s = scores_at({0.2}, {-0.1});
    PairExtras e;
    e.chosen_kl = vector_of({0.5}).set_requires_grad(true);
    e.rejected_kl = vector_of({0.9}).set_requires_grad(true);
    LossState state;
    preference_loss(s, e, loss_of("tdpo2"), state).per_pair_B.sum().backward();
    EXPECT_FALSE(e.chosen_kl.grad().defined());
    EXPECT_NEAR(e.rejected_kl.grad().item<double>(), 0.1 * 0.5 * sigmoid(-0.1 * (0.3 - 0.5 * 0.4)), 1e-12);
    const at::Tensor tdpo1 = preference_loss(s, e, loss_of("tdpo1"), state).per_pair_B;
    EXPECT_NEAR(tdpo1.item<double>(), -std::log(sigmoid(0.1 * (0.3 - 0.4))), 1e-12);
    tdpo1.sum().backward();
    EXPECT_NEAR(e.chosen_kl.grad().item<double>(), -0.1 * sigmoid(-0.1 * (0.3 - 0.4)), 1e-12);
}

}  // namespace
}  // namespace linvox
