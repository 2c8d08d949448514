// Alignment of adapters and of some weights only.
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

#include <cmath>

#include "src/base/error.h"
#include "src/model/lora.h"
#include "src/model/model_directory.h"
#include "src/train/align_reference.h"
#include "tests/src/train/align_fixture.h"

namespace linvox {
namespace {

using AlignLora = AlignFixture;

AlignConfig lora_config_of(const std::string& kind, std::int64_t epochs = 4) {
    AlignConfig config = align_config_of(kind, epochs);
    config.optimiser.learning_rate = 1e-2;
    config.lora.rank = 4;
    config.lora.alpha = 8.0;
    return config;
}

TEST_F(AlignLora, LearnsWithoutTouchingABitOfTheBase) {
    for (const bool dora : {false, true}) {
        AlignConfig config = lora_config_of("lpo-published", 10);
        config.lora.dora = dora;
        config.lora.dropout = 0.05;
        Decoder policy = toy::decoder();
        const std::string before = decoder_digest(policy);
        steps.clear();
        evaluations.clear();
        train_align(policy, data, config, run());
        EXPECT_NEAR(steps.front().at("loss"), 2.0, 0.05);  // LPO starts at 2; dropout meets B = 0
        EXPECT_GT(evaluations.back().at("eval_margin/per_token"), 0.2);
        EXPECT_GT(evaluations.front().at("eval_grad_norm/chosen"), 0.0);
        ASSERT_TRUE(policy.has_lora());
        EXPECT_EQ(decoder_digest(without_lora(policy)), before);
        EXPECT_NE(decoder_digest(merged_lora(policy)), before);
    }
}

TEST_F(AlignLora, ALiveReferenceIsTheSameWeightsWithTheAdapterAsItWas) {
    AlignConfig config = lora_config_of("sigmoid", 3);
    config.reference_update = "hard";
    config.reference_every = 1;
    Decoder policy = toy::decoder();
    train_align(policy, data, config, run());
    for (const Values& values : steps) EXPECT_EQ(values.at("logratio/chosen_sum"), 0.0);
    EXPECT_EQ(decoder_digest(without_lora(policy)), decoder_digest(toy::decoder()));
    config.reference_update = "soft";
    EXPECT_THAT([&] { train_align(policy, data, config, run()); },
                testing::ThrowsMessage<ConfigError>(testing::HasSubstr("no share of B A")));
}

TEST_F(AlignLora, AResumedRunEndsWithTheAdapterOfTheUninterruptedOne) {
    const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "lora_resume";
    std::filesystem::remove_all(folder);
    AlignConfig config = lora_config_of("sigmoid", 3);
    config.lora.dropout = 0.1;
    config.checkpoint_every = 5;
    Decoder whole = toy::decoder(), killed = toy::decoder(), resumed = toy::decoder();
    train_align(whole, data, config, run());
    EXPECT_THROW(train_align(killed, data, config, run(folder, false, 7)), Interrupted);
    train_align(resumed, data, config, run(folder, true));
    const TensorMap expected = decoder_tensors(whole);
    EXPECT_EQ(expected.size(), 2U * 7U * 2U);
    for (const auto& [name, tensor] : decoder_tensors(resumed))
        EXPECT_TRUE(at::equal(tensor, expected.at(name))) << name;
    AlignConfig other = config;
    other.lora.alpha = 9.0;
    Decoder third = toy::decoder();
    EXPECT_THAT([&] { train_align(third, data, other, run(folder, true)); },
                testing::ThrowsMessage<DataError>(testing::HasSubstr("lora differs")));
}

TEST_F(AlignLora, FrozenNamesKeepEveryBit) {
    AlignConfig config = align_config_of("sigmoid", 2);
    config.freeze = {"model.embed_tokens.*", "*.mlp.*"};
    Decoder policy = toy::decoder();
    const Decoder start = toy::decoder();
    train_align(policy, data, config, run());
    EXPECT_TRUE(at::equal(policy.embedding_VD, start.embedding_VD));
    EXPECT_TRUE(at::equal(policy.layers[1].down_weight_DF, start.layers[1].down_weight_DF));
    EXPECT_FALSE(at::equal(policy.layers[1].o_weight_DQ, start.layers[1].o_weight_DQ));
    Decoder fresh = toy::decoder();
    config.freeze = {"*.mpl.*"};
    EXPECT_THAT([&] { train_align(fresh, data, config, run()); },
                testing::ThrowsMessage<UserError>(testing::HasSubstr("no trained weight matches '*.mpl.*'")));
    config.freeze = {"*"};
    EXPECT_THAT([&] { train_align(fresh, data, config, run()); },
                testing::ThrowsMessage<UserError>(testing::HasSubstr("leaves nothing to train")));
}

}  // namespace
}  // namespace linvox
