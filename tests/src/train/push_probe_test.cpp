#include "src/train/push_probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/src/train/toy_model.h"

namespace linvox {
namespace {

TEST(PushProbe, EqualsFiniteDifferencesAlongTheGradient) {
    Decoder policy = cast_decoder(toy::decoder(), at::kDouble);
    set_requires_grad(policy, true);
    const PairSet set = make_pair_set(toy::pairs(4), {});
    const PairBatch batch = make_pair_batch(set, {0, 1, 2, 3}, false);
    const auto probed = probe_push(policy, set, batch, {}, Normalise::mean);
    EXPECT_FALSE(policy.embedding_VD.grad().defined());
    EXPECT_FALSE(policy.layers.back().down_weight_DF.grad().defined());
    EXPECT_NEAR(probed.at("r_star"), probed.at("grad_norm/rejected") / probed.at("grad_norm/chosen"), 1e-12);

    // |grad|^2 is the slope along the gradient itself.
    const auto mean_chosen = [&] {
        const PairScores scores =
            pair_scores(set, batch, score_answers(policy, batch.batch, {}).logprob_sum_A);
        return (scores.policy_chosen / scores.chosen_tokens).mean();
    };
    at::Tensor weight = policy.layers.back().down_weight_DF;
    mean_chosen().backward();
    const at::Tensor gradient = weight.grad().clone();
    const at::NoGradGuard no_grad;
    const double h = 1e-4;
    weight.add_(gradient, h);
    const double above = mean_chosen().item<double>();
    weight.sub_(gradient, 2 * h);
    const double below = mean_chosen().item<double>();
    const double norm = probed.at("grad_norm/chosen");
    EXPECT_NEAR((above - below) / (2 * h), norm * norm, 1e-6 * norm * norm + 1e-9);
    EXPECT_GE(probed.at("grad/cosine"), -1.0);
    EXPECT_LE(probed.at("grad/cosine"), 1.0);
}

TEST(PushProbe, AnAnswerAgainstItselfPointsTheSameWay) {
    Decoder policy = toy::decoder();
    set_requires_grad(policy, true);
    auto records = toy::pairs(1);
    records[0].rejected[0] = records[0].chosen;
    const PairSet set = make_pair_set(records, {});
    const auto probed = probe_push(policy, set, make_pair_batch(set, {0}, false), {}, Normalise::sum);
    EXPECT_NEAR(probed.at("grad/cosine"), 1.0, 1e-5);
    EXPECT_NEAR(probed.at("r_star"), 1.0, 1e-5);
}

}  // namespace
}  // namespace linvox
