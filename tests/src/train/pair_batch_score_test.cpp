// Losses that read more than sums, trained for a few steps beside a computation without packing, shared
// prompts, chunks or files: every answer by itself, every logit at once.
#include "src/train/pair_batch_score.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/stack.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "src/base/error.h"
#include "src/train/align_forward.h"
#include "src/train/decoder_parameters.h"
#include "src/train/optimizer.h"
#include "tests/src/train/align_fixture.h"

namespace linvox {
namespace {

/// The distributions of one answer's scored tokens, and the log-probabilities of the tokens themselves.
struct PlainAnswer {
    at::Tensor logprobs_NR, logprob_N;
    double count() const { return static_cast<double>(logprob_N.size(0)); }
};

PlainAnswer plain_answer(const Decoder& decoder, const SequenceGroup& group, std::size_t answer) {
    const PackedBatch alone =
        pack(std::vector<SequenceGroup>{{"alone", group.prompt_ids, {group.answers[answer]}}});
    const at::Tensor logits_NR = decoder_hidden(decoder, alone)
                                     .index_select(0, alone.row_N)
                                     .matmul(head_weight(decoder).slice(0, toy::kCodes).t());
    const at::Tensor logprobs_NR = at::log_softmax(logits_NR, 1);
    return {logprobs_NR, logprobs_NR.gather(1, (alone.label_N - toy::kCodes).unsqueeze(1)).squeeze(1)};
}

struct PlainPair {
    PlainAnswer chosen, rejected, chosen_reference, rejected_reference;
    at::Tensor margin() const {
        return (chosen.logprob_N - chosen_reference.logprob_N).sum() -
               (rejected.logprob_N - rejected_reference.logprob_N).sum();
    }
};

at::Tensor minus_ls(const at::Tensor& value) { return -at::log_sigmoid(value); }

at::Tensor plain_ld(const PlainPair& pair, double alpha) {
    const std::int64_t limit = std::min(pair.chosen.logprob_N.size(0), pair.rejected.logprob_N.size(0));
    const auto weighted = [&](const PlainAnswer& answer) {
        return answer.logprob_N.slice(0, 0, limit).sum() + alpha * answer.logprob_N.slice(0, limit).sum();
    };
    return minus_ls(0.1 * (weighted(pair.chosen) - weighted(pair.chosen_reference) - weighted(pair.rejected) +
                           weighted(pair.rejected_reference)));
}

at::Tensor plain_wpo(const PlainPair& pair) {
    const auto weight = [](const PlainAnswer& answer) {
        const at::Tensor squares_N = answer.logprobs_NR.exp().square().sum(1).log();
        return (answer.logprob_N - squares_N).mean().exp().detach();
    };
    return at::clamp_max(weight(pair.chosen) * weight(pair.rejected), 1.0) * minus_ls(0.1 * pair.margin());
}

at::Tensor plain_kl(const PlainAnswer& reference, const PlainAnswer& policy) {
    return (reference.logprobs_NR.exp() * (reference.logprobs_NR - policy.logprobs_NR)).sum();
}

at::Tensor plain_tdpo1(const PlainPair& pair) {
    return minus_ls(0.1 * (pair.margin() - (plain_kl(pair.rejected_reference, pair.rejected) -
                                            plain_kl(pair.chosen_reference, pair.chosen))));
}

at::Tensor plain_tdpo2(const PlainPair& pair) {
    return minus_ls(0.1 * (pair.margin() - 0.5 * (plain_kl(pair.rejected_reference, pair.rejected) -
                                                  plain_kl(pair.chosen_reference, pair.chosen).detach())));
}

/// What a token's importance is made of, under two fixed models.
struct PlainContrast {
    Decoder positive = toy::decoder(11), negative = toy::decoder(12);

    at::Tensor weight_N(const SequenceGroup& group, std::size_t answer, double side) const {
        const at::NoGradGuard no_grad;
        const at::Tensor gap_N =
            plain_answer(positive, group, answer).logprob_N - plain_answer(negative, group, answer).logprob_N;
        return at::clamp_max(at::clamp_min((side * gap_N).exp(), 0.7), 1.3);
    }
    ReferenceScores scores(const Decoder& model, const AlignData& data) const {
        return score_reference(model, toy::groups(data.train),
                               align_score_config({}, data.softmax), 200,
                               ReferenceDetail::tokens);
    }
};

struct TokenLosses : AlignFixture {
    /// One step takes all pairs, so that the order of records does not matter.
    static AlignConfig whole_steps(const std::string& kind) {
        AlignConfig config = align_config_of(kind, 4);
        config.batch_pairs = 1000;
        config.evaluate_every = 0;
        return config;
    }
    using PlainLoss = std::function<at::Tensor(const PlainPair&)>;

    /// Losses of the steps, and the policy they lead to.
    std::vector<double> train_plainly(Decoder& policy, const AlignConfig& config, const PlainLoss& loss) {
        const Decoder reference = clone_decoder(policy);
        AdamW optimiser(trained_parameters(policy), config.optimiser);
        std::vector<double> losses_of_steps;
        for (std::int64_t step = 0; step < config.epochs; ++step) {
            at::Tensor total;
            double pairs = 0.0;
            for (const SequenceGroup& group : toy::groups(data.train))
                for (std::size_t r = 1; r < group.answers.size(); ++r) {
                    const PlainPair pair{plain_answer(policy, group, 0), plain_answer(policy, group, r),
                                         plain_answer(reference, group, 0),
                                         plain_answer(reference, group, r)};
                    total = total.defined() ? total + loss(pair) : loss(pair);
                    ++pairs;
                }
            optimiser.zero_grad();
            (total / pairs).backward();
            optimiser.clip_grad_norm(config.optimiser.clip_norm);
            optimiser.step(config.optimiser.learning_rate *
                           schedule_factor(config.schedule, step, config.epochs));
            losses_of_steps.push_back((total / pairs).item<double>());
        }
        return losses_of_steps;
    }

    void expect_equal_training(const AlignConfig& config, const PlainLoss& loss) {
        Decoder packed = toy::decoder(), plain = toy::decoder();
        train_align(packed, data, config, run());
        const std::vector<double> expected = train_plainly(plain, config, loss);
        ASSERT_EQ(steps.size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i)
            EXPECT_NEAR(losses()[i], expected[i], 2e-5) << "step " << i + 1;
        EXPECT_GT(std::abs(expected.front() - expected.back()), 1e-3);  // something was trained
        EXPECT_LT((packed.embedding_VD - plain.embedding_VD).abs().max().item<double>(), 2e-4);
        EXPECT_LT(
            (packed.layers[1].down_weight_DF - plain.layers[1].down_weight_DF).abs().max().item<double>(),
            2e-4);
    }
    void SetUp() override {
        AlignFixture::SetUp();
        data.train = toy::pairs(9, 2);  // the two pairs of a record give its chosen answer two limits
        score_reference();
    }
};

TEST_F(TokenLosses, LdDpoWeighsTheTailOfTheLongerAnswerOnBothSides) {
    score_reference(ReferenceDetail::tokens);
    AlignConfig config = whole_steps("sigmoid");
    config.loss.ld_alpha = 0.3;
    expect_equal_training(config, [](const PlainPair& pair) { return plain_ld(pair, 0.3); });
    EXPECT_NEAR(steps.front().at("logratio/chosen_sum"), 0.0, 1e-5);
}

TEST_F(TokenLosses, ALikelihoodPartOfLdDpoIsTheMeanOverItsTokenWeights) {
    score_reference(ReferenceDetail::tokens);
    AlignConfig config = whole_steps("irpo");
    config.loss.ld_alpha = 0.3;
    double weights = 0.0, pairs = 0.0;
    for (const SequenceGroup& group : toy::groups(data.train))
        for (std::size_t r = 1; r < group.answers.size(); ++r, ++pairs) {
            const auto own = static_cast<double>(group.answers[0].scored_count());
            const double limit = std::min(own, static_cast<double>(group.answers[r].scored_count()));
            weights += limit + 0.3 * (own - limit);
        }
    expect_equal_training(config, [&](const PlainPair& pair) {
        const std::int64_t limit = std::min(pair.chosen.logprob_N.size(0), pair.rejected.logprob_N.size(0));
        const at::Tensor& logprob_N = pair.chosen.logprob_N;
        const at::Tensor sum = logprob_N.slice(0, 0, limit).sum() + 0.3 * logprob_N.slice(0, limit).sum();
        return plain_ld(pair, 0.3) - sum * (pairs / weights);
    });
}

TEST_F(TokenLosses, WpoWeighsPairsByThePolicysOwnDistributionsAndNeedsSumsOfTheReferenceOnly) {
    AlignConfig config = whole_steps("sigmoid");
    config.loss.wpo = true;
    expect_equal_training(config, plain_wpo);
}

TEST_F(TokenLosses, TdpoTakesTheDivergenceFromALiveReference) {
    expect_equal_training(whole_steps("tdpo1"), plain_tdpo1);
    steps.clear();
    expect_equal_training(whole_steps("tdpo2"), plain_tdpo2);
}

TEST_F(TokenLosses, EpsilonDpoRunsFromLnTwo) {
    AlignConfig config = whole_steps("epsilon_dpo");
    config.epochs = 6;
    Decoder policy = toy::decoder();
    train_align(policy, data, config, run());
    EXPECT_NEAR(steps.front().at("loss"), std::log(2.0), 1e-5);
    EXPECT_GT(steps.back().at("margin/sum"), 0.1);
}

TEST_F(TokenLosses, WholeDistributionsTrainInBfloat16Too) {
    data.reference.clear();  // it was scored in float32
    AlignConfig config = whole_steps("tdpo2");
    config.precision = "bf16";
    config.loss.wpo = true;
    Decoder policy = toy::decoder();
    train_align(policy, data, config, run());
    EXPECT_LT(steps.front().at("loss"), std::log(2.0));  // pairs weigh at most 1
    EXPECT_EQ(steps.front().at("logratio/chosen_sum"), 0.0);
    EXPECT_GT(steps.back().at("margin/sum"), 0.1);
}

TEST_F(TokenLosses, EightMicroBatchesEqualOne) {
    score_reference(ReferenceDetail::tokens);
    for (const char* kind : {"ld", "wpo", "tdpo2"}) {
        std::vector<double> totals[2];
        std::vector<Decoder> policies;
        for (const std::int64_t budget : {1, 100000}) {
            AlignConfig config = align_config_of(std::string(kind) == "tdpo2" ? "tdpo2" : "irpo", 2);
            if (std::string(kind) == "ld") config.loss.ld_alpha = 0.5;
            if (std::string(kind) == "wpo") config.loss.wpo = true;
            config.batch_pairs = 16;  // 8 records
            config.token_budget = budget;
            steps.clear();
            policies.push_back(toy::decoder());
            train_align(policies.back(), data, config, run());
            totals[budget == 1] = losses();
        }
        ASSERT_EQ(totals[0].size(), 4U);  // 18 pairs: two steps an epoch
        for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(totals[0][i], totals[1][i], 1e-5) << kind << i;
        EXPECT_LT((policies[0].embedding_VD - policies[1].embedding_VD).abs().max().item<double>(), 1e-4)
            << kind;
    }
}

TEST_F(TokenLosses, TisDpoWeighsEveryTokenByTwoModels) {
    score_reference(ReferenceDetail::tokens);
    const PlainContrast contrast;
    data.contrast = std::make_shared<const TokenContrast>(
        token_contrast(contrast.scores(contrast.positive, data), contrast.scores(contrast.negative, data)));
    Decoder packed = toy::decoder();
    train_align(packed, data, whole_steps("tis_dpo"), run());
    ASSERT_EQ(steps.size(), 4U);
    EXPECT_NEAR(losses()[0], std::log(2.0), 1e-6);

    const Decoder reference = toy::decoder();
    Decoder plain = toy::decoder();
    const AlignConfig config = whole_steps("tis_dpo");
    AdamW optimiser(trained_parameters(plain), config.optimiser);
    for (std::int64_t step = 0; step < config.epochs; ++step) {
        std::vector<at::Tensor> all;
        for (const SequenceGroup& group : toy::groups(data.train))
            for (std::size_t r = 1; r < group.answers.size(); ++r) {
                const auto weighted = [&](std::size_t answer, double side) {
                    return (contrast.weight_N(group, answer, side) *
                            (plain_answer(plain, group, answer).logprob_N -
                             plain_answer(reference, group, answer).logprob_N.detach()))
                        .sum();
                };
                all.push_back(minus_ls(0.1 * (weighted(0, 1.0) - weighted(r, -1.0))));
            }
        const at::Tensor loss = at::stack(all).mean();
        EXPECT_NEAR(losses()[static_cast<std::size_t>(step)], loss.item<double>(), 1e-4) << step;
        optimiser.zero_grad();
        loss.backward();
        optimiser.clip_grad_norm(config.optimiser.clip_norm);
        optimiser.step(config.optimiser.learning_rate *
                       schedule_factor(config.schedule, step, config.epochs));
    }
    EXPECT_LT(losses().back(), std::log(2.0) - 0.01);
}

TEST_F(TokenLosses, TisDpoNamesTheRecordThatTheTwoModelsHaveNotScored) {
    score_reference(ReferenceDetail::tokens);
    const PlainContrast contrast;
    AlignData fewer = data;
    fewer.train.resize(4);
    data.contrast = std::make_shared<const TokenContrast>(
        token_contrast(contrast.scores(contrast.positive, fewer), contrast.scores(contrast.negative, fewer)));
    Decoder policy = toy::decoder();
    EXPECT_THAT(
        [&] { train_align(policy, data, whole_steps("tis_dpo"), run()); },
        testing::ThrowsMessage<DataError>(testing::HasSubstr("the contrastive models have not scored")));
}

TEST_F(TokenLosses, RefusesByNameWhatTheRunCannotGive) {
    Decoder policy = toy::decoder();
    const auto refusal = [&](const AlignConfig& config) -> std::string {
        try {
            train_align(policy, data, config, run());
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "trained";
    };
    AlignConfig ld = whole_steps("sigmoid");
    ld.loss.ld_alpha = 0.5;
    EXPECT_THAT(refusal(ld), testing::HasSubstr("ld_alpha below 1 needs per-token values of the reference"));
    data.contrast = std::make_shared<const TokenContrast>();
    EXPECT_THAT(refusal(whole_steps("tis_dpo")),
                testing::HasSubstr("needs per-token values of the reference"));
    data.contrast = nullptr;
    AlignConfig both = whole_steps("tdpo1");
    both.loss.ld_alpha = 0.5;
    EXPECT_THAT(refusal(both), testing::HasSubstr("not defined beside the full distributions"));
    AlignConfig controlled = whole_steps("tdpo2");
    controlled.loss.ratio_target = 1.0;
    EXPECT_THAT(refusal(controlled), testing::HasSubstr("ratio_target"));
    data.starts_at_reference = false;
    EXPECT_THAT(refusal(whole_steps("tdpo1")), testing::HasSubstr("starts elsewhere"));
    EXPECT_TRUE(steps.empty());
}

TEST_F(TokenLosses, TokenValuesOfAnotherLengthAreRefusedWithTheRecord) {
    score_reference(ReferenceDetail::tokens);
    const PreferenceRecord& record = data.train[4];
    data.reference.at(answer_digest(record.info.prompt_ids, record.chosen.answer)).token_logprobs.pop_back();
    AlignConfig config = whole_steps("sigmoid");
    config.loss.ld_alpha = 0.5;
    Decoder policy = toy::decoder();
    EXPECT_THAT([&] { train_align(policy, data, config, run()); },
                testing::ThrowsMessage<DataError>(testing::HasSubstr("record 'pair_4'")));
}

TEST_F(TokenLosses, CountsPastTheShorterAnswerWeighAlpha) {
    const PairSet set = make_pair_set(data.train, {});
    const PairBatch batch = make_pair_batch(set, {3}, false);
    const auto chosen = static_cast<double>(data.train[3].chosen.answer.scored_count());
    const auto rejected = static_cast<double>(data.train[3].rejected[1].answer.scored_count());
    const double shorter = std::min(chosen, rejected);
    EXPECT_EQ(chosen_token_counts(set, batch.pairs, 0.25)[1].item<double>(),
              shorter + 0.25 * (chosen - shorter));
    EXPECT_EQ(rejected_token_counts(set, batch.pairs, 0.25)[1].item<double>(),
              shorter + 0.25 * (rejected - shorter));
}

}  // namespace
}  // namespace linvox
