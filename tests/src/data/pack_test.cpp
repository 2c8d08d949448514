#include "src/data/pack.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "src/base/error.h"
#include "src/model/score.h"

namespace linvox {
namespace {

std::vector<std::int64_t> values(const at::Tensor& tensor) {
    return {tensor.const_data_ptr<std::int64_t>(), tensor.const_data_ptr<std::int64_t>() + tensor.numel()};
}

using Ids = std::vector<std::int64_t>;

TEST(Pack, TensorsOfOneRecordByHand) {
    // prompt 1 2 3 | answer 4 5 6 with 5 given | answer 7 8
    const SequenceGroup group{"a", {1, 2, 3}, {{{4, 5, 6}, {{1, 2}}}, {{7, 8}, {}}}};
    const PackedBatch batch = pack(std::vector<SequenceGroup>{group});
    EXPECT_EQ(values(batch.ids_T), (Ids{1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(values(batch.position_T), (Ids{0, 1, 2, 3, 4, 5, 3, 4}));
    EXPECT_EQ(values(batch.label_N), (Ids{4, 6, 7, 8}));
    EXPECT_EQ(values(batch.row_N), (Ids{2, 4, 2, 6}));  // both answers start from the prompt's last row
    EXPECT_EQ(values(batch.answer_N), (Ids{0, 0, 1, 1}));
    EXPECT_EQ(batch.answer_count, 2);
    ASSERT_EQ(batch.segments.size(), 2U);
    EXPECT_EQ(batch.segments[0].end, 6);
    EXPECT_EQ(batch.segments[0].prompt_end, 0);
    EXPECT_EQ(batch.segments[1].begin, 6);
    EXPECT_EQ(batch.segments[1].prompt_begin, 0);
    EXPECT_EQ(batch.segments[1].prompt_end, 3);
}

TEST(Pack, FlatRepeatsThePrompt) {
    const SequenceGroup group{"a", {1, 2, 3}, {{{4}, {}}, {{7, 8}, {}}}};
    const PackedBatch batch = pack(std::vector<SequenceGroup>{group}, Layout::flat);
    EXPECT_EQ(values(batch.ids_T), (Ids{1, 2, 3, 4, 1, 2, 3, 7, 8}));
    EXPECT_EQ(values(batch.row_N), (Ids{2, 6, 7}));
    EXPECT_EQ(batch.segments[1].begin, 4);
    EXPECT_EQ(batch.segments[1].prompt_end, 0);
}

TEST(Pack, RefusesWhatCannotBeScored) {
    EXPECT_THROW(pack(std::vector<SequenceGroup>{{"a", {1}, {{{4, 5}, {{0, 2}}}}}}), DataError);
    EXPECT_THROW(pack(std::vector<SequenceGroup>{{"a", {}, {{{4, 5}, {}}}}}), DataError);
    EXPECT_NO_THROW(pack(std::vector<SequenceGroup>{{"a", {}, {{{4, 5}, {{0, 1}}}}}}));
    EXPECT_THROW(pack(std::vector<SequenceGroup>{{"a", {1}, {}}}), DataError);
    EXPECT_THROW(pack(std::vector<SequenceGroup>{}), BugError);
}

SequenceGroup random_group(Rng& rng, std::size_t answers) {
    SequenceGroup group;
    group.id = "random";
    for (std::uint64_t i = 0, n = 1 + rng.below(6); i < n; ++i)
        group.prompt_ids.push_back(static_cast<std::int32_t>(rng.below(40)));
    for (std::size_t a = 0; a < answers; ++a) {
        TokenSequence answer;
        for (std::uint64_t i = 0, n = 3 + rng.below(9); i < n; ++i)
            answer.ids.push_back(static_cast<std::int32_t>(rng.below(40)));
        if (rng.below(2) == 0) answer.given = {{0, 2}};
        group.answers.push_back(answer);
    }
    return group;
}

TEST(Pack, SharedAndFlatScoresAgree) {
    ModelConfig config = model_config_defaults("qwen2");
    config.vocab_size = 40;
    config.hidden_size = 32;
    config.num_layers = 2;
    config.num_heads = 2;
    config.num_kv_heads = 1;
    config.head_dim = 16;
    config.intermediate_size = 48;
    const Decoder decoder = cast_decoder(make_decoder(config, 3), at::kDouble);
    Rng rng(11);
    std::vector<SequenceGroup> groups;
    for (std::size_t i = 0; i < 6; ++i) groups.push_back(random_group(rng, 1 + i % 3));
    const at::NoGradGuard no_grad;
    const at::Tensor shared_A = score_answers(decoder, pack(groups), {}).logprob_sum_A;
    const at::Tensor flat_A = score_answers(decoder, pack(groups, Layout::flat), {}).logprob_sum_A;
    EXPECT_LT((shared_A - flat_A).abs().max().item<double>(), 1e-9);
    EXPECT_GT(shared_A.abs().min().item<double>(), 1.0);
}

TEST(PlanBatches, NothingIsLostSplitOrRepeated) {
    Rng rng(5);
    std::vector<SequenceGroup> groups;
    for (std::size_t i = 0; i < 200; ++i) groups.push_back(random_group(rng, 1 + i % 3));
    const auto order = shuffled_order(groups.size(), rng);
    const PackConfig config{.token_budget = 50, .window = 32};
    std::vector<std::size_t> seen;
    for (const auto& members : plan_batches(groups, order, config)) {
        std::int64_t tokens = 0;
        for (const std::size_t member : members) tokens += shared_token_count(groups[member]);
        EXPECT_LE(tokens, 50);
        seen.insert(seen.end(), members.begin(), members.end());
    }
    std::sort(seen.begin(), seen.end());
    std::vector<std::size_t> all(groups.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    EXPECT_EQ(seen, all);
}

TEST(PlanBatches, FillsBetterThanTakingGroupsInOrder) {
    std::vector<SequenceGroup> groups;
    for (int i = 0; i < 16; ++i)
        groups.push_back(
            {"g", {1}, {{std::vector<std::int32_t>(i % 2 ? 69 : 29, 2), {}}}});  // 70 and 30 tokens
    std::vector<std::size_t> order(16);
    for (std::size_t i = 0; i < 16; ++i) order[i] = i < 8 ? 2 * i : 2 * (i - 8) + 1;  // short ones first
    EXPECT_EQ(plan_batches(groups, order, {.token_budget = 100}).size(), 8U);
}

TEST(PlanBatches, AGroupAboveTheBudgetStandsAlone) {
    const std::vector<SequenceGroup> groups = {{"long", {1}, {{std::vector<std::int32_t>(99, 2), {}}}},
                                               {"short", {1}, {{{2}, {}}}}};
    const BatchPlan plan = plan_batches(groups, {0, 1}, {.token_budget = 10});
    ASSERT_EQ(plan.size(), 2U);
    EXPECT_EQ(plan[0], std::vector<std::size_t>{0});
}

TEST(ShuffledOrder, FollowsItsSeed) {
    Rng a(1), b(1), c(2);
    const auto first = shuffled_order(50, a);
    EXPECT_EQ(first, shuffled_order(50, b));
    EXPECT_NE(first, shuffled_order(50, c));
    EXPECT_EQ(std::set<std::size_t>(first.begin(), first.end()).size(), 50U);
}

TEST(IndexPairs, ChosenIsSharedAndWeightsSumToPrompts) {
    PreferenceRecord two, one;
    two.info.id = "two";
    two.chosen.answer.ids = {1};
    two.rejected.resize(2);
    one.rejected.resize(1);
    const std::vector<PreferenceRecord> records = {one, two};
    const auto pairs =
        index_pairs(records, {1, 0}, true);  // packed as: chosen, rejected, rejected | chosen, rejected
    ASSERT_EQ(pairs.size(), 3U);
    EXPECT_EQ(pairs[0].chosen, 0);
    EXPECT_EQ(pairs[1].chosen, 0);
    EXPECT_EQ(pairs[1].rejected, 2);
    EXPECT_EQ(pairs[2].chosen, 3);
    EXPECT_EQ(pairs[2].rejected, 4);
    EXPECT_DOUBLE_EQ(pairs[0].weight, 0.5);
    EXPECT_DOUBLE_EQ(index_pairs(records, {1, 0}, false)[0].weight, 1.0);
    EXPECT_EQ(preference_group(two).answers.size(), 3U);
}

}  // namespace
}  // namespace linvox
