#include "src/model/score_tokens.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {
namespace {

/// Two models over one batch, float64, a softmax over part of the ids, chunks that do not divide the rows.
struct ScoreTokens : testing::Test {
    Decoder policy = lively_decoder(small_config("qwen2"), 1, at::kDouble);
    Decoder reference = lively_decoder(small_config("qwen2"), 2, at::kDouble);
    ScoreConfig config{.softmax = {0, 31, {}}, .head_chunk_rows = 13, .keep_hidden = true};
    PackedBatch batch = pack_records(mixed_records(3, 31), true);

    at::Tensor logits_of(const Decoder& decoder) const {
        return decoder_hidden(decoder, batch)
            .index_select(0, batch.row_N)
            .matmul(head_weight(decoder).slice(0, config.softmax.begin, config.softmax.end).t());
    }
    HeadRows rows_of(const Decoder& decoder) const {
        return head_rows_of(decoder, score_answers(decoder, batch, config));
    }
};

TEST_F(ScoreTokens, LogSumOfSquaresIsThatOfTheDistribution) {
    const at::Tensor expected = at::log_softmax(logits_of(policy), 1).exp().square().sum(1).log();
    EXPECT_TRUE(close(head_log_sum_squares(rows_of(policy), config), expected, 1e-10));
}

TEST_F(ScoreTokens, KlAndItsGradientsEqualThePlainSum) {
    set_requires_grad(policy, true);
    const auto gradients = [&](const at::Tensor& kl_N) {
        (kl_N * kl_N.detach()).sum().backward();
        std::map<std::string, at::Tensor> found{{"value", kl_N.detach()}};
        visit_weights(policy, [&](const std::string& name, at::Tensor& weight) {
            found[name] = weight.grad().clone();
            weight.mutable_grad().reset();
        });
        return found;
    };
    const at::Tensor log_p = at::log_softmax(logits_of(reference), 1);
    const auto expected = gradients((log_p.exp() * (log_p - at::log_softmax(logits_of(policy), 1))).sum(1));
    const auto found = gradients(head_kl(rows_of(policy), rows_of(reference), config));
    EXPECT_GT(found.at("value").min().item<double>(), 0.0);
    for (const auto& [name, values] : found) EXPECT_TRUE(close(values, expected.at(name), 1e-9)) << name;
}

TEST_F(ScoreTokens, ExtrapolatedLogitsMoveAwayFromTheReferenceAndBack) {
    const HeadRows own = rows_of(policy), other = rows_of(reference);
    const SequenceScore scored = score_answers(policy, batch, config);
    const auto at_e = [&](double e) {
        return head_extrapolated_logprobs(own, other, batch.label_N, e, config);
    };
    EXPECT_TRUE(close(at_e(0.0), scored.logprob_N, 1e-10));
    EXPECT_TRUE(close(at_e(-1.0), score_answers(reference, batch, config).logprob_N, 1e-10));
    const at::Tensor logits = 1.25 * logits_of(policy) - 0.25 * logits_of(reference);
    const at::Tensor expected = at::log_softmax(logits, 1).gather(1, batch.label_N.unsqueeze(1)).squeeze(1);
    EXPECT_TRUE(close(at_e(0.25), expected, 1e-10));
}

TEST_F(ScoreTokens, ExtraIdsAreColumnsLikeOthers) {
    const HeadRows own = rows_of(policy), other = rows_of(reference);
    ScoreConfig apart = config;  // the same ids in another order
    apart.softmax = {4, 31, {2, 0, 3, 1}};
    EXPECT_TRUE(close(head_log_sum_squares(own, apart), head_log_sum_squares(own, config), 1e-10));
    EXPECT_TRUE(close(head_kl(own, other, apart), head_kl(own, other, config), 1e-10));
    EXPECT_TRUE(close(head_extrapolated_logprobs(own, other, batch.label_N, 0.3, apart),
                      head_extrapolated_logprobs(own, other, batch.label_N, 0.3, config), 1e-10));
}

TEST_F(ScoreTokens, RowsMustHaveBeenKept) {
    EXPECT_THROW(head_rows_of(policy, score_answers(policy, batch, {})), BugError);
}

}  // namespace
}  // namespace linvox
