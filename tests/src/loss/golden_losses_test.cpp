// Golden numbers of the losses.
// The first three tables were computed in float64 by automatic differentiation from the formulas alone,
// beta = 0.2, at (x1, x2) = (0, 0) and (0.7, -0.9), with 6 decimals.
#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <gtest/gtest.h>

#include "tests/src/loss/pairs.h"

namespace linvox {
namespace {

using enum LossOption;

struct Point {
    double value, by_chosen, by_rejected;
};

struct Golden {
    std::string label;
    LossConfig config;
    Point at_zero, at_point;
    PairExtras extras = {};
    Values tokens = {1, 1};
};

LossConfig at_beta(const std::string& kind, Options options = {}, const std::string& normalise = "") {
    LossConfig config = loss_of(kind, {}, normalise);
    const auto takes = [&](LossOption option) {
        for (const auto& [name, unused] : find_loss(kind)->options)
            if (name == option) return true;
        return false;
    };
    if (takes(beta)) config.main.set(beta, 0.2);
    if (takes(gamma)) config.main.set(gamma, 0);
    for (const auto& [option, value] : options) config.main.set(option, value);
    return config;
}

LossConfig unit_scale(LossConfig config) {
    config.main.unit_scale = true;
    return config;
}

LossConfig diverging(LossConfig config, const std::string& name) {
    config.main.f_divergence = name;
    return config;
}

LossConfig mpo_without_sft() {
    LossConfig config = at_beta("sigmoid");
    config.main.weight = 0.8;
    config.mix = {at_beta("bco_pair").main};
    config.mix.front().weight = 0.2;
    return config;
}

PairExtras scored(double chosen, double rejected) {
    PairExtras extras;
    extras.chosen_score = vector_of({chosen});
    extras.rejected_score = vector_of({rejected});
    return extras;
}

Point both(double value, double push) { return {value, -push, push}; }

std::vector<Golden> golden() {
    const double e = std::exp(1.0);
    return {
        {"sigmoid", at_beta("sigmoid"), both(.693147, .1), both(.545893, .084135)},
        {"cdpo", at_beta("cdpo", {{label_smoothing, .1}}), both(.693147, .08), both(.577893, .064135)},
        {"robust", at_beta("robust", {{label_smoothing, .1}}), both(.693147, .125), both(.505893, .109135)},
        {"hinge", at_beta("hinge"), both(1, .2), both(.68, .2)},
        {"ipo", at_beta("ipo"), both(6.25, 5), both(.81, 1.8)},
        {"ipo unit", unit_scale(at_beta("ipo")), both(2, 1.6), both(.2592, .576)},
        {"lpo", at_beta("lpo"), both(2, .8), both(.72, .8)},
        {"lpo-r", at_beta("lpo-r", {{r1, 1}, {r2, .2}}), {2, -.8, .16}, {1.296, -.8, .16}},
        {"lpo-ste 1 1", at_beta("lpo-ste", {{r1, 1}, {r2, 1}}), both(2, .4), both(.72, .4)},
        {"lpo-ste 1 .2",
         at_beta("lpo-ste", {{r1, 1}, {r2, .2}}),
         {2, -.666667, .133333},
         {.72, -.666667, .133333}},
        {"lpo-ste 1 .8",
         at_beta("lpo-ste", {{r1, 1}, {r2, .8}}),
         {2, -.444444, .355556},
         {.72, -.444444, .355556}},
        {"lpo-ste-dynamic", at_beta("lpo-ste-dynamic"), both(2, .4), {.72, -.665615, .134385}},
        {"dpop", at_beta("dpop", {{lambda, 5}}), both(.693147, .1), both(.545893, .084135)},
        {"rdpo",
         at_beta("rdpo", {{alpha, .05}}),
         both(.798139, .109967),
         both(.634946, .094007),
         {},
         {10, 14}},
        {"kto_pair", at_beta("kto_pair"), both(.5, .025), {.442866, -.024878, .024371}},
        {"nca_pair", at_beta("nca_pair"), both(1.386294, .05), {1.311989, -.039517, .045512}},
        {"bco_pair", at_beta("bco_pair"), both(1.386294, .1), {1.232787, -.093011, .091024}},
        {"apo_zero", at_beta("apo_zero"), both(1, .05), {.920178, -.049756, .049597}},
        {"apo_down", at_beta("apo_down"), {1, 0, .05}, {.955619, .001014, .048742}},
        {"exo_pair", at_beta("exo_pair", {{label_smoothing, 1e-3}}), both(2.761231, .345338),
         both(2.225996, .321049)},
        {"sppo_hard", at_beta("sppo_hard"), both(12.5, 5), {5.8, -3.6, 3.2}},
        {"discopop", at_beta("discopop", {{tau, .05}}), both(.846574, -.156853), both(.725850, .143934)},
        {"cal_dpo", at_beta("cal_dpo"), both(6.943147, 3), {3.083901, -1.967982, 1.767982}},
        {"dpo_shift",
         at_beta("dpo_shift", {{factor, .95}}),
         {.693147, -.1, .095},
         {.549689, -.084574, .080345}},
        {"mappo", at_beta("mappo"), {.693147, -.1, .04}, {.592755, -.089440, .035776}, scored(.9, .5)},
        {"odpo", at_beta("odpo", {{alpha, .5}}), both(.974077, .124492), both(.787192, .108976),
         scored(e, 0)},
        {"rpo_bwd_kl", at_beta("rpo_bwd_kl"), both(.110944, .046212), both(.049751, .030347), scored(1, 0)},
        {"rpo_fwd_kl", at_beta("rpo_fwd_kl"), both(.120115, .05), both(.053428, .033144), scored(1, 0)},
        {"rpo_sq", at_beta("rpo_sq"), both(1, .4), both(.4624, .272), scored(1, 0)},
        {"bpo_hinge", at_beta("bpo_hinge", {{alpha, .3}}), {1, -.1, .03}, {.946, 0, .06}},
        {"bpo_logistic",
         at_beta("bpo_logistic", {{alpha, .3}}),
         {.693147, -.05, .015},
         {.666512, 0, .029190}},
        {"bdpo", at_beta("bdpo", {{lambda, .5}}), {.693147, -.1, .05}, {.593471, -.089519, .025875}},
        {"forward KL",
         diverging(at_beta("sigmoid"), "forward_kl"),
         both(.693147, .1),
         {.515990, -.040034, .198289}},
        {"JS", diverging(at_beta("sigmoid"), "js"), both(.693147, .05), {.612857, -.030407, .065151}},
        {"alpha", diverging(at_beta("sigmoid"), "alpha"), both(.693147, .1), {.535266, -.058417, .130009}},
        {"MPO without sft", mpo_without_sft(), both(.831777, .1), {.683272, -.085910, .085513}},
    };
}

PairExtras to_type(PairExtras extras, at::ScalarType type) {
    if (extras.chosen_score.defined()) extras.chosen_score = extras.chosen_score.to(type);
    if (extras.rejected_score.defined()) extras.rejected_score = extras.rejected_score.to(type);
    return extras;
}

void expect_point(const Golden& row, const Values& x, const Point& want, at::ScalarType type) {
    PairScores s = scores_at({x[0]}, {x[1]}, type);
    s.chosen_tokens = vector_of({row.tokens[0]}, type);
    s.rejected_tokens = vector_of({row.tokens[1]}, type);
    LossState state;
    const at::Tensor loss = preference_loss(s, to_type(row.extras, type), row.config, state).per_pair_B;
    loss.sum().backward();
    EXPECT_EQ(loss.scalar_type(), type);
    const double tolerance = type == at::kDouble ? 1e-6 : 1e-5;
    EXPECT_NEAR(loss.item<double>(), want.value, tolerance * std::max(1.0, want.value));
    EXPECT_NEAR(s.policy_chosen.grad().item<double>(), want.by_chosen,
                tolerance * std::max(1.0, std::abs(want.by_chosen)));
    EXPECT_NEAR(s.policy_rejected.grad().item<double>(), want.by_rejected,
                tolerance * std::max(1.0, std::abs(want.by_rejected)));
}

TEST(GoldenLosses, AtTheReferenceAndAtAPoint) {
    for (const Golden& row : golden()) {
        for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
            SCOPED_TRACE(row.label + (type == at::kDouble ? " float64" : " float32"));
            expect_point(row, {0, 0}, row.at_zero, type);
            expect_point(row, {.7, -.9}, row.at_point, type);
        }
    }
}

TEST(GoldenLosses, PastTheTargetAndBelowTheReference) {
    struct More {
        LossConfig config;
        Values x;
        Point want;
    };
    const std::vector<More> rows = {
        {at_beta("lpo"), {2, -1}, {.4, .8, -.8}},
        {at_beta("lpo-ste", {{r2, .2}}), {2, -1}, {.4, .666667, -.133333}},
        {at_beta("lpo-ste-dynamic"), {2, -1}, {.4, .762059, -.037941}},
        {at_beta("lpo-r", {{r2, .2}}), {2, -1}, {.24, -.8, .16}},
        {at_beta("ipo"), {2, -1}, {.25, 1, -1}},
        {at_beta("lpo-ste", {{r2, .2}, {gamma, 10}}), {-.3, -.4}, {4.92, -10.666667, .133333}},
        {at_beta("lpo-ste", {{r2, .8}, {gamma, 5}}), {-.3, -.4}, {3.42, -5.444444, .355556}},
        {at_beta("dpop", {{lambda, 5}}), {-.3, -.4}, {.842915, -.683455, .113909}},
    };
    for (const More& row : rows) {
        SCOPED_TRACE(row.config.main.kind);
        expect_point({.config = row.config}, row.x, row.want, at::kDouble);
        expect_point({.config = row.config}, row.x, row.want, at::kFloat);
    }
}

TEST(GoldenLosses, ReferenceFree) {
    struct Free {
        LossConfig config;
        Values first;
        Point at_first;
        Values second;
        Point at_second;
        Values tokens = {1, 1};
    };
    const std::vector<Free> rows = {
        {loss_of("simpo"), {-1, -1}, both(1.600413, 1.995467), {-.8, -1.3}, both(.757599, 1.328023)},
        {loss_of("orpo"),
         {-1, -1},
         {1.069315, -1.079099, .079099},
         {-.8, -1.3},
         {.837784, -1.057141, .043254}},
        {loss_of("alphapo"), {-1, -1}, both(1.600413, 2.205332), {-.8, -1.3}, {.686404, -1.344946, 1.413903}},
        // By hand: relu(1 - zw + zl) - 0.1 zw.
        {loss_of("slic_hf"), {-1, -1}, {1.1, -1.1, 1}, {-.8, -1.3}, {.58, -1.1, 1}},
        {loss_of("cpo"),
         {-10, -14},
         {1.513015, -.140131, .040131},
         {-8, -18.2},
         {1.107922, -.126503, .026503},
         {10, 14}},
    };
    for (const Free& row : rows) {
        SCOPED_TRACE(row.config.main.kind);
        const Golden golden_row{.config = row.config, .tokens = row.tokens};
        for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
            expect_point(golden_row, row.first, row.at_first, type);
            expect_point(golden_row, row.second, row.at_second, type);
        }
    }
}

// Printed by trl 1.16.0: the statements of DPOTrainer._compute_loss from the f-divergence to the end of the
// loss switch, run in float64 (torch 2.13.0) on the three pairs below; mean over pairs and its gradients.
struct Trl {
    std::string loss, divergence;
    double beta, smoothing, value;
    Values by_chosen, by_rejected;
};

// clang-format off
const std::vector<Trl> kTrl = {
    {"sigmoid", "reverse_kl", 0.1, 0, 0.660092918226, {-0.015336170515, -0.016541669010, -0.016416685415}, {0.015336170515, 0.016541669010, 0.016416685415}},
    {"sigmoid_norm", "reverse_kl", 2.0, 0, 0.649544070366, {-0.028883856053, -0.081875148853, -0.019838513003}, {0.020631325752, 0.065500119083, 0.028104560087}},
    {"hinge", "reverse_kl", 0.05, 0, 0.965833333333, {-0.016666666667, -0.016666666667, -0.016666666667}, {0.016666666667, 0.016666666667, 0.016666666667}},
    {"ipo", "reverse_kl", 0.1, 0, 24.539422409111, {-0.324380952381, -0.830416666667, -0.196539792388}, {0.231700680272, 0.664333333333, 0.278431372549}},
    {"exo_pair", "reverse_kl", 0.1, 0.001, 2.644547908799, {-0.055864660073, -0.057428060232, -0.057293398639}, {0.055864660073, 0.057428060232, 0.057293398639}},
    {"nca_pair", "reverse_kl", 0.01, 0, 1.384608564083, {-0.000824583369, -0.000836458332, -0.000814583685}, {0.000829583359, 0.000831666669, 0.000838333273}},
    {"robust", "reverse_kl", 0.1, 0.1, 0.651551251559, {-0.019502837181, -0.020708335677, -0.020583352082}, {0.019502837181, 0.020708335677, 0.020583352082}},
    {"bco_pair", "reverse_kl", 0.1, 0, 1.354298171571, {-0.016083571411, -0.016874989150, -0.015419005155}, {0.015917172507, 0.016333377771, 0.017665468392}},
    {"sppo_hard", "reverse_kl", 0.25, 0, 7.004166666667, {-0.866666666667, -1.500000000000, -0.333333333333}, {0.733333333333, 1.066666666667, 2.133333333333}},
    {"aot", "reverse_kl", 0.1, 0.05, 0.663509584893, {-0.013669503848, -0.014875002344, -0.014750018748}, {0.013669503848, 0.014875002344, 0.014750018748}},
    {"aot_unpaired", "reverse_kl", 0.1, 0.05, 0.663114602526, {-0.014084256522, -0.014458523965, -0.014750018748}, {0.014458523965, 0.014084256522, 0.014750018748}},
    {"apo_zero", "reverse_kl", 0.1, 0, 0.982935843861, {-0.008323133331, -0.008332031386, -0.008286633556}, {0.008316481088, 0.008330000889, 0.008303405187}},
    {"apo_down", "reverse_kl", 0.1, 0, 0.999169592238, {0.000042906598, -0.000000833215, -0.000044825059}, {0.008280226733, 0.008332864601, 0.008331458615}},
    {"discopop", "reverse_kl", 0.05, 0, 0.862632430141, {-0.001604667930, 0.012388229403, 0.011448706146}, {0.001604667930, -0.012388229403, -0.011448706146}},
    {"sft", "reverse_kl", 0.1, 0, 2.246774193548, {-0.032258064516, -0.032258064516, -0.032258064516}, {0.000000000000, 0.000000000000, 0.000000000000}},
    {"sigmoid", "forward_kl", 0.1, 0, 0.657289387152, {-0.007466682135, -0.021178081980, -0.003704320706}, {0.036982718715, 0.024605420840, 0.005000309931}},
    {"sigmoid", "js", 0.1, 0, 0.676995880887, {-0.005298632645, -0.009328815283, -0.003031019994}, {0.011352988007, 0.009934685254, 0.003845985993}},
    {"sigmoid", "alpha", 0.1, 0, 0.660133987400, {-0.010733006368, -0.018719136496, -0.007812593551}, {0.023886744958, 0.020177060547, 0.009076938711}},
    {"hinge", "forward_kl", 0.1, 0, 0.925037295331, {-0.016552843460, -0.042800847223, -0.007437672005}, {0.081986770372, 0.049727489921, 0.010039807064}},
    {"robust", "js", 0.1, 0.1, 0.672883744022, {-0.006681183594, -0.011671217371, -0.003791126343}, {0.014315277601, 0.012429217171, 0.004810466062}},
};
// clang-format on

TEST(GoldenLosses, AgreeWithTrl) {
    for (const Trl& row : kTrl) {
        SCOPED_TRACE(row.loss + " " + row.divergence);
        PairScores s{vector_of({-21.3, -8.25, -40.1}), vector_of({-24.9, -9.5, -33.7}),
                     vector_of({-22.0, -8.0, -41.6}),  vector_of({-24.0, -9.1, -34.9}),
                     vector_of({10, 4, 17}),           vector_of({14, 5, 12})};
        s.policy_chosen.set_requires_grad(true);
        s.policy_rejected.set_requires_grad(true);
        LossConfig config = loss_of(row.loss);
        config.main.f_divergence = row.divergence;
        if (row.loss != "sft") config.main.set(beta, row.beta);
        if (row.smoothing > 0) config.main.set(label_smoothing, row.smoothing);
        LossState state;
        const at::Tensor weight_B = vector_of({1, 1, 1});
        const at::Tensor step = reduce_loss(preference_loss(s, {}, config, state), s.chosen_tokens, weight_B,
                                            loss_denominators(config, s.chosen_tokens, weight_B));
        step.backward();
        // TRL holds the label smoothing of exo_pair in float32.
        const double tolerance = row.loss == "exo_pair" ? 1e-7 : 1e-11;
        EXPECT_NEAR(step.item<double>(), row.value, tolerance * std::max(1.0, row.value));
        const Values none(3, 0.0);
        const Values chosen = values_of(s.policy_chosen.grad());
        const Values rejected =
            s.policy_rejected.grad().defined() ? values_of(s.policy_rejected.grad()) : none;
        for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_NEAR(chosen[i], row.by_chosen[i], tolerance);
            EXPECT_NEAR(rejected[i], row.by_rejected[i], tolerance);
        }
    }
}

}  // namespace
}  // namespace linvox
