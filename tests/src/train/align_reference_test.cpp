// TR-DPO: a reference that follows the policy.
#include "src/train/align_reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

#include <cmath>

#include "src/base/error.h"
#include "src/train/align_source.h"
#include "tests/src/train/align_fixture.h"

namespace linvox {
namespace {

AlignConfig moving(const std::string& update, std::int64_t every, std::int64_t epochs = 3) {
    AlignConfig config = align_config_of("sigmoid", epochs);
    config.reference_update = update;
    config.reference_every = every;
    return config;
}

bool equal_weights(const Decoder& a, const Decoder& b) {
    const TensorMap other = decoder_tensors(b);
    for (const auto& [name, value] : decoder_tensors(a))
        if (!at::equal(value, other.at(name))) return false;
    return true;
}

using MovingReference = AlignFixture;

TEST(MoveReference, TakesTheShareOfThePolicyItIsTold) {
    const Decoder policy = toy::decoder(5), start = toy::decoder(6);
    Decoder reference = clone_decoder(start);
    move_reference(reference, policy, 0.0);
    EXPECT_TRUE(equal_weights(reference, start));
    move_reference(reference, policy, 0.25);
    const at::Tensor expected = 0.25 * policy.embedding_VD + 0.75 * start.embedding_VD;
    EXPECT_LT((reference.embedding_VD - expected).abs().max().item<double>(), 1e-7);
    move_reference(reference, policy, 1.0);
    EXPECT_TRUE(equal_weights(reference, policy));
}

TEST_F(MovingReference, HardUpdatesAfterEveryStepKeepLogRatiosAtZero) {
    Decoder policy = toy::decoder();
    train_align(policy, data, moving("hard", 1), run());
    ASSERT_EQ(steps.size(), 12U);
    for (const Values& values : steps) {
        EXPECT_EQ(values.at("logratio/chosen_sum"), 0.0);
        EXPECT_EQ(values.at("logratio/rejected_sum"), 0.0);
        EXPECT_NEAR(values.at("loss"), std::log(2.0), 1e-6);
    }
    EXPECT_FALSE(equal_weights(policy, toy::decoder()));  // it moved, and its reference with it
}

TEST_F(MovingReference, UpdatesComeEveryNSteps) {
    Decoder policy = toy::decoder();
    train_align(policy, data, moving("hard", 3), run());
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (i % 3 == 0)
            EXPECT_EQ(steps[i].at("logratio/rejected_sum"), 0.0) << i;
        else
            EXPECT_GT(std::abs(steps[i].at("logratio/rejected_sum")), 1e-4) << i;
    }
}

TEST_F(MovingReference, SoftUpdatesWithShareZeroAreTheFrozenRun) {
    score_reference(ReferenceDetail::sums,
                    1);  // every record by itself, as below: equal sums to the last bit
    AlignConfig frozen = align_config_of("sigmoid", 3), still = moving("soft", 1);
    frozen.token_budget = still.token_budget = 1;
    still.reference_alpha = 0.0;
    Decoder a = toy::decoder(), b = toy::decoder();
    train_align(a, data, frozen, run());
    const std::vector<double> expected = losses();
    steps.clear();
    train_align(b, data, still, run());
    EXPECT_EQ(losses(), expected);
    EXPECT_TRUE(equal_weights(a, b));
}

TEST_F(MovingReference, LengthDesensitisedLossesReadItsTokens) {
    AlignConfig config = moving("soft", 2);
    config.loss.ld_alpha = 0.5;  // the file holds sums; the model gives the rest
    Decoder policy = toy::decoder();
    train_align(policy, data, config, run());
    EXPECT_NEAR(steps.front().at("loss"), std::log(2.0), 1e-6);
    EXPECT_GT(steps.back().at("margin/sum"), 0.0);
}

TEST_F(MovingReference, AResumedRunHasTheReferenceOfTheUninterruptedOne) {
    const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "moving_resume";
    std::filesystem::remove_all(folder);
    AlignConfig config = moving("soft", 2);
    config.checkpoint_every = 5;
    Decoder whole = toy::decoder(), killed = toy::decoder(), resumed = toy::decoder();
    train_align(whole, data, config, run());
    const std::vector<double> expected = losses();
    EXPECT_THROW(train_align(killed, data, config, run(folder, false, 7)), Interrupted);
    steps.clear();
    train_align(resumed, data, config, run(folder, true));
    ASSERT_EQ(steps.size(), 7U);  // 12 steps, 5 of them saved
    for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(losses()[i], expected[5 + i]) << "step " << 6 + i;
    EXPECT_TRUE(equal_weights(resumed, whole));
    AlignConfig other = config;
    other.reference_alpha = 0.5;
    EXPECT_THAT([&] { train_align(killed, data, other, run(folder, true)); },
                testing::ThrowsMessage<DataError>(testing::HasSubstr("reference_update differs")));
}

TEST_F(MovingReference, TheGateAtStepZeroStillComparesWithTheFile) {
    Decoder other = toy::decoder(9);  // not the model that scored the reference
    EXPECT_THAT([&] { train_align(other, data, moving("soft", 2), run()); },
                testing::ThrowsMessage<DataError>(testing::HasSubstr("step0/logratio")));
    data.reference.clear();
    EXPECT_NO_THROW(train_align(other, data, moving("soft", 2, 1), run()));
}

TEST_F(MovingReference, RefusesWhatItMakesMeaningless) {
    Decoder policy = toy::decoder();
    AlignConfig best = moving("soft", 2);
    best.keep_best = true;
    EXPECT_THROW(train_align(policy, data, best, run()), ConfigError);
    AlignConfig none = moving("hard", 2);
    none.loss.main.kind = "simpo";
    EXPECT_THROW(train_align(policy, data, none, run()), ConfigError);
    data.starts_at_reference = false;
    EXPECT_THROW(train_align(policy, data, moving("soft", 2), run()), ConfigError);
    EXPECT_TRUE(steps.empty());
}

TEST_F(MovingReference, ActivationCheckpointingChangesNoBit) {
    AlignConfig config = moving("soft", 2, 1);
    Decoder plain = toy::decoder(), checkpointed = toy::decoder();
    train_align(plain, data, config, run());
    const std::vector<double> expected = losses();
    config.activation_checkpointing = true;
    EXPECT_TRUE(align_score_config(config, {}).forward.checkpoint_layers);
    steps.clear();
    train_align(checkpointed, data, config, run());
    EXPECT_EQ(losses(), expected);
    EXPECT_TRUE(equal_weights(plain, checkpointed));
}

}  // namespace
}  // namespace linvox
