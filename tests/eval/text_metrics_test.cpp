#include "eval/text_metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

namespace linvox {
namespace {

MetricValue score(std::string_view id, const TextAnswer& answer) {
    for (const TextMetric& row : text_metrics())
        if (row.id == id) return row.score(answer);
    throw std::runtime_error("no metric " + std::string(id));
}

TEST(TextMetrics, EveryRowIsComplete) {
    std::set<std::string_view> ids;
    for (const TextMetric& row : text_metrics()) {
        EXPECT_TRUE(ids.insert(row.id).second) << row.id;
        EXPECT_FALSE(row.label.empty() || row.doc.empty()) << row.id;
        EXPECT_TRUE(row.score) << row.id;
        EXPECT_TRUE(row.task.empty() || row.task == "math" || row.task == "text" || row.task == "asr")
            << row.id;
    }
    for (const char* task : {"math", "text", "asr"}) {
        const auto rows = text_metrics_of(task);
        EXPECT_TRUE(std::any_of(rows.begin(), rows.end(), [](const TextMetric* row) {
            return row->headline;
        })) << task;
    }
}

TEST(TextMetrics, UnitErrorsCountAgainstTheRightTranscript) {
    // HH AH L OW against AH L L IY: HH deleted, L inserted, OW substituted.
    EXPECT_EQ(score("asr.per", {.text = "AH L L IY", .gold = "HH AH L OW"}).value(), 75);
    EXPECT_EQ(score("asr.per", {.text = "", .gold = "HH AH"}).value(), 100);
    EXPECT_FALSE(score("asr.per", {.text = "AH"}).valid());
}

TEST(TextMetrics, ExactMatchByEveryFilter) {
    const TextAnswer right{.text = "2 + 3 = 5\n#### 5.0", .tokens = {1, 2}, .finish = "stop", .gold = "5"};
    EXPECT_EQ(score("em.numeric", right).value(), 1);
    EXPECT_EQ(score("em.strict", right).value(), 1);
    EXPECT_EQ(score("em.flexible", right).value(), 0);  // "5.0" is not "5" as written
    EXPECT_EQ(score("math.steps", right).value(), 1);
    EXPECT_EQ(score("math.steps", {.text = "2 + 3 = 6"}).value(), 0);
    EXPECT_EQ(score("em.numeric", {.text = "5"}).reason, "not_applicable");
    EXPECT_EQ(score("text.stop", right).value(), 1);
    EXPECT_EQ(score("text.stop", {.finish = "length"}).value(), 0);
    EXPECT_EQ(score("text.tokens", right).value(), 2);
}

TEST(TextMetrics, RepetitionAndDistinctWords) {
    const TextAnswer loop{.text = "a b c d a b c d a b c d"};
    // Nine 4-grams; the first four are new.
    EXPECT_DOUBLE_EQ(score("text.repeats", loop).value(), 100.0 * 5 / 9);
    EXPECT_DOUBLE_EQ(score("text.distinct1", loop).value(), 4.0 / 12);
    EXPECT_DOUBLE_EQ(score("text.distinct2", loop).value(), 4.0 / 11);
    EXPECT_EQ(score("text.repeats", {.text = "a b"}).reason, "not_applicable");
}

TEST(TextMetrics, PairsAreRankedByMeanAndRewardedBySum) {
    // chosen -10 nats over 5 tokens, rejected -9 over 3; the start model: -12 and -8.
    TextAnswer answer{.finish = "stop",
                      .logprob_sum = -4,
                      .reference_logprob_sum = -6,
                      .pairs = {{-10, -9, -12, -8, 5, 3}}};
    EXPECT_EQ(score("pref.ranking", answer).value(), 1);  // -2 a token against -3
    EXPECT_EQ(score("pref.reward_acc", answer).value(), 1);
    EXPECT_DOUBLE_EQ(score("pref.margin", answer).value(), 3);  // (-10 + 12) - (-9 + 8)
    EXPECT_DOUBLE_EQ(score("pref.loss", answer).value(), 2);
    EXPECT_DOUBLE_EQ(score("text.kl", answer).value(), 2);
    answer.is_start = true;
    EXPECT_EQ(score("pref.margin", answer).reason, "not_applicable");
    EXPECT_EQ(score("pref.ranking", answer).value(), 1);
    answer.pairs = {{-5, -5, -5, -5, 5, 5}};
    EXPECT_EQ(score("pref.ranking", answer).value(), 0.5);
}

}  // namespace
}  // namespace linvox
