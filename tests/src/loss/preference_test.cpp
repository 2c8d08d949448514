// What happens around the rows: normalisation, mixes, the positive term, reduction, modifiers, refusals.
#include "src/loss/preference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "src/base/error.h"
#include "src/loss/modifiers.h"
#include "src/loss/pair_metrics.h"
#include "tests/src/loss/pairs.h"

namespace linvox {
namespace {

using enum LossOption;
using testing::DoubleNear;
using testing::HasSubstr;
using testing::Pointwise;

Values loss_values(const PairScores& s, const PairExtras& e, const LossConfig& config) {
    LossState state;
    return values_of(preference_loss(s, e, config, state).per_pair_B);
}

std::string refusal(const PairScores& s, const PairExtras& e, const LossConfig& config) {
    try {
        loss_values(s, e, config);
    } catch (const std::exception& error) {
        return error.what();
    }
    return "accepted";
}

TEST(Normalise, DividesPolicyReferenceAndPositiveTermAlike) {
    PairScores s = usual_scores(3);
    PairScores means = s;
    means.policy_chosen = s.policy_chosen / s.chosen_tokens;
    means.reference_chosen = s.reference_chosen / s.chosen_tokens;
    means.policy_rejected = s.policy_rejected / s.rejected_tokens;
    means.reference_rejected = s.reference_rejected / s.rejected_tokens;
    for (const char* kind : {"lpo-ste", "sigmoid", "ipo", "dpop", "nca_pair"})
        EXPECT_THAT(loss_values(s, {}, loss_of(kind, {{gamma, 3}}, "mean")),
                    Pointwise(DoubleNear(1e-12), loss_values(means, {}, loss_of(kind, {{gamma, 3}}, "sum"))))
            << kind;
}

TEST(Normalise, SigmoidNormIsSigmoidOnMeans) {
    const PairScores s = usual_scores(3);
    EXPECT_EQ(loss_values(s, {}, loss_of("sigmoid_norm")),
              loss_values(s, {}, loss_of("sigmoid", {}, "mean")));
    EXPECT_NE(loss_values(s, {}, loss_of("sigmoid_norm")), loss_values(s, {}, loss_of("sigmoid")));
}

TEST(PositiveTerm, LiftsTheChosenAnswerBelowTheReferenceOnly) {
    for (const char* kind : {"lpo", "lpo-r", "lpo-ste", "lpo-ste-dynamic", "sigmoid", "ipo"}) {
        const PairScores s = scores_at({-0.3, 0.3, 0.0}, {-0.4, -0.4, 0.0});
        const PairScores bare = scores_at({-0.3, 0.3, 0.0}, {-0.4, -0.4, 0.0});
        LossState state;
        const PreferenceLoss with = preference_loss(s, {}, loss_of(kind, {{gamma, 10}}), state);
        const PreferenceLoss without = preference_loss(bare, {}, loss_of(kind, {{gamma, 0}}), state);
        EXPECT_FALSE(without.positive_B.defined());
        EXPECT_THAT(values_of(with.positive_B), Pointwise(DoubleNear(1e-12), Values{3.0, 0.0, 0.0}));
        with.per_pair_B.sum().backward();
        without.per_pair_B.sum().backward();
        EXPECT_THAT(values_of(s.policy_chosen.grad() - bare.policy_chosen.grad()),
                    Pointwise(DoubleNear(1e-12), Values{-10.0, 0.0, 0.0}));
        EXPECT_EQ(values_of(s.policy_rejected.grad()), values_of(bare.policy_rejected.grad()));
    }
}

TEST(Mix, AddsWeightedPartsWithTheirOwnNormalisation) {
    LossConfig config = loss_of("sigmoid");
    config.main.weight = 0.8;
    config.mix = {loss_of("ipo").main, loss_of("sft").main};
    config.mix[0].weight = 0.3;
    const PairScores s = usual_scores(3);
    LossState state;
    const PreferenceLoss loss = preference_loss(s, {}, config, state);
    ASSERT_EQ(loss.parts.size(), 3u);
    const Values sigmoid = loss_values(s, {}, loss_of("sigmoid")), ipo = loss_values(s, {}, loss_of("ipo")),
                 sft = loss_values(s, {}, loss_of("sft"));
    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_NEAR(values_of(loss.per_pair_B)[i], 0.8 * sigmoid[i] + 0.3 * ipo[i] + sft[i], 1e-12);
    EXPECT_EQ(values_of(loss.parts[1].per_pair_B), ipo);
}

TEST(Mix, MpoAndIrpoArePresets) {
    const std::vector<ResolvedTerm> mpo = resolve_loss(loss_of("mpo", {{beta, 0.3}}));
    ASSERT_EQ(mpo.size(), 3u);
    EXPECT_EQ(mpo[0].row->name, "sigmoid");
    EXPECT_EQ(mpo[0].weight, 0.8);
    EXPECT_EQ(mpo[1].row->name, "bco_pair");
    EXPECT_EQ(mpo[1].weight, 0.2);
    EXPECT_EQ(mpo[1][beta], 0.3);
    EXPECT_EQ(mpo[2].normalise, Normalise::mean);
    EXPECT_EQ(resolve_loss(loss_of("rpo"))[1].weight, 0.005);
    EXPECT_EQ(resolve_loss(loss_of("irpo", {}, "mean"))[0].normalise, Normalise::mean);
}

TEST(Presets, LpoPublishedIsWhatTheScriptsUse) {
    const ResolvedTerm term = resolve_loss(loss_of("lpo-published")).front();
    EXPECT_EQ(term.row->name, "lpo-ste");
    EXPECT_EQ(term.normalise, Normalise::mean);
    EXPECT_EQ((Values{term[beta], term[r1], term[r2], term[gamma]}), (Values{0.2, 1, 0.2, 10}));
    const ResolvedTerm arguments = resolve_loss(loss_of("lpo-arguments")).front();
    EXPECT_EQ(arguments.normalise, Normalise::sum);
    EXPECT_EQ((Values{arguments[r2], arguments[gamma]}), (Values{0.8, 0}));
    EXPECT_THROW(resolve_loss(loss_of("lpo-sweep")), ConfigError);
    EXPECT_EQ(resolve_loss(loss_of("lpo-sweep", {{r2, 2}})).front()[r2], 2);
}

TEST(Reduction, IsWeightedMeanOverPairs) {
    const LossConfig config = loss_of("sigmoid");
    const PairScores s = usual_scores(3);
    const at::Tensor weight_B = vector_of({1, 0.5, 2});
    LossState state;
    const double got = reduce_loss(preference_loss(s, {}, config, state), s.chosen_tokens, weight_B,
                                   loss_denominators(config, s.chosen_tokens, weight_B))
                           .item<double>();
    const Values v = loss_values(s, {}, config);
    EXPECT_NEAR(got, (v[0] + 0.5 * v[1] + 2 * v[2]) / 3.5, 1e-12);
}

TEST(Reduction, SftIsTheTokenMean) {
    const LossConfig config = loss_of("sft");
    const PairScores s = usual_scores(3);
    const at::Tensor one_B = vector_of({1, 1, 1});
    LossState state;
    const double got = reduce_loss(preference_loss(s, {}, config, state), s.chosen_tokens, one_B,
                                   loss_denominators(config, s.chosen_tokens, one_B))
                           .item<double>();
    EXPECT_NEAR(got, -s.policy_chosen.sum().item<double>() / s.chosen_tokens.sum().item<double>(), 1e-12);
}

TEST(Wpo, WeighsPairsAndClamps) {
    LossConfig config = loss_of("sigmoid");
    const PairScores s = usual_scores(2);
    const Values plain = loss_values(s, {}, config);
    PairExtras e;
    e.chosen_on_policy = vector_of({0.5, 2.0});
    e.rejected_on_policy = vector_of({0.8, 1.5});
    config.wpo = true;
    EXPECT_THAT(loss_values(s, e, config), Pointwise(DoubleNear(1e-12), Values{0.4 * plain[0], plain[1]}));
    config.wpo_clamp = false;
    EXPECT_THAT(loss_values(s, e, config),
                Pointwise(DoubleNear(1e-12), Values{0.4 * plain[0], 3 * plain[1]}));
    EXPECT_THAT(refusal(s, {}, config), HasSubstr("wpo needs chosen_on_policy"));
}

TEST(FDivergence, KeepsZeroAndBoundsExponents) {
    const at::Tensor x_B = vector_of({0.0, -200.0, 200.0}, at::kFloat);
    for (const FDivergence map :
         {FDivergence::reverse_kl, FDivergence::forward_kl, FDivergence::js, FDivergence::alpha}) {
        const Values y = values_of(map_log_ratio(x_B, map, 0.5));
        EXPECT_NEAR(y[0], 0.0, 1e-6);
        EXPECT_LT(y[1], y[0]);
        EXPECT_GT(y[2], y[0]);
        for (const double v : y) EXPECT_TRUE(std::isfinite(v));
    }
    EXPECT_NEAR(values_of(map_log_ratio(vector_of({0.3}), FDivergence::forward_kl, 0))[0], 1 - std::exp(-0.3),
                1e-12);
}

TEST(RatioControl, ScalesGradientsAndKeepsTheValue) {
    LossConfig config = loss_of("dpo_shift", {{factor, 0.5}});  // d_w : d_l = 2
    config.ratio_target = 8.0;
    config.ratio_ema = 0.5;
    LossState state;
    const PairScores first = usual_scores(3), second = usual_scores(3), bare = usual_scores(3);
    preference_loss(first, {}, config, state);
    finish_step(config, state);
    EXPECT_NEAR(state.push_ratio, 2.0, 1e-12);
    const at::Tensor controlled = preference_loss(second, {}, config, state).per_pair_B;
    controlled.sum().backward();
    LossConfig plain = config;
    plain.ratio_target = 0;
    LossState unused;
    const at::Tensor uncontrolled = preference_loss(bare, {}, plain, unused).per_pair_B;
    uncontrolled.sum().backward();
    EXPECT_EQ(values_of(controlled), values_of(uncontrolled));
    EXPECT_THAT(values_of(second.policy_chosen.grad() / bare.policy_chosen.grad()),
                testing::Each(DoubleNear(2.0, 1e-12)));
    EXPECT_THAT(values_of(second.policy_rejected.grad() / bare.policy_rejected.grad()),
                testing::Each(DoubleNear(0.5, 1e-12)));
    finish_step(config, state);
    EXPECT_NEAR(state.push_ratio, 2.0, 1e-12);  // measured before control
}

TEST(AtTheReference, EveryExtraIsKept) {
    const PairScores s = usual_scores(3);
    const LossState state;
    EXPECT_THAT(values_of(loss_at_reference(s, {}, loss_of("sigmoid"), state)),
                testing::Each(DoubleNear(std::log(2.0), 1e-12)));
    EXPECT_THAT(values_of(loss_at_reference(s, {}, loss_of("lpo-published"), state)), testing::Each(2.0));
    const Values rdpo = values_of(loss_at_reference(s, {}, loss_of("rdpo"), state));
    EXPECT_NEAR(rdpo[0], std::log1p(std::exp(-0.05 * (9 - 12))), 1e-12);
}

TEST(Refusals, NameThePairAndTheReason) {
    PairScores s = usual_scores(2);
    s.rejected_tokens = vector_of({3, 0});
    EXPECT_THAT(refusal(s, {}, loss_of("sigmoid")),
                HasSubstr("pair 1 of the batch: the rejected answer must have a scored token"));
    PairExtras e = usual_extras(2);
    e.chosen_score = vector_of({0.5, 1.9});
    e.rejected_score = vector_of({0.4, 0.1});
    EXPECT_THAT(refusal(usual_scores(2), e, loss_of("mappo")), HasSubstr("pair 1 of the batch: mappo needs"));
    e.rejected_score = vector_of({0.5, 0.1});
    EXPECT_THAT(refusal(usual_scores(2), e, loss_of("odpo")), HasSubstr("pair 0 of the batch: odpo needs"));
    PairScores half = usual_scores(2);
    half.reference_chosen = half.reference_chosen.to(at::kBFloat16);
    EXPECT_THAT(refusal(half, {}, loss_of("sigmoid")),
                HasSubstr("reference_chosen must be float32 or float64"));
    EXPECT_THROW(loss_values(usual_scores(2), {}, loss_of("sigmiod")), ConfigError);
}

TEST(Refusals, NanIsNeverReplaced) {
    PairScores s = usual_scores(2);
    s.policy_rejected = vector_of({-20.0, std::numeric_limits<double>::quiet_NaN()});
    for (const LossRow& row : losses()) {
        if (row.needs.whole_batch || row.name == "sft" || row.name == "tis_dpo") continue;
        const Values loss = loss_values(s, usual_extras(2), loss_of(std::string(row.name)));
        EXPECT_TRUE(std::isfinite(loss[0])) << row.name;
        EXPECT_TRUE(std::isnan(loss[1])) << row.name;
    }
}

}  // namespace
}  // namespace linvox
