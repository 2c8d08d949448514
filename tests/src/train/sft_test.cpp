#include "src/train/sft.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/base/log.h"
#include "src/model/lora.h"
#include "src/model/model_directory.h"
#include "src/model/torch_compat.h"
#include "src/train/sft_source.h"
#include "tests/src/train/toy_model.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

SftData data_of() {
    configure_threads(1);  // bit-equal losses, and no waiting for busy cores
    SftData data;
    data.epoch = [](int, Rng& rng) {
        std::vector<SequenceGroup> groups;
        for (int i = 0; i < 24; ++i)
            groups.push_back(
                {"example_" + std::to_string(i),
                 {1, 2},
                 {toy::codes(static_cast<std::int32_t>(rng.below(16)), 1, 6 + rng.below(6), i % 2 == 0)}});
        return groups;
    };
    Rng rng(99);
    data.validation = data.epoch(0, rng);
    data.softmax = {toy::kCodes, toy::kVocabulary, {}};
    return data;
}

SftConfig config_of(std::int64_t steps) {
    SftConfig config;
    config.steps = steps;
    config.token_budget = 60;
    config.dropout = 0.1;
    config.precision = "f32";
    config.optimiser.learning_rate = 1e-2;
    config.schedule.warmup_steps = 5;
    config.evaluate_every = 0;
    config.checkpoint_every = 0;
    return config;
}

struct Log {
    std::vector<double> losses, evaluations, tokens;
    TrainRun run(const fs::path& checkpoints = {}, bool resume = false, std::int64_t stop_after = -1) {
        return {checkpoints, resume, [this, stop_after](std::int64_t) {
                    Observer observer;
                    observer.on_step = [this, stop_after](const StepReport& report) {
                        losses.push_back(report.values.at("loss"));
                        tokens.push_back(report.values.at("num_tokens"));
                        if (report.step == stop_after) throw Interrupted{};
                    };
                    observer.on_evaluation = [this](const StepReport& report) {
                        evaluations.push_back(report.values.at("eval_loss"));
                    };
                    return std::vector<Observer>{observer};
                }};
    }
};

TEST(Sft, TrainsAnAdapterOrTheWeightsThatAreNotFrozen) {
    const SftData data = data_of();
    SftConfig config = config_of(40);
    config.lora.rank = 4;
    config.lora.dora = true;
    config.lora.dropout = 0.05;
    Decoder adapted = toy::decoder();
    Log log;
    train_sft(adapted, data, config, log.run());
    ASSERT_TRUE(adapted.has_lora());
    EXPECT_EQ(decoder_digest(without_lora(adapted)), decoder_digest(toy::decoder()));
    EXPECT_LT(log.losses.back(), log.losses.front() - 0.3);

    config = config_of(5);
    config.freeze = {"*.mlp.*", "model.embed_tokens.*"};
    Decoder frozen = toy::decoder();
    const Decoder before = toy::decoder();
    train_sft(frozen, data, config, log.run());
    EXPECT_TRUE(at::equal(frozen.layers[0].up_weight_FD, before.layers[0].up_weight_FD));
    EXPECT_TRUE(at::equal(frozen.embedding_VD, before.embedding_VD));
    EXPECT_FALSE(at::equal(frozen.layers[0].q_weight_QD, before.layers[0].q_weight_QD));
    EXPECT_FALSE(frozen.layers[0].q_weight_QD.requires_grad());
}

TEST(Sft, LearnsRisingCodes) {
    Decoder decoder = toy::decoder();
    const SftData data = data_of();
    SftConfig config = config_of(120);
    config.evaluate_every = 40;
    Log log;
    const TrainResult result = train_sft(decoder, data, config, log.run());
    EXPECT_EQ(result.steps, 120);
    EXPECT_NEAR(log.losses.front(), std::log(16.0), 0.3);  // 16 codes, nothing known yet
    ASSERT_EQ(log.evaluations.size(), 3U);
    // Only the first code of an answer is left to chance: ln 16 over 8.5 tokens is 0.33 nats each.
    EXPECT_LT(log.evaluations.back(), 0.6);
    const ScoreConfig score{.softmax = data.softmax};
    EXPECT_NEAR(validation_loss(decoder, data.validation, score, 60), result.best_loss, 1e-6);
    EXPECT_FALSE(decoder.embedding_VD.requires_grad());
}

TEST(Sft, ResumedRunHasTheLossesOfTheUninterruptedOne) {
    SftConfig config = config_of(16);
    config.checkpoint_every = 10;
    config.accumulate = 2;
    const fs::path folder = fs::path(testing::TempDir()) / "sft_resume";
    fs::remove_all(folder);
    Decoder whole = toy::decoder(), killed = toy::decoder(), resumed = toy::decoder(8);
    Log whole_log, killed_log, resumed_log;
    const SftData data = data_of();
    train_sft(whole, data, config, whole_log.run());
    EXPECT_THROW(train_sft(killed, data, config, killed_log.run(folder, false, 12)), Interrupted);
    train_sft(resumed, data, config, resumed_log.run(folder, true));
    ASSERT_EQ(resumed_log.losses.size(), 6U);
    for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(resumed_log.losses[i], whole_log.losses[10 + i]) << "step " << 11 + i;
        EXPECT_EQ(resumed_log.tokens[i], whole_log.tokens[10 + i]);
    }
    EXPECT_TRUE(at::equal(resumed.embedding_VD, whole.embedding_VD));
    EXPECT_GT(whole_log.tokens[1], whole_log.tokens[0]);  // a running total
}

TEST(Sft, AccumulationEqualsOneLargeBatch) {
    SftConfig small = config_of(4), large = config_of(4);
    small.dropout = large.dropout = 0.0;
    small.token_budget = 10;  // one example each
    small.accumulate = 24;
    large.token_budget = 10000;
    Decoder one = toy::decoder(), many = toy::decoder();
    Log one_log, many_log;
    const SftData data = data_of();
    train_sft(one, data, large, one_log.run());
    train_sft(many, data, small, many_log.run());
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(one_log.losses[i], many_log.losses[i], 2e-5) << i;
    EXPECT_EQ(one_log.tokens, many_log.tokens);
}

TEST(Sft, SameSeedSameRunOtherSeedOtherRun) {
    const SftData data = data_of();
    std::vector<std::vector<double>> losses;
    for (const std::int64_t seed : {1, 1, 2}) {
        Decoder decoder = toy::decoder();
        SftConfig config = config_of(5);
        config.seed = seed;
        Log log;
        train_sft(decoder, data, config, log.run());
        losses.push_back(log.losses);
    }
    EXPECT_EQ(losses[0], losses[1]);
    EXPECT_NE(losses[0], losses[2]);
}

TEST(Sft, InputNoiseChangesWhatIsSeenAndNotWhatIsLearnt) {
    SftData data = data_of();
    data.code_begin = toy::kCodes;
    data.code_end = toy::kVocabulary;
    std::vector<double> first_loss, last_loss;
    for (const double noise : {0.0, 0.9}) {
        Decoder decoder = toy::decoder();
        SftConfig config = config_of(80);
        config.input_noise = noise;
        Log log;
        train_sft(decoder, data, config, log.run());
        first_loss.push_back(log.losses.front());
        last_loss.push_back(log.losses.back());
    }
    EXPECT_NE(first_loss[0], first_loss[1]);
    EXPECT_LT(last_loss[0], 1.0);
    EXPECT_GT(last_loss[1], 1.5);  // codes cannot be told from noise, which is no label
}

TEST(Sft, BfloatProductsFollowFloat) {
    const SftData data = data_of();
    std::vector<std::vector<double>> losses;
    for (const char* precision : {"f32", "bf16"}) {
        Decoder decoder = toy::decoder();
        SftConfig config = config_of(10);
        config.precision = precision;
        Log log;
        train_sft(decoder, data, config, log.run());
        losses.push_back(log.losses);
    }
    EXPECT_NE(losses[0], losses[1]);
    for (std::size_t i = 0; i < 10; ++i) EXPECT_NEAR(losses[0][i], losses[1][i], 0.05) << i;
}

TEST(Sft, ActivationCheckpointingChangesNoBitWithDropoutOn) {
    const SftData data = data_of();
    SftConfig config = config_of(6);
    Log plain, checkpointed;
    Decoder a = toy::decoder(), b = toy::decoder();
    train_sft(a, data, config, plain.run());
    config.activation_checkpointing = true;
    train_sft(b, data, config, checkpointed.run());
    EXPECT_EQ(plain.losses, checkpointed.losses);
    EXPECT_TRUE(at::equal(a.layers[0].gate_weight_FD, b.layers[0].gate_weight_FD));
    EXPECT_TRUE(at::equal(a.embedding_VD, b.embedding_VD));
}

TEST(Sft, AStepInSmallerPartsIsTheSameStep) {
    SftConfig config = config_of(1);
    config.dropout = 0.0;
    config.accumulate = 2;
    const SftData data = data_of();
    const Decoder decoder = toy::decoder();
    SftSource source(decoder, data, config);
    source.begin_epoch(0);
    const auto step = [&] {
        double loss = 0.0, weight = 0.0;
        for (std::int64_t micro = 0; micro < source.micro_count(1); ++micro) {
            const MicroResult part = source.forward(1, micro, 1);
            loss += part.loss_sum.item<double>();
            weight += part.weight;
        }
        return std::pair(loss, weight);
    };
    const auto [loss, weight] = step();
    std::int64_t before = source.micro_count(1);
    ASSERT_EQ(before, 2);
    while (source.split()) {
        EXPECT_GT(source.micro_count(1), before);
        before = source.micro_count(1);
        const auto [split_loss, split_weight] = step();
        EXPECT_NEAR(split_loss, loss, 1e-3);
        EXPECT_EQ(split_weight, weight);
    }
    EXPECT_GT(before, 4);
    for (std::int64_t micro = 0; micro < before; ++micro) EXPECT_EQ(source.record_ids(1, micro).size(), 1U);
    source.after_step();
    EXPECT_EQ(source.state().at("num_tokens").item<double>(), weight);  // of the last attempt alone
}

}  // namespace
}  // namespace linvox
