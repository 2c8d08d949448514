#include "src/loss/token_level.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/src/loss/pairs.h"

namespace linvox {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

const auto kNear = [] { return DoubleNear(1e-12); };

at::Tensor answers_of(const std::vector<std::int64_t>& ids) { return at::tensor(ids, at::kLong); }

TEST(TokenLevel, SumsPerAnswer) {
    const at::Tensor sums = answer_sums(vector_of({1, 2, 3, 4}), answers_of({0, 0, 2, 2}), 3);
    EXPECT_EQ(values_of(sums), (Values{3, 0, 7}));
}

TEST(TokenLevel, LengthDesensitisedWeighsTheTail) {
    const at::Tensor logprob = vector_of({-1, -2, -3, -4, -5}).set_requires_grad(true);
    const at::Tensor answer = answers_of({0, 0, 0, 1, 1});  // lengths 3 and 2: the limit of both is 2
    const WeightedSums got = length_desensitised(logprob, answer, answers_of({2, 2}), 0.5);
    EXPECT_THAT(values_of(got.sum_A), Pointwise(kNear(), Values{-1 - 2 - 1.5, -9}));
    EXPECT_THAT(values_of(got.weight_A), Pointwise(kNear(), Values{2.5, 2}));
    got.sum_A.sum().backward();
    EXPECT_EQ(values_of(logprob.grad()), (Values{1, 1, 0.5, 1, 1}));
    const WeightedSums off = length_desensitised(logprob, answer, answers_of({2, 2}), 1.0);
    EXPECT_EQ(values_of(off.sum_A), (Values{-6, -9}));
}

TEST(TokenLevel, TisWeightsFollowTheContrastAndAreHeld) {
    const at::Tensor good = vector_of({-1.0, -1.0, -1.0}), bad = vector_of({-1.1, -3.0, -0.5});
    EXPECT_THAT(values_of(tis_token_weights(good, bad, +1)),
                Pointwise(kNear(), Values{std::exp(0.1), 1.3, 0.7}));
    EXPECT_THAT(values_of(tis_token_weights(good, bad, -1)),
                Pointwise(kNear(), Values{std::exp(-0.1), 0.7, 1.3}));
}

TEST(TokenLevel, WeightedLogratiosOfUnitWeightsAreThePlainOnes) {
    const at::Tensor policy = vector_of({-1, -2, -3}), reference = vector_of({-1.5, -1.5, -1});
    const WeightedSums got =
        weighted_logratios(policy, reference, vector_of({1, 1, 1}), answers_of({0, 0, 1}), 2);
    EXPECT_THAT(values_of(got.sum_A), Pointwise(kNear(), Values{0.0, -2.0}));
    EXPECT_EQ(values_of(got.weight_A), (Values{2, 1}));
    const WeightedSums heavy =
        weighted_logratios(policy, reference, vector_of({2, 1, 1}), answers_of({0, 0, 1}), 2);
    EXPECT_THAT(values_of(heavy.sum_A), Pointwise(kNear(), Values{0.5, -2.0}));
}

// Probabilities 0.5 0.25 0.25: log sum p^2 = log 0.375.
TEST(TokenLevel, OnPolicyWeightsByHand) {
    const at::Tensor logits =
        at::tensor({std::log(4.0), std::log(2.0), std::log(2.0)}, at::kDouble).unsqueeze(0);
    EXPECT_NEAR(values_of(log_sum_squares(logits))[0], std::log(0.375), 1e-12);
    const at::Tensor logprob = vector_of({std::log(0.5), std::log(0.25)});
    const at::Tensor squares = vector_of({std::log(0.375), std::log(0.375)});
    EXPECT_THAT(values_of(on_policy_weights(logprob, squares, answers_of({0, 0}), 1)),
                Pointwise(kNear(), Values{std::sqrt(0.5 * 0.25) / 0.375}));
}

TEST(TokenLevel, KlByHandAndItsDirection) {
    const at::Tensor p = at::tensor({std::log(3.0), 0.0}, at::kDouble).unsqueeze(0);  // .75 .25
    const at::Tensor q = at::tensor({0.0, 0.0}, at::kDouble).unsqueeze(0);            // .5 .5
    EXPECT_NEAR(values_of(token_kl(p, q))[0], 0.75 * std::log(1.5) + 0.25 * std::log(0.5), 1e-12);
    EXPECT_NEAR(values_of(token_kl(q, p))[0], 0.5 * std::log(0.5 / 0.75) + 0.5 * std::log(0.5 / 0.25), 1e-12);
    EXPECT_NEAR(values_of(token_kl(p, p))[0], 0.0, 1e-15);
}

TEST(TokenLevel, ExtrapolationMovesAwayFromTheReference) {
    EXPECT_THAT(values_of(extrapolated_logits(vector_of({1, 2}), vector_of({0, 4}), 0.1)),
                Pointwise(kNear(), Values{1.1, 1.8}));
    EXPECT_THAT(values_of(extrapolated_logits(vector_of({1, 2}), vector_of({0, 4}), -0.1)),
                Pointwise(kNear(), Values{0.9, 2.2}));
}

}  // namespace
}  // namespace linvox
