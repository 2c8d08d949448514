#include "src/train/align.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"
#include "src/train/align_forward.h"
#include "src/train/align_source.h"
#include "tests/src/train/align_fixture.h"

namespace linvox {
namespace {

using Align = AlignFixture;
namespace fs = std::filesystem;

TEST_F(Align, LpoRaisesTheMarginOnHeldOutPairs) {
    Decoder policy = toy::decoder();
    const TrainResult result = train_align(policy, data, align_config_of("lpo-published", 10), run());
    EXPECT_EQ(result.steps, 40);
    EXPECT_NEAR(steps.front().at("loss"), 2.0, 1e-4);  // LPO starts at 2 whatever beta, r1, r2
    EXPECT_NEAR(evaluations.front().at("eval_margin/per_token"), 0.0, 1e-4);
    EXPECT_GT(evaluations.back().at("eval_margin/per_token"), 0.2);
    EXPECT_GT(evaluations.back().at("eval_logratio/chosen_per_token"), 0.0);
    EXPECT_LT(evaluations.back().at("eval_logratio/rejected_per_token"), 0.0);
    EXPECT_GT(evaluations.back().at("eval_rewards/accuracies"), 0.9);
    EXPECT_LT(evaluations.back().at("eval_loss"), evaluations.front().at("eval_loss"));
}

TEST_F(Align, DpoStartsAtLnTwo) {
    Decoder policy = toy::decoder();
    train_align(policy, data, align_config_of("sigmoid", 4), run());
    EXPECT_NEAR(steps.front().at("loss"), std::log(2.0), 1e-5);
    EXPECT_GT(evaluations.back().at("eval_margin/sum"), 0.5);
}

TEST_F(Align, ReportsTrlNamesAndCurves) {
    Decoder policy = toy::decoder();
    train_align(policy, data, align_config_of("lpo-published", 1), run());
    for (const char* name :
         {"loss", "grad_norm", "learning_rate", "logps/chosen", "logps/rejected", "rewards/chosen",
          "rewards/rejected", "rewards/margins", "rewards/accuracies", "displacement/chosen",
          "loss/preference", "loss/positive", "logratio/chosen_per_token_p10",
          "logratio/rejected_per_token_p90", "logps/chosen_per_token_p50", "push/chosen"})
        EXPECT_TRUE(steps.back().contains(name)) << name;
    for (const char* name :
         {"eval_r_star", "eval_grad/cosine", "eval_grad_norm/chosen", "eval_logratio/chosen_sum_p50"})
        EXPECT_TRUE(evaluations.back().contains(name)) << name;
    EXPECT_LT(steps.back().at("logps/chosen"), 0.0);  // negative values are reported
    EXPECT_LE(steps.back().at("logratio/chosen_per_token_p10"),
              steps.back().at("logratio/chosen_per_token_p90"));
}

TEST_F(Align, TokenStatisticsAreReportedAndChangeNothing) {
    AlignConfig config = align_config_of("lpo-published", 2);
    Decoder plain = toy::decoder(), watched = toy::decoder();
    train_align(plain, data, config, run());
    const std::vector<double> expected = losses();
    EXPECT_FALSE(steps.back().contains("entropy/chosen"));
    steps.clear();
    config.token_statistics = true;
    train_align(watched, data, config, run());
    EXPECT_EQ(losses(), expected);
    for (const char* side : {"chosen", "rejected"}) {
        const auto value = [&](const std::string& name) { return steps.back().at(name + "/" + side); };
        EXPECT_GT(value("entropy"), 0.0);
        EXPECT_LE(value("entropy"), std::log(static_cast<double>(watched.config.vocab_size)));
        EXPECT_GE(value("mean_token_accuracy"), 0.0);
        EXPECT_LE(value("mean_token_accuracy"), 1.0);
        EXPECT_TRUE(std::isfinite(value("logits")));
    }
    // Training raises the chosen answers: the model is right about more of their tokens.
    EXPECT_GT(steps.back().at("mean_token_accuracy/chosen"), steps.front().at("mean_token_accuracy/chosen"));
}

TEST_F(Align, MicroBatchesOfOneRecordEqualOneBatch) {
    data.train = toy::pairs(16, 2);  // two rejected answers each
    score_reference();
    std::vector<std::vector<double>> losses_of;
    std::vector<Decoder> policies;
    for (const std::int64_t budget : {1, 100000}) {
        AlignConfig config = align_config_of("lpo-published", 1);
        config.batch_pairs = 8;
        config.token_budget = budget;
        steps.clear();
        policies.push_back(toy::decoder());
        train_align(policies.back(), data, config, run());
        losses_of.push_back(losses());
    }
    ASSERT_EQ(losses_of[0].size(), 4U);  // 32 pairs
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(losses_of[0][i], losses_of[1][i], 1e-5) << i;
    EXPECT_LT((policies[0].embedding_VD - policies[1].embedding_VD).abs().max().item<double>(), 1e-4);
}

TEST_F(Align, ResumedRunHasTheLossesOfTheUninterruptedOne) {
    const fs::path folder = fs::path(testing::TempDir()) / "align_resume";
    fs::remove_all(folder);
    AlignConfig config = align_config_of("bco_pair", 3);  // keeps a running mean
    config.checkpoint_every = 5;
    Decoder whole = toy::decoder(), killed = toy::decoder(), resumed = toy::decoder(8);
    train_align(whole, data, config, run());
    const std::vector<double> expected = losses();
    EXPECT_THROW(train_align(killed, data, config, run(folder, false, 7)), Interrupted);
    steps.clear();
    train_align(resumed, data, config, run(folder, true));
    ASSERT_EQ(steps.size(), 7U);  // 12 steps, 5 of them saved
    for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(losses()[i], expected[5 + i]) << "step " << 6 + i;
    EXPECT_TRUE(at::equal(resumed.embedding_VD, whole.embedding_VD));
}

TEST_F(Align, ResumeRefusesChangedSettings) {
    const fs::path folder = fs::path(testing::TempDir()) / "align_changed";
    fs::remove_all(folder);
    AlignConfig config = align_config_of("lpo-published", 2);
    config.checkpoint_every = 3;
    Decoder policy = toy::decoder();
    train_align(policy, data, config, run(folder));
    config.loss.main.set(LossOption::beta, 0.4);
    Decoder again = toy::decoder();
    try {
        train_align(again, data, config, run(folder, true));
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("loss differs"));
    }
}

TEST_F(Align, GatesRefuseAStaleReferenceUnlessSwitchedOff) {
    Decoder policy = toy::decoder(9);  // not the model that scored the reference
    EXPECT_THROW(train_align(policy, data, align_config_of("lpo-published"), run()), DataError);
    EXPECT_TRUE(steps.empty());
    data.starts_at_reference = false;
    EXPECT_NO_THROW(train_align(policy, data, align_config_of("lpo-published", 1), run()));
}

TEST_F(Align, RefusesWhatTheLossNeedsAndTheRunLacks) {
    Decoder policy = toy::decoder();
    EXPECT_THROW(train_align(policy, data, align_config_of("odpo"), run()), ConfigError);  // task scores
    AlignConfig split = align_config_of("kto_pair");
    split.token_budget = 1;
    EXPECT_THROW(train_align(policy, data, split, run()), ConfigError);  // pairs of a step must be together
    AlignConfig patient = align_config_of("sigmoid");
    patient.patience = 2;
    data.held_out.clear();
    EXPECT_THROW(train_align(policy, data, patient, run()), ConfigError);
    data.train.clear();
    EXPECT_THROW(train_align(policy, data, align_config_of("sigmoid"), run()), DataError);
}

TEST_F(Align, MissingReferenceEntriesAreNamed) {
    const PreferenceRecord& record = data.train[4];
    data.reference.erase(answer_digest(record.info.prompt_ids, record.chosen.answer));
    Decoder policy = toy::decoder();
    try {
        train_align(policy, data, align_config_of("sigmoid"), run());
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("pair_4"));
    }
}

TEST_F(Align, ReferenceFreeLossesRunWithoutAReference) {
    data.reference.clear();
    Decoder policy = toy::decoder();
    EXPECT_NO_THROW(train_align(policy, data, align_config_of("simpo", 2), run()));
    EXPECT_LT(steps.back().at("loss"), steps.front().at("loss"));
}

TEST_F(Align, SplitMicroBatchesAddUpToTheSameStepUntilEachIsOneRecord) {
    AlignConfig config = align_config_of("bco_pair");  // keeps sums over the step
    config.batch_pairs = 12;
    config.token_budget = 100000;
    Decoder policy = toy::decoder();
    AlignSource source(policy, data, config);
    source.begin_epoch(0);
    const auto loss_of_step = [&] {
        double sum = 0.0;
        for (std::int64_t micro = 0; micro < source.micro_count(0); ++micro)
            sum += source.forward(0, micro, 0).loss_sum.item<double>();
        return sum;
    };
    ASSERT_EQ(source.micro_count(0), 1);
    const double whole = loss_of_step();
    std::int64_t before = 1;
    while (source.split()) {
        EXPECT_GT(source.micro_count(0), before);
        before = source.micro_count(0);
        EXPECT_NEAR(loss_of_step(), whole, 1e-4);
    }
    for (std::int64_t micro = 0; micro < before; ++micro) {
        const std::vector<std::string> ids = source.record_ids(0, micro);
        EXPECT_THAT(ids, testing::Each(ids.front()));
    }
}

TEST_F(Align, PairWeightByPromptGivesEveryPromptTheSameSay) {
    std::vector<PreferenceRecord> mixed = toy::pairs(2, 1);
    mixed[1].rejected.push_back(toy::pairs(9, 3)[5].rejected[2]);
    mixed[1].rejected.push_back(toy::pairs(9, 3)[6].rejected[1]);
    data.held_out = mixed;
    score_reference();
    const Decoder policy = toy::decoder(5);
    const auto loss_of = [&](const std::vector<PreferenceRecord>& records, const char* weight) {
        AlignConfig config = align_config_of("sigmoid");
        config.pair_weight = weight;
        return evaluate_set(pair_forward(policy, nullptr, config, data),
                            make_pair_set(records, data.reference), LossState{})
            .at("loss");
    };
    const double first = loss_of({mixed[0]}, "pair"), second = loss_of({mixed[1]}, "pair");
    EXPECT_NEAR(loss_of(mixed, "prompt"), (first + second) / 2, 1e-6);
    EXPECT_NEAR(loss_of(mixed, "pair"), (first + 3 * second) / 4, 1e-6);
    EXPECT_NE(first, second);
}

}  // namespace
}  // namespace linvox
