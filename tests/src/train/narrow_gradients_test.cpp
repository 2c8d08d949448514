#include "src/train/narrow_gradients.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <utility>

#include "src/base/error.h"
#include "src/data/pack.h"
#include "src/model/score.h"
#include "src/train/optimizer.h"
#include "tests/src/train/toy_model.h"

namespace linvox {
namespace {

at::Tensor leaf(at::IntArrayRef shape) { return at::randn(shape).set_requires_grad(true); }

TEST(NarrowGradients, AreTheRoundedOnesAndTheWideOnesAreGone) {
    const at::Tensor weight = leaf({80, 64});
    NarrowGradients narrow({weight});
    EXPECT_FALSE(narrow.gradient(0).defined());
    weight.square().sum().backward();
    EXPECT_FALSE(weight.grad().defined());
    const at::Tensor rounded = (2 * weight.detach()).to(at::kBFloat16);
    EXPECT_TRUE(at::equal(narrow.gradient(0), rounded));
    weight.square().sum().backward();
    EXPECT_TRUE(at::equal(narrow.gradient(0), rounded * 2)) << "backward passes add up";
    narrow.reset();
    EXPECT_FALSE(narrow.gradient(0).defined());
}

TEST(NarrowGradients, LetGoOfTheLeaves) {
    const at::Tensor weight = leaf({3});
    std::optional<NarrowGradients> narrow(std::in_place, std::vector<at::Tensor>{weight});
    narrow.reset();
    weight.sum().backward();
    EXPECT_TRUE(weight.grad().defined());
}

TEST(NarrowGradients, HoldBothPartsOfATiedEmbedding) {
    Decoder decoder = toy::decoder();
    ASSERT_TRUE(decoder.config.tie_word_embeddings);
    set_requires_grad(decoder, true);
    std::vector<SequenceGroup> groups;
    for (const PreferenceRecord& record : toy::pairs(6)) groups.push_back(preference_group(record));
    const auto backward = [&] { score_answers(decoder, pack(groups), {}).logprob_N.sum().backward(); };
    backward();
    const at::Tensor expected = decoder.embedding_VD.grad().clone();
    decoder.embedding_VD.mutable_grad().reset();
    NarrowGradients narrow({decoder.embedding_VD});
    backward();
    const at::Tensor got = narrow.gradient(0).to(at::kFloat);
    EXPECT_LT((got - expected).abs().max().item<double>(), 0.01 * expected.abs().max().item<double>());
    // Ids 1 to 6 are prompts and given text, never answers: most of their gradient is the tokens' part.
    EXPECT_GT(expected[1].abs().max().item<double>(), 0.0);
}

TEST(NarrowGradients, NormOfManyChunksIsTheNorm) {
    const at::Tensor narrow = at::full({(1 << 22) + 5}, 0.5).to(at::kBFloat16);
    EXPECT_NEAR(narrow_norm(narrow).item<double>(), 0.5 * std::sqrt((1 << 22) + 5.0), 0.01);
}

AdamWConfig config_of(const std::string& gradients) {
    return {.weight_decay = 0.0, .moments = "8bit", .gradients = gradients};
}

TEST(NarrowGradients, AreClippedAsWideOnesAre) {
    const at::Tensor start = at::randn({80, 64});
    std::vector<at::Tensor> weights;
    std::vector<double> norms;
    for (const char* gradients : {"f32", "bf16"}) {
        weights.push_back(start.clone().set_requires_grad(true));
        AdamWConfig config = config_of(gradients);
        config.epsilon = 1.0;  // so that the size of a gradient shows in the step
        AdamW optimiser({trained_parameter("w", weights.back())}, config);
        (weights.back().square().sum() * 8).backward();
        norms.push_back(optimiser.clip_grad_norm(0.5, 8).item<double>());
        optimiser.step(0.5);
    }
    EXPECT_NEAR(norms[1] / norms[0], 1.0, 1e-3);
    EXPECT_GT(norms[0], 0.5) << "it is clipped";
    const double moved = (weights[0] - start).abs().max().item<double>();
    EXPECT_GT(moved, 1e-4);
    EXPECT_LT((weights[1] - weights[0]).abs().max().item<double>(), 0.01 * moved);
}

TEST(NarrowGradients, GoWithNarrowMomentsOnly) {
    AdamWConfig config = config_of("bf16");
    config.moments = "f32";
    EXPECT_THROW(AdamW({trained_parameter("w", leaf({80, 64}))}, config), ConfigError);
}

}  // namespace
}  // namespace linvox
