// Generation against the score path: the same model, fed whole sequences.
#include "src/generate/generate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/model/lora.h"
#include "src/model/score.h"
#include "src/model/torch_compat.h"
#include "tests/src/generate/generate_fixtures.h"

namespace linvox {
namespace {

TEST(Generate, LogprobsEqualTheScorePath) {
    const at::NoGradGuard no_grad;
    for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
        const Decoder decoder = lively_decoder(small_config(architecture), 1, at::kFloat);
        const auto requests = mixed_requests();
        const auto found = results(decoder, requests, sampling(1.0));
        for (std::size_t i = 0; i < requests.size(); ++i) {
            const SequenceScore score =
                score_answers(decoder, batch_of(requests[i], found[i]), {.softmax = {kBegin, kEnd, {}}});
            EXPECT_NEAR(found[i].logprob_sum, score.logprob_sum_A[0].item<double>(), 1e-4)
                << architecture << i;
            EXPECT_EQ(found[i].scored_tokens, score.token_count_A[0].item<std::int64_t>());
            EXPECT_EQ(found[i].scored_tokens, found[i].answer.scored_count());
        }
    }
}

TEST(Generate, GreedyEqualsTheArgmaxOfTheScorePath) {
    const at::NoGradGuard no_grad;
    const Decoder decoder = lively_decoder(small_config("qwen2"), 5, at::kFloat);
    SamplingConfig config = sampling(0.0);
    config.control_ids = 0;  // all ids may be drawn, so that the argmax is the plain one
    config.min_codes_per_unit = 0;
    config.max_codes_per_unit = 1000;
    const auto requests = mixed_requests();
    const auto found = results(decoder, requests, config);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const PackedBatch batch = batch_of(requests[i], found[i]);
        const at::Tensor logits = decoder_hidden(decoder, batch)
                                      .index_select(0, batch.row_N)
                                      .matmul(head_weight(decoder).t())
                                      .slice(1, kBegin, kEnd);
        EXPECT_TRUE(close(at::argmax(logits, 1) + kBegin, batch.label_N, 0.0)) << i;
    }
}

TEST(Generate, AlignedAnswersFollowTheLayout) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 2, at::kFloat);
    SamplingConfig config = sampling(1.5);
    config.max_tokens = 200;
    config.min_codes_per_unit = 2;
    config.max_codes_per_unit = 4;
    std::vector<GenerationRequest> requests;
    for (std::uint64_t seed = 0; seed < 12; ++seed) requests.push_back(aligned_request(seed, 3));
    const auto found = results(decoder, requests, config);
    std::int64_t capped = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto& ids = found[i].answer.ids;
        std::size_t at = 0;
        std::int64_t at_cap = 0;
        std::vector<Span> given;
        for (const auto& forced : requests[i].plan.forced) {
            given.push_back({static_cast<std::int32_t>(at), static_cast<std::int32_t>(at + forced.size())});
            for (const std::int32_t id : forced) EXPECT_EQ(ids.at(at++), id);
            std::int64_t codes = 0;
            while (ids.at(at) >= 12) ++codes, ++at;
            EXPECT_EQ(ids.at(at++), kNext);  // never EOS, which this layout has not
            EXPECT_GE(codes, 2);
            EXPECT_LE(codes, 4);
            at_cap += codes == 4;
        }
        EXPECT_EQ(at, ids.size());
        EXPECT_EQ(found[i].finish, "stop");
        EXPECT_EQ(found[i].answer.given, given);
        EXPECT_EQ(found[i].capped_units, at_cap);
        capped += at_cap;
    }
    EXPECT_GT(capped, 0);
}

TEST(Generate, PlainAnswersStopOrAreCut) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 3, at::kFloat);
    SamplingConfig config = sampling(1.0);
    config.max_tokens = 25;
    std::vector<GenerationRequest> requests;
    for (std::uint64_t seed = 0; seed < 40; ++seed) requests.push_back(plain_request(seed, 4));
    int stopped = 0, cut = 0;
    for (const GenerationResult& result : results(decoder, requests, config)) {
        const auto& ids = result.answer.ids;
        EXPECT_THAT(std::vector<std::int32_t>(ids.begin(), ids.end() - 1), testing::Each(testing::Ge(12)));
        EXPECT_EQ(ids.back() == kEos, result.finish == "stop");
        EXPECT_TRUE(result.finish == "stop" || ids.size() == 25u);
        EXPECT_TRUE(result.answer.given.empty());
        ++(result.finish == "stop" ? stopped : cut);
    }
    EXPECT_GT(stopped, 0);
    EXPECT_GT(cut, 0);
}

TEST(Generate, PlainAnswersAreNeverEmpty) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 3, at::kFloat);
    SamplingConfig config = sampling(5.0);  // nearly even odds, the end is one of few
    std::vector<GenerationRequest> requests;
    for (std::uint64_t seed = 0; seed < 200; ++seed) requests.push_back(plain_request(seed, 4));
    std::size_t shortest = 100;
    for (const GenerationResult& result : results(decoder, requests, config))
        shortest = std::min(shortest, result.answer.ids.size());
    EXPECT_EQ(shortest, 2U);  // one code and the end
}

TEST(Generate, AlignedAnswersAreCutWithoutADanglingUnit) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 2, at::kFloat);
    for (std::int64_t limit = 3; limit < 20; ++limit) {
        SamplingConfig config = sampling(1.0);
        config.max_tokens = limit;
        config.max_codes_per_unit = 3;
        const GenerationResult result = results(decoder, {aligned_request(1, 8)}, config)[0];
        EXPECT_EQ(result.finish, "length");
        EXPECT_LE(static_cast<std::int64_t>(result.answer.ids.size()), limit);
        EXPECT_GE(result.answer.ids.back(), kNext);  // a code or a boundary, never a forced unit
    }
}

TEST(Generate, AResultDependsOnItsSeedNotOnItsNeighbours) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 4, at::kFloat);
    SamplingConfig config = sampling(0.9);
    config.top_p = 0.95;
    config.top_k = 12;
    const auto requests = mixed_requests();
    const auto together = results(decoder, requests, config);
    config.batch_rows = 1;
    const auto alone = results(decoder, requests, config);
    config.batch_rows = 128;
    std::vector<GenerationRequest> reversed(requests.rbegin(), requests.rend());
    configure_threads(2);
    const auto other = results(decoder, reversed, config);
    configure_threads(1);
    std::set<std::vector<std::int32_t>> distinct;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        EXPECT_EQ(together[i].answer, alone[i].answer) << i;
        EXPECT_EQ(together[i].answer, other[requests.size() - 1 - i].answer) << i;
        distinct.insert(together[i].answer.ids);
    }
    EXPECT_GT(distinct.size(), 12u);
}

TEST(Generate, Bfloat16StaysNearTheScorePath) {
    const at::NoGradGuard no_grad;
    const Decoder decoder = make_decoder(small_config("qwen2"), 1);
    SamplingConfig config = sampling(1.0);
    config.bfloat16 = true;
    const auto requests = mixed_requests();
    const auto found = results(decoder, requests, config);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const SequenceScore score =
            score_answers(decoder, batch_of(requests[i], found[i]), {.softmax = {kBegin, kEnd, {}}});
        EXPECT_NEAR(found[i].logprob_sum / static_cast<double>(found[i].scored_tokens),
                    score.logprob_sum_A[0].item<double>() / static_cast<double>(found[i].scored_tokens),
                    0.02);
    }
}

// transformers 4.57.1, torch 2.13.0, tests/src/model/oracle.py: model.generate(do_sample=False), untied
// heads.
TEST(Generate, GreedyEqualsTransformers) {
    const std::map<std::string, std::vector<std::vector<std::int32_t>>> goldens = {
        {"llama",
         {{13, 14, 26, 4, 27, 11, 23, 29, 7, 2, 3, 15},
          {13, 14, 26, 21, 16, 0, 12, 1, 7, 30, 14, 26},
          {26, 21, 27, 11, 23, 18, 24, 30, 14, 26, 21, 27}}},
        {"qwen2",
         {{7, 13, 2, 8, 3, 15, 27, 5, 0, 12, 18, 7},
          {30, 25, 20, 32, 27, 5, 0, 12, 7, 13, 8, 31},
          {26, 10, 33, 28, 23, 35, 24, 30, 8, 31, 26, 21}}},
        {"qwen3",
         {{7, 13, 8, 3, 15, 10, 33, 28, 23, 1, 7, 13},
          {13, 25, 20, 15, 10, 33, 11, 6, 1, 24, 2, 14},
          {15, 10, 33, 28, 23, 1, 7, 13, 36, 31, 15, 10}}}};
    std::vector<GenerationRequest> requests(3);
    requests[0].plan.prompt_ids = {1};
    requests[1].plan.prompt_ids = {3, 8, 13, 18};
    for (int i = 0; i < 21; ++i) requests[2].plan.prompt_ids.push_back((7 * i + 2) % 37);
    for (const auto& [architecture, golden] : goldens) {
        ModelConfig model = golden_config(architecture);
        model.tie_word_embeddings = false;
        for (GenerationRequest& request : requests) request.stop_ids = {34};  // none of the answers has it
        const auto found =
            results(formula_decoder(model), requests,
                    {.temperature = 0.0, .max_tokens = 12, .min_codes_per_unit = 0, .batch_rows = 2});
        for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(found[i].answer.ids, golden[i]) << architecture << i;
    }
}

TEST(Generate, AnyOfSeveralStopIdsEndsAnAnswerEvenOutsideTheRange) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 3, at::kFloat);
    SamplingConfig config = sampling(3.0);
    config.vocab_begin = 12;
    config.control_ids = 0;
    config.extra_ids = {4, 7};
    config.token_logprobs = true;
    std::vector<GenerationRequest> requests;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        requests.push_back(plain_request(seed, 4));
        requests.back().plan.stop_id = -1;
        requests.back().stop_ids = {4, 7, 20};
    }
    std::map<std::int32_t, int> ends;
    const auto found = results(decoder, requests, config);
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto& ids = found[i].answer.ids;
        if (found[i].finish == "stop") ++ends[ids.back()];
        for (std::size_t t = 0; t + 1 < ids.size(); ++t) EXPECT_TRUE(ids[t] >= 12 && ids[t] != 20) << ids[t];
        const SequenceScore score =
            score_answers(decoder, batch_of(requests[i], found[i]), {.softmax = {12, kEnd, {4, 7}}});
        ASSERT_EQ(found[i].token_logprobs.size(), ids.size());
        for (std::size_t t = 0; t < ids.size(); ++t)
            EXPECT_NEAR(found[i].token_logprobs[t], score.logprob_N[t].item<double>(), 1e-4);
    }
    EXPECT_GT(ends[4], 0);
    EXPECT_GT(ends[7], 0);
    EXPECT_GT(ends[20], 0);
}

TEST(Generate, PenaltyAndRepetitionAwareSamplingBreakLoops) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 3, at::kFloat);
    const auto most_repeated = [&](const SamplingConfig& config) {
        std::vector<GenerationRequest> requests;
        for (std::uint64_t seed = 0; seed < 20; ++seed) requests.push_back(plain_request(seed, 4));
        double sum = 0.0;
        for (const GenerationResult& result : results(decoder, requests, config)) {
            std::map<std::int32_t, int> counts;
            for (const std::int32_t id : result.answer.ids) ++counts[id];
            int most = 0;
            for (const auto& [id, count] : counts) most = std::max(most, count);
            sum += static_cast<double>(most) / static_cast<double>(result.answer.ids.size());
        }
        return sum / 20;
    };
    SamplingConfig config = sampling(1.0);
    config.top_k = 2;
    const double plain = most_repeated(config);
    config.ras_window = 8;
    config.ras_threshold = 0.2;
    EXPECT_LT(most_repeated(config), plain);
    config.ras_window = 0;
    config.repetition_penalty = 3.0;
    config.repetition_window = 8;
    EXPECT_LT(most_repeated(config), plain);
}

TEST(Generate, AnAdapterIsPartOfTheModel) {
    Decoder decoder = lively_decoder(small_config("qwen3"), 5, at::kFloat);
    add_lora(decoder, {.rank = 2, .dora = true}, 1);
    visit_lora(decoder, [](const std::string&, at::Tensor& tensor) { tensor += 0.1; });
    const auto requests = mixed_requests();
    const auto found = results(decoder, requests, sampling(0.0));
    const auto merged = results(merged_lora(decoder), requests, sampling(0.0));
    const auto base = results(without_lora(decoder), requests, sampling(0.0));
    int changed = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].answer, merged[i].answer);
        changed += found[i].answer != base[i].answer;
    }
    EXPECT_GT(changed, 0);
}

TEST(Generate, RefusesWhatItCannotGenerate) {
    const Decoder decoder = make_decoder(small_config("qwen2"), 1);
    const auto error = [&](const GenerationRequest& request,
                           SamplingConfig config = sampling(1.0)) -> std::string {
        try {
            results(decoder, {request}, config);
        } catch (const UserError& problem) {
            return problem.what();
        }
        return "(generated)";
    };
    using testing::HasSubstr;
    EXPECT_THAT(error(plain_request(1, 0)), HasSubstr("request 'p1': the prompt is empty"));
    EXPECT_THAT(error(plain_request(1, 512)), HasSubstr("leave no room in the model's context of 512"));
    EXPECT_THAT(error(aligned_request(1, 0)), HasSubstr("no text unit"));
    GenerationRequest request = plain_request(1, 3);
    request.plan.stop_id = 5;
    EXPECT_THAT(error(request), HasSubstr("the stop id 5 lies outside"));
    request = plain_request(1, 3);
    request.plan.prompt_ids[1] = 99;
    EXPECT_THAT(error(request), HasSubstr("the id 99 lies outside the model's vocabulary"));
    SamplingConfig config = sampling(1.0);
    config.min_codes_per_unit = 9;
    EXPECT_THAT(error(aligned_request(1, 1), config), HasSubstr("min_codes_per_unit is 9"));
    config = sampling(1.0);
    config.max_tokens = 2;
    EXPECT_THAT(error(aligned_request(1, 1), config), HasSubstr("raise it"));
    generate(decoder, {}, sampling(1.0), [](std::size_t, GenerationResult&&) { FAIL(); });
}

TEST(Generate, StopsBetweenSteps) {
    const Decoder decoder = make_decoder(small_config("qwen2"), 1);
    request_stop();
    EXPECT_THROW(results(decoder, {plain_request(1, 3)}, sampling(1.0)), Interrupted);
    clear_stop_request();
}

}  // namespace
}  // namespace linvox
