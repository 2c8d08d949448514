// Matrices kept in bfloat16: what is narrowed, that small updates arrive, that a run learns and resumes.
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "src/train/decoder_parameters.h"
#include "src/train/precision.h"
#include "tests/src/train/align_fixture.h"

namespace linvox {
namespace {

ModelConfig wide_config() {
    ModelConfig config = toy::config();
    config.hidden_size = 192;
    config.intermediate_size = 64;
    return config;
}

AlignConfig narrow_config(std::int64_t epochs) {
    AlignConfig config = align_config_of("lpo-published", epochs);
    config.precision = "bf16";
    config.weights = "bf16";
    config.optimiser.moments = "8bit";
    return config;
}

struct NarrowWeights : AlignFixture {
    Decoder start = make_decoder(wide_config(), 3);
    void SetUp() override {
        AlignFixture::SetUp();
        std::vector<SequenceGroup> all = toy::groups(data.train);
        for (const SequenceGroup& group : toy::groups(data.held_out)) all.push_back(group);
        const ScoreConfig score = align_score_config(narrow_config(1), data.softmax);
        data.reference = linvox::score_reference(start, all, score, 200, ReferenceDetail::sums);
    }
};

TEST_F(NarrowWeights, AreTheLargeMatricesAlone) {
    Decoder decoder = clone_decoder(start);
    narrow_weights(decoder);
    int narrow = 0;
    visit_weights(decoder, [&](const std::string& name, const at::Tensor& weight) {
        const bool large = weight.dim() == 2 && weight.numel() >= kSmallestTensor8;
        narrow += large;
        EXPECT_EQ(weight.scalar_type(), large ? at::kBFloat16 : at::kFloat) << name;
    });
    EXPECT_EQ(narrow, 11) << "five of each layer and the embedding; keys and values are too small here";
    EXPECT_EQ(start.layers[0].gate_weight_FD.scalar_type(), at::kFloat) << "copies of the tensors stay wide";
}

// The mask gates and step 0 pass: products of narrow matrices are those of wide ones cast on the way.
TEST_F(NarrowWeights, LearnAsWideOnesDo) {
    AlignConfig wide = narrow_config(10);
    wide.weights = "f32";
    Decoder expected = clone_decoder(start), policy = clone_decoder(start);
    train_align(expected, data, wide, run());
    const double margin = evaluations.back().at("eval_margin/per_token");
    const double first = steps.front().at("loss");
    steps.clear();
    train_align(policy, data, narrow_config(10), run());
    EXPECT_EQ(policy.layers[0].gate_weight_FD.scalar_type(), at::kBFloat16);
    EXPECT_EQ(policy.final_norm_D.scalar_type(), at::kFloat);
    EXPECT_NEAR(steps.front().at("loss"), first, 1e-6);
    EXPECT_GT(margin, 0.2);
    EXPECT_NEAR(evaluations.back().at("eval_margin/per_token"), margin, 0.1 * margin);
}

TEST_F(NarrowWeights, ComeBackFromACheckpointBitForBit) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "narrow_resume";
    std::filesystem::remove_all(folder);
    AlignConfig config = narrow_config(3);
    config.checkpoint_every = 5;
    Decoder whole = clone_decoder(start), killed = clone_decoder(start), resumed = clone_decoder(start);
    train_align(whole, data, config, run());
    EXPECT_THROW(train_align(killed, data, config, run(folder, false, 7)), Interrupted);
    train_align(resumed, data, config, run(folder, true));
    EXPECT_TRUE(at::equal(whole.embedding_VD, resumed.embedding_VD));
    EXPECT_TRUE(at::equal(whole.layers[0].down_weight_DF, resumed.layers[0].down_weight_DF));
}

TEST_F(NarrowWeights, AreAFrozenBaseForAdapters) {
    AlignConfig config = narrow_config(10);
    config.lora.rank = 8;
    Decoder policy = clone_decoder(start);
    train_align(policy, data, config, run());
    EXPECT_TRUE(at::equal(policy.layers[0].down_weight_DF, start.layers[0].down_weight_DF.to(at::kBFloat16)));
    EXPECT_GT(evaluations.back().at("eval_margin/per_token"), 0.1);
}

TEST_F(NarrowWeights, UnderAdaptersTakeAnyMoments) {
    AlignConfig config = narrow_config(1);
    config.optimiser.moments = "f32";
    Decoder policy = clone_decoder(start);
    EXPECT_THROW(train_align(policy, data, config, run()), ConfigError);
    config.lora.rank = 8;
    train_align(policy, data, config, run());
    EXPECT_EQ(policy.layers[0].down_weight_DF.scalar_type(), at::kBFloat16);
}

TEST_F(NarrowWeights, SayWhatTheyNeed) {
    AlignConfig config = narrow_config(1);
    config.precision = "f32";
    config.optimiser.moments = "f32";
    Decoder policy = clone_decoder(start);
    try {
        train_align(policy, data, config, run());
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("align.precision"),
                                                 testing::HasSubstr("align.optimiser.moments")));
    }
}

}  // namespace
}  // namespace linvox
