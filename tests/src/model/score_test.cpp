#include "src/model/score.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {
namespace {

struct HeadCase {
    at::Tensor hidden, head, label, direction;
};

HeadCase head_case(at::ScalarType dtype) {
    Rng rng(4);
    const auto noise = [&](at::IntArrayRef shape) {
        at::Tensor values = at::empty(shape, at::kDouble);
        for (std::int64_t i = 0; i < values.numel(); ++i) values.mutable_data_ptr<double>()[i] = rng.normal();
        return values;
    };
    std::vector<std::int64_t> labels;
    for (int i = 0; i < 23; ++i) labels.push_back(5 + static_cast<std::int64_t>(rng.below(30)));
    return {noise({23, 11}).to(dtype).requires_grad_(true), noise({41, 11}).to(dtype).requires_grad_(true),
            at::tensor(labels), noise({23}).to(dtype)};
}

/// logprob, gradient of hidden, gradient of head.
std::vector<at::Tensor> naive_head(at::ScalarType dtype, std::int64_t begin, std::int64_t end) {
    HeadCase c = head_case(dtype);
    const at::Tensor logits = c.hidden.matmul(c.head.t()).slice(1, begin, end);
    const at::Tensor logprob =
        at::log_softmax(logits, 1).gather(1, (c.label - begin).unsqueeze(1)).squeeze(1);
    (logprob * c.direction).sum().backward();
    return {logprob.detach(), c.hidden.grad(), c.head.grad()};
}

std::vector<at::Tensor> fused_head(at::ScalarType dtype, std::int64_t begin, std::int64_t end,
                                   std::int64_t chunk, std::int64_t keep_bytes) {
    HeadCase c = head_case(dtype);
    const at::Tensor logprob = head_logprobs(c.hidden, c.head, c.label, begin, end, chunk, keep_bytes);
    (logprob * c.direction).sum().backward();
    return {logprob.detach(), c.hidden.grad(), c.head.grad()};
}

TEST(HeadLogprobs, EqualsTheNaivePathInAnyChunks) {
    for (const auto& [dtype, tolerance] : {std::pair{at::kDouble, 1e-11}, std::pair{at::kFloat, 1e-5}})
        for (const auto& [begin, end] : {std::pair{0, 41}, std::pair{5, 35}})
            for (const auto& [chunk, keep] : {std::pair{1, 0}, std::pair{7, 0}, std::pair{23, 0},
                                              std::pair{1000, 0}, std::pair{7, 1 << 20}}) {
                const auto expected = naive_head(dtype, begin, end);
                const auto got = fused_head(dtype, begin, end, chunk, keep);
                for (std::size_t i = 0; i < 3; ++i) {
                    const double size = std::max(1.0, expected[i].abs().max().item<double>());
                    EXPECT_TRUE(close(got[i], expected[i], tolerance * size)) << i << " chunk " << chunk;
                }
            }
}

TEST(HeadLogprobs, StatisticsAreThoseOfTheWholeSoftmaxInAnyChunks) {
    const HeadCase c = head_case(at::kDouble);
    for (const auto& [begin, end] : {std::pair{0, 41}, std::pair{5, 35}}) {
        const at::Tensor logits = c.hidden.matmul(c.head.t()).slice(1, begin, end).detach();
        at::Tensor label = c.label.clone();
        label.slice(0, 0, 9).copy_(logits.argmax(1).slice(0, 0, 9) + begin);  // some are the likeliest
        const at::Tensor logprob = at::log_softmax(logits, 1);
        const at::Tensor entropy = -(logprob.exp() * logprob).sum(1);
        const at::Tensor top1 = (logits.argmax(1) + begin == label).to(at::kDouble);
        for (const std::int64_t chunk : {1, 7, 1000}) {
            HeadStatistics got;
            head_logprobs(c.hidden, c.head, label, begin, end, chunk, 0, &got);
            EXPECT_TRUE(close(got.entropy_N, entropy, 1e-11)) << chunk;
            EXPECT_TRUE(close(got.top1_N, top1, 0)) << chunk;
            EXPECT_TRUE(close(got.logit_mean_N, logits.mean(1), 1e-11)) << chunk;
        }
        EXPECT_GE(top1.sum().item<double>(), 9);
        EXPECT_LT(top1.sum().item<double>(), 23);
    }
}

TEST(ScoreAnswers, EqualsLogSoftmaxOfTheFlatLayout) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 1, at::kDouble);
    const auto records = mixed_records(2, 37);
    const PackedBatch shared = pack_records(records, true), flat = pack_records(records, false);
    const SequenceScore score = score_answers(decoder, shared, {.logits_bytes = 2000});
    const at::Tensor logits =
        decoder_hidden(decoder, flat).index_select(0, flat.row_N).matmul(head_weight(decoder).t());
    const at::Tensor expected = at::log_softmax(logits, 1).gather(1, flat.label_N.unsqueeze(1)).squeeze(1);
    EXPECT_TRUE(close(score.logprob_N, expected, 1e-9));
    EXPECT_NEAR(score.logprob_sum_A[1].item<double>(), expected.slice(0, 3, 10).sum().item<double>(), 1e-9);
}

TEST(ScoreAnswers, CountsAnswerTokensAndNothingElse) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 1, at::kFloat);
    auto records = mixed_records(2, 37);
    const SequenceScore before = score_answers(decoder, pack_records(records, true), {});
    const std::vector<std::int64_t> counts{3, 7, 1, 6, 60, 101};  // the fourth answer has 3 of 9 tokens given
    ASSERT_EQ(before.token_count_A.size(0), 6);
    for (std::size_t a = 0; a < counts.size(); ++a)
        EXPECT_EQ(before.token_count_A[static_cast<std::int64_t>(a)].item<std::int64_t>(), counts[a]);
    // Another token in the second answer changes its score and no other's.
    auto& id = records[0].answers[1].ids[3];
    id = (id + 1) % 37;
    const SequenceScore after = score_answers(decoder, pack_records(records, true), {});
    const at::Tensor changed = (after.logprob_sum_A - before.logprob_sum_A).abs();
    EXPECT_GT(changed[1].item<double>(), 1e-3);
    EXPECT_LT(changed[0].item<double>() + changed.slice(0, 2).sum().item<double>(), 1e-4);
}

TEST(ScoreAnswers, GradientsReachEveryWeightAndOnlyWhenAsked) {
    Decoder decoder = lively_decoder(small_config("qwen3"), 1, at::kFloat);
    set_requires_grad(decoder, true);
    const PackedBatch batch = pack_records(mixed_records(2, 37), true);
    score_answers(decoder, batch, {}).logprob_sum_A.sum().backward();
    visit_weights(decoder, [](const std::string& name, at::Tensor& weight) {
        ASSERT_TRUE(weight.grad().defined()) << name;
        EXPECT_GT(weight.grad().abs().max().item<double>(), 0.0) << name;
    });
    const at::NoGradGuard no_grad;
    EXPECT_FALSE(score_answers(decoder, batch, {}).logprob_N.requires_grad());
}

TEST(ScoreAnswers, RefusesALabelOutsideTheRange) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 1, at::kFloat);
    const PackedBatch batch = pack_records({{{1, 2}, {{{20, 21, 9}, {}}}}}, true);
    EXPECT_THAT(
        [&] {
            score_answers(decoder, batch, {.softmax = {10, 30, {}}});
        },
        testing::ThrowsMessage<DataError>(
            testing::AllOf(testing::HasSubstr("scored position 2"), testing::HasSubstr("the id 9"))));
}

TEST(ScoreAnswers, ExtraIdsJoinTheSoftmaxOfTheRange) {
    Decoder decoder = lively_decoder(small_config("qwen2"), 1, at::kDouble);
    const PackedBatch batch = pack_records({{{1, 2}, {{{20, 21, 9, 3}, {}}}}}, true);
    set_requires_grad(decoder, true);
    const SequenceScore score = score_answers(decoder, batch, {.softmax = {10, 30, {9, 3}}});
    const at::Tensor columns = at::cat({at::arange(10, 30), at::tensor({9, 3})});
    const at::Tensor logits =
        decoder_hidden(decoder, batch).index_select(0, batch.row_N).matmul(head_weight(decoder).t());
    const at::Tensor all = at::log_softmax(logits.index_select(1, columns), 1);
    const at::Tensor expected = all.gather(1, at::tensor({10, 11, 20, 21}).unsqueeze(1)).squeeze(1);
    EXPECT_TRUE(close(score.logprob_N.detach(), expected.detach(), 1e-11));
    expected.sum().backward();
    const at::Tensor wanted = decoder.embedding_VD.grad().clone();
    decoder.embedding_VD.mutable_grad().reset();
    score.logprob_N.sum().backward();
    EXPECT_TRUE(close(decoder.embedding_VD.grad(), wanted, 1e-9));
}

}  // namespace
}  // namespace linvox
