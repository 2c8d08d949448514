#include "src/model/grow.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {
namespace {

TEST(Grow, OldRowsKeepEveryBitAndNewOnesAreNearTheMean) {
    for (const bool tied : {true, false}) {
        ModelConfig config = small_config("qwen2");
        config.tie_word_embeddings = tied;
        const Decoder decoder = lively_decoder(config, 1, at::kBFloat16);
        const Decoder grown = grow_vocabulary(decoder, {.first_id = 37, .count = 200, .noise = 0.1});
        EXPECT_EQ(grown.config.vocab_size, 237);
        EXPECT_EQ(grown.head_VD.defined(), !tied);
        EXPECT_EQ(grown.embedding_VD.scalar_type(), at::kBFloat16);
        for (const auto& [before, after] : {std::pair(decoder.embedding_VD, grown.embedding_VD),
                                            std::pair(head_weight(decoder), head_weight(grown))}) {
            EXPECT_TRUE(at::equal(after.slice(0, 0, 37), before));
            const at::Tensor old = before.to(at::kFloat), fresh = after.slice(0, 37).to(at::kFloat);
            EXPECT_TRUE(close(fresh.mean(0), old.mean(0), 0.02));
            EXPECT_NEAR(fresh.std(0).mean().item<double>(), 0.1 * old.std(0).mean().item<double>(), 0.005);
        }
        EXPECT_EQ(grown.layers[0].q_weight_QD.const_data_ptr(),
                  decoder.layers[0].q_weight_QD.const_data_ptr());
        EXPECT_EQ(golden_logits(grown).size(1), 237);
    }
}

TEST(Grow, RowsInReserveAreUsedFirst) {
    const Decoder decoder = lively_decoder(small_config("llama"), 2, at::kFloat);
    const Decoder grown = grow_vocabulary(decoder, {.first_id = 30, .count = 4, .init = "zeros"});
    EXPECT_EQ(grown.config.vocab_size, 37);
    EXPECT_TRUE(at::equal(grown.embedding_VD.slice(0, 0, 30), decoder.embedding_VD.slice(0, 0, 30)));
    EXPECT_EQ(grown.embedding_VD.slice(0, 30, 34).abs().max().item<double>(), 0.0);
    EXPECT_TRUE(at::equal(grown.embedding_VD.slice(0, 34), decoder.embedding_VD.slice(0, 34)));
}

TEST(Grow, RoundsUpAndRepeatsWithItsSeed) {
    const Decoder decoder = lively_decoder(small_config("llama"), 2, at::kFloat);
    const GrowConfig config{.first_id = 37, .count = 5, .init = "normal", .multiple = 64, .seed = 3};
    const Decoder grown = grow_vocabulary(decoder, config);
    EXPECT_EQ(grown.embedding_VD.size(0), 64);
    EXPECT_TRUE(at::equal(grown.embedding_VD, grow_vocabulary(decoder, config).embedding_VD));
    GrowConfig other = config;
    other.seed = 4;
    EXPECT_FALSE(at::equal(grown.embedding_VD, grow_vocabulary(decoder, other).embedding_VD));
    EXPECT_THAT([&] { grow_vocabulary(decoder, {.first_id = 38, .count = 1}); },
                testing::ThrowsMessage<UserError>(testing::HasSubstr("do not continue a vocabulary of 37")));
}

}  // namespace
}  // namespace linvox
