// Running values: what a step reads, what finish_step makes of it, and the draw of beta_dpo.
#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "tests/src/loss/pairs.h"

namespace linvox {
namespace {

using enum LossOption;

double log_sigmoid(double v) { return -std::log1p(std::exp(-v)); }

TEST(RunningState, BcoShiftMovesAtTheEndOfAStep) {
    const LossConfig config = loss_of("bco_pair", {{beta, 0.5}, {ema, 0.9}});
    LossState state;
    preference_loss(scores_at({2.0}, {-1.0}), {}, config, state);
    preference_loss(scores_at({4.0}, {1.0}), {}, config, state);  // second micro-batch: same shift
    EXPECT_EQ(state.terms[0].reward_shift, 0.0);
    finish_step(config, state);
    EXPECT_NEAR(state.terms[0].reward_shift, 0.1 * (0.5 * (2.0 - 1.0 + 4.0 + 1.0) / 4), 1e-12);
    EXPECT_EQ(state.step, 1);
    const double shift = state.terms[0].reward_shift;
    const double next = preference_loss(scores_at({1.0}, {0.0}), {}, config, state).per_pair_B.item<double>();
    EXPECT_NEAR(next, -log_sigmoid(0.5 - shift) - log_sigmoid(shift), 1e-12);
}

TEST(RunningState, EmaOfOneFreezesTheShift) {
    const LossConfig config = loss_of("bco_pair", {{ema, 1.0}});
    LossState state;
    preference_loss(scores_at({2.0}, {1.0}), {}, config, state);
    finish_step(config, state);
    EXPECT_EQ(state.terms[0].reward_shift, 0.0);
}

TEST(RunningState, AlphaDpoKeepsMeanAndDeviation) {
    const LossConfig config = loss_of("alpha_dpo");
    LossState state;
    preference_loss(scores_at({1.0, 3.0}, {0.0, 0.0}), {}, config, state);
    finish_step(config, state);
    EXPECT_NEAR(state.terms[0].margin_mean, 0.1 * 2.0, 1e-12);
    EXPECT_NEAR(state.terms[0].margin_std, 0.9 * 1.0 + 0.1 * 1.0, 1e-12);
}

TEST(RunningState, EpsilonDpoStepsPairAndRun) {
    const LossConfig config = loss_of("epsilon_dpo", {{beta, 0.2}, {epsilon, 0.1}});
    const PairScores s = scores_at({1.0, 1.0, 1.0}, {0.0, 0.0, 0.0});  // z = 1
    PairExtras e;
    e.margin_plus = vector_of({1.5, 0.5, 1.5});
    e.margin_minus = vector_of({0.5, 1.5, 1.2});
    LossState state;
    const Values loss = values_of(preference_loss(s, e, config, state).per_pair_B);
    EXPECT_NEAR(loss[0], -log_sigmoid(0.2 / 1.1), 1e-12);  // rises: smaller beta
    EXPECT_NEAR(loss[1], -log_sigmoid(0.2 / 0.9), 1e-12);
    EXPECT_NEAR(loss[2], -log_sigmoid(0.2), 1e-12);
    e.margin_minus = vector_of({0.5, 0.1, 0.2});
    e.margin_plus = vector_of({1.5, 1.5, 0.9});
    state = {};
    preference_loss(s, e, config, state);
    finish_step(config, state);
    EXPECT_NEAR(state.terms[0].beta_scale, 1.0 / (1.0 + 0.1 * 2.0 / 3.0), 1e-12);
}

TEST(BetaDpo, KeepsItsShareAndAdaptsBeta) {
    const Values margin = {0.5, 1.0, 1.5, 2.0, 2.5};
    const LossConfig config = loss_of("beta_dpo", {{beta, 0.2}, {keep, 0.8}});
    LossState state;
    const Values loss =
        values_of(preference_loss(scores_at(margin, Values(5, 0.0)), {}, config, state).per_pair_B);
    const double running = 0.1 * 1.5;
    double kept_sum = 0;
    int kept = 0;
    for (std::size_t i = 0; i < 5; ++i)
        if (loss[i] > 0) kept_sum += margin[i], ++kept;
    EXPECT_EQ(kept, 4);
    const double used = 0.2 * (1 + 0.6 * (kept_sum / 4 - running));
    for (std::size_t i = 0; i < 5; ++i)
        EXPECT_NEAR(loss[i], loss[i] > 0 ? -log_sigmoid(used * margin[i]) * 5 / 4 : 0.0, 1e-12);
    finish_step(config, state);
    EXPECT_NEAR(state.terms[0].margin_mean, running, 1e-12);
}

TEST(BetaDpo, DrawsAnewEveryStepAndFavoursTheMiddle) {
    // Seen from the running values near 0, a margin of 40 is far out and should hardly ever stay.
    const PairScores s = scores_at({0.1, -0.1, 0.2, -0.2, 40.0}, Values(5, 0.0));
    const LossConfig config = loss_of("beta_dpo", {{keep, 0.6}, {ema, 1.0}});
    std::set<Values> seen;
    int far_kept = 0;
    for (std::int64_t step = 0; step < 50; ++step) {
        LossState state;
        state.step = step;
        Values mask = values_of(preference_loss(s, {}, config, state).per_pair_B);
        for (double& v : mask) v = v > 0;
        far_kept += mask[4] > 0;
        seen.insert(mask);
    }
    EXPECT_EQ(far_kept, 0);
    EXPECT_GT(seen.size(), 2u);
}

TEST(Aot, ComparesRanksNotPairs) {
    PairScores s = scores_at({3.0, 1.0}, {0.0, 0.0});
    s.reference_chosen = vector_of({0.2, 0.5});  // sorted policy margins 1, 3; reference 0.2, 0.5
    LossState state;
    const Values loss = values_of(preference_loss(s, {}, loss_of("aot", {{beta, 0.5}}), state).per_pair_B);
    EXPECT_NEAR(loss[0], -log_sigmoid(0.5 * (3.0 - 0.5)), 1e-12);
    EXPECT_NEAR(loss[1], -log_sigmoid(0.5 * (1.0 - 0.2)), 1e-12);
}

TEST(DpoShift, FactorMovesWithTheStep) {
    const LossConfig config =
        loss_of("dpo_shift", {{factor, 1.0}, {factor_end, 0.5}, {factor_steps, 10}, {beta, 1}});
    LossState state;
    for (const auto& [step, f] :
         std::vector<std::pair<std::int64_t, double>>{{0, 1.0}, {5, 0.75}, {10, 0.5}, {99, 0.5}}) {
        state.step = step;
        EXPECT_NEAR(preference_loss(scores_at({1.0}, {-1.0}), {}, config, state).per_pair_B.item<double>(),
                    -log_sigmoid(1.0 + f), 1e-12);
    }
}

TEST(LossState, GoesThroughJsonAndRanks) {
    LossState state;
    state.step = 12;
    state.seed = 0xfedcba9876543210ULL;
    state.push_ratio = 1.7;
    state.push_sums = {1, 2};
    state.terms = {{.reward_shift = 0.1, .sums = {3, 4, 5}},
                   {.margin_mean = 0.2, .margin_std = 0.3, .beta_scale = 0.9}};
    const LossState back = loss_state_from_json(nlohmann::json::parse(loss_state_to_json(state).dump()));
    EXPECT_EQ(loss_state_to_json(back), loss_state_to_json(state));
    EXPECT_EQ(back.seed, state.seed);
    EXPECT_EQ(back.step, 12);
    EXPECT_EQ(back.push_ratio, 1.7);
    ASSERT_EQ(back.terms.size(), 2u);
    EXPECT_EQ(back.terms[0].reward_shift, 0.1);
    EXPECT_EQ((Values{back.terms[1].margin_mean, back.terms[1].margin_std, back.terms[1].beta_scale}),
              (Values{0.2, 0.3, 0.9}));
    EXPECT_EQ(pending_sums(back), pending_sums(state));
    std::vector<double> sums = pending_sums(state);
    EXPECT_EQ(sums, (std::vector<double>{1, 2, 3, 4, 5}));
    for (double& v : sums) v *= 2;
    set_pending_sums(state, sums);
    EXPECT_EQ(pending_sums(state), (std::vector<double>{2, 4, 6, 8, 10}));
    EXPECT_THROW(set_pending_sums(state, {1}), BugError);
    EXPECT_THROW(loss_state_from_json(nlohmann::json{{"step", 1}}), DataError);
}

// Ranks that hold half the pairs each and add their sums finish with the state of one that holds all.
TEST(LossState, TwoRanksAreOne) {
    const LossConfig config = loss_of("bco_pair");
    LossState one, left, right;
    preference_loss(usual_scores(6), {}, config, one);
    preference_loss(usual_scores(3), {}, config, left);
    preference_loss(usual_scores(3, 3), {}, config, right);
    std::vector<double> sums = pending_sums(left);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += pending_sums(right)[i];
    set_pending_sums(left, sums);
    finish_step(config, one);
    finish_step(config, left);
    EXPECT_NEAR(left.terms[0].reward_shift, one.terms[0].reward_shift, 1e-12);
}

}  // namespace
}  // namespace linvox
