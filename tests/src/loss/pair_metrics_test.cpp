#include "src/loss/pair_metrics.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/src/loss/pairs.h"

namespace linvox {
namespace {

using enum LossOption;
using Metrics = std::map<std::string, double>;

Metrics metrics_of(const PairScores& s, const LossConfig& config, const at::Tensor& weight_B = {}) {
    LossState state;
    const PreferenceLoss loss = preference_loss(s, {}, config, state);
    Metrics out;
    for (const LossMeter& meter : pair_metrics(s, {}, config, state, loss, weight_B))
        out[meter.name] = meter.numerator / meter.denominator;
    return out;
}

// Two pairs: x1 = 1, -2; x2 = -1, -1; 2 and 4 chosen tokens, 1 and 5 rejected ones.
PairScores two_pairs() {
    PairScores s{vector_of({-3, -8}), vector_of({-4, -7}), vector_of({-4, -6}),
                 vector_of({-3, -6}), vector_of({2, 4}),   vector_of({1, 5})};
    s.policy_chosen.set_requires_grad(true);
    s.policy_rejected.set_requires_grad(true);
    return s;
}

TEST(PairMetrics, ByHand) {
    const Metrics m = metrics_of(two_pairs(), loss_of("sigmoid", {{beta, 0.5}}));
    const Metrics want = {{"rewards/chosen", 0.5 * -0.5},
                          {"rewards/rejected", -0.5},
                          {"rewards/margins", 0.25},
                          {"rewards/accuracies", 0.5},
                          {"logps/chosen", -5.5},
                          {"logps/rejected", -5.5},
                          {"nll_loss", 11.0 / 6},
                          {"length/chosen", 3},
                          {"length/rejected", 3},
                          {"logratio/chosen_sum", -0.5},
                          {"logratio/rejected_sum", -1},
                          {"logratio/chosen_per_token", (0.5 - 0.5) / 2},
                          {"logratio/rejected_per_token", (-1 - 0.2) / 2},
                          {"margin/sum", 0.5},
                          {"margin/per_token", 0.6},
                          {"displacement/chosen", 0.5},
                          {"displacement/both", 0.5}};
    for (const auto& [name, value] : want) EXPECT_NEAR(m.at(name), value, 1e-12) << name;
    EXPECT_FALSE(m.contains("margin/past_target"));
    EXPECT_FALSE(m.contains("loss/positive"));
}

TEST(PairMetrics, DisplacementCountsFallsBelowTheReference) {
    const Metrics m = metrics_of(scores_at({1, -1, -1, -1}, {-1, -1, 1, -2}), loss_of("sigmoid"));
    EXPECT_NEAR(m.at("displacement/chosen"), 0.75, 1e-12);
    EXPECT_NEAR(m.at("displacement/both"), 0.5, 1e-12);
    EXPECT_NEAR(m.at("rewards/accuracies"), 0.5, 1e-12);  // a tie is not a win
}

TEST(PairMetrics, SplitsTheLossAndCountsPairsPastTheTarget) {
    const LossConfig config = loss_of("lpo-ste", {{beta, 0.5}, {gamma, 10}}, "sum");  // m = 1; margins 2, -1
    const Metrics m = metrics_of(two_pairs(), config);
    EXPECT_NEAR(m.at("loss/preference"), (2 * 1 + 2 * 2) / 2.0, 1e-12);
    EXPECT_NEAR(m.at("loss/positive"), 10 * 2.0 / 2, 1e-12);
    EXPECT_NEAR(m.at("margin/past_target"), 0.5, 1e-12);
}

TEST(PairMetrics, PushIsTheGradientByTheNormalisedRatios) {
    // Below the target everywhere: d_w = 4 beta r1/(r1 + r2) (+ gamma where x1 < 0), d_l = 4 beta r2/(r1 +
    // r2).
    const Metrics m = metrics_of(two_pairs(), loss_of("lpo-ste", {{beta, 0.2}, {gamma, 10}}, "mean"));
    EXPECT_NEAR(m.at("push/chosen"), 0.8 / 1.2 + 10.0 / 2, 1e-12);
    EXPECT_NEAR(m.at("push/rejected"), 0.16 / 1.2, 1e-12);
    const Metrics dpo = metrics_of(scores_at({0}, {0}), loss_of("sigmoid", {{beta, 0.2}}));
    EXPECT_NEAR(dpo.at("push/chosen"), 0.1, 1e-12);
    EXPECT_NEAR(dpo.at("push/rejected"), 0.1, 1e-12);
}

TEST(PairMetrics, MicroBatchesAddUp) {
    const LossConfig config = loss_of("mpo");
    const at::Tensor weight_B = vector_of({1, 0.5, 2, 1});
    LossState state;
    const PairScores all = usual_scores(4), left = usual_scores(2), right = usual_scores(2, 2);
    const auto whole =
        pair_metrics(all, {}, config, state, preference_loss(all, {}, config, state), weight_B);
    LossState fresh;
    auto a = pair_metrics(left, {}, config, fresh, preference_loss(left, {}, config, fresh),
                          weight_B.slice(0, 0, 2));
    auto b = pair_metrics(right, {}, config, fresh, preference_loss(right, {}, config, fresh),
                          weight_B.slice(0, 2, 4));
    ASSERT_EQ(a.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
        EXPECT_EQ(a[i].name, whole[i].name);
        EXPECT_NEAR(a[i].numerator + b[i].numerator, whole[i].numerator, 1e-10) << whole[i].name;
        EXPECT_NEAR(a[i].denominator + b[i].denominator, whole[i].denominator, 1e-12) << whole[i].name;
    }
}

TEST(PairMetrics, WithoutReferenceRewardsAreThePolicys) {
    PairScores s = two_pairs();
    s.reference_chosen = s.reference_rejected = at::Tensor();
    const Metrics m = metrics_of(s, loss_of("simpo", {{beta, 2}}));
    EXPECT_NEAR(m.at("rewards/chosen"), 2 * -5.5, 1e-12);
    EXPECT_FALSE(m.contains("logratio/chosen_sum"));
    EXPECT_FALSE(m.contains("displacement/chosen"));
    EXPECT_FALSE(metrics_of(s, loss_of("orpo")).contains("rewards/chosen"));
}

TEST(PairMetrics, LeaveStateAndGradientsAlone) {
    const PairScores s = two_pairs();
    const LossConfig config = loss_of("bco_pair");
    LossState state;
    const PreferenceLoss loss = preference_loss(s, {}, config, state);
    const std::vector<double> before = pending_sums(state);
    pair_metrics(s, {}, config, state, loss);
    EXPECT_EQ(pending_sums(state), before);
    EXPECT_FALSE(s.policy_chosen.grad().defined());
}

TEST(PairPush, LeavesTheGradientsOfExtrasAlone) {
    PairExtras e = usual_extras(2);
    const at::Tensor weight = e.rejected_kl.detach().clone().requires_grad_(true);
    e.rejected_kl = weight * 2;
    pair_push(usual_scores(2), e, loss_of("tdpo2"), {});
    EXPECT_FALSE(weight.grad().defined());
}

TEST(PairPush, OfTisDpoIsByTheWeightedRatios) {
    const PairExtras e = usual_extras(2);
    const PairPush push = pair_push(usual_scores(2), e, loss_of("tis_dpo"), {});
    for (const double d : values_of(push.chosen_B)) EXPECT_GT(d, 0.0);
    EXPECT_EQ(values_of(push.chosen_B), values_of(push.rejected_B));
}

}  // namespace
}  // namespace linvox
