#include "src/train/pair_batch.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "tests/src/train/toy_model.h"

namespace linvox {
namespace {

ReferenceScores scores_of(const std::vector<PreferenceRecord>& records) {
    ReferenceScores scores;
    double next = -1.0;
    for (const PreferenceRecord& record : records)
        for (const TokenSequence& answer : preference_group(record).answers)
            scores[answer_digest(record.info.prompt_ids, answer)] = {next--, answer.scored_count()};
    return scores;
}

TEST(PairBatch, LaysPolicyAndReferenceSideBySide) {
    const auto records = toy::pairs(3, 2);
    const PairSet set = make_pair_set(records, scores_of(records));
    EXPECT_EQ(set.pair_count, 6);
    const PairBatch batch = make_pair_batch(set, {2, 0}, true);
    const PairScores scores = pair_scores(set, batch, at::arange(6, at::TensorOptions().dtype(at::kDouble)));
    // Answers of record 2 are 0 (chosen), 1, 2; those of record 0 are 3, 4, 5.
    const std::vector<double> chosen = {0, 0, 3, 3}, rejected = {1, 2, 4, 5};
    const std::vector<double> reference_chosen = {-7, -7, -1, -1}, reference_rejected = {-8, -9, -2, -3};
    for (std::int64_t i = 0; i < 4; ++i) {
        const auto n = static_cast<std::size_t>(i);
        EXPECT_EQ(scores.policy_chosen[i].item<double>(), chosen[n]);
        EXPECT_EQ(scores.policy_rejected[i].item<double>(), rejected[n]);
        EXPECT_EQ(scores.reference_chosen[i].item<double>(), reference_chosen[n]);
        EXPECT_EQ(scores.reference_rejected[i].item<double>(), reference_rejected[n]);
    }
    EXPECT_EQ(scores.chosen_tokens[0].item<double>(),
              static_cast<double>(records[2].chosen.answer.scored_count()));
    EXPECT_EQ(pair_weights(batch.pairs)[0].item<double>(), 0.5);
}

TEST(PairBatch, RefusesAReferenceThatCountedOtherTokens) {
    const auto records = toy::pairs(2);
    ReferenceScores scores = scores_of(records);
    scores.at(answer_digest(records[1].info.prompt_ids, records[1].chosen.answer)).token_count += 1;
    try {
        make_pair_set(records, scores);
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("pair_1"));
    }
}

TEST(PairBatch, TaskScoresOrAnErrorThatNamesTheRecord) {
    auto records = toy::pairs(1);
    records[0].chosen.scores["wer"] = 0.25;
    records[0].rejected[0].scores["wer"] = 0.75;
    const PairSet set = make_pair_set(records, {});
    const PairBatch batch = make_pair_batch(set, {0}, false);
    EXPECT_FALSE(pair_extras(set, batch, "", at::TensorOptions()).chosen_score.defined());
    const PairExtras extras = pair_extras(set, batch, "wer", at::TensorOptions().dtype(at::kDouble));
    EXPECT_EQ(extras.rejected_score.item<double>(), 0.75);
    EXPECT_THROW(pair_extras(set, batch, "mcd", at::TensorOptions()), DataError);
}

}  // namespace
}  // namespace linvox
