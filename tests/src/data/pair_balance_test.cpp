#include "src/data/pair_balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/data/pair_report.h"
#include "src/data/pairs.h"

namespace linvox {
namespace {

/// `length` codes of which the first `repeats` + 1 are equal.
Candidate answer(std::size_t length, std::size_t repeats = 0, double wer = 0.0) {
    Candidate candidate;
    for (std::size_t i = 0; i < length; ++i)
        candidate.answer.ids.push_back(i <= repeats ? 7 : static_cast<std::int32_t>(100 + i));
    candidate.scores = {{"wer", wer}};
    return candidate;
}

PreferenceRecord pair(const Candidate& chosen, std::vector<Candidate> rejected) {
    PreferenceRecord record;
    record.chosen = chosen;
    record.rejected = std::move(rejected);
    return record;
}

double mean_of(const std::vector<PreferenceRecord>& records, std::size_t property) {
    return imbalance_of(records, pair_properties()[property]).mean;
}

TEST(PairBalance, PropertiesAreWhatTheySay) {
    const auto& length = pair_properties()[0].difference;
    const auto& repeats = pair_properties()[1].difference;
    EXPECT_DOUBLE_EQ(length(pair(answer(20), {answer(10)})), std::log(2.0));
    EXPECT_DOUBLE_EQ(length(pair(answer(20), {answer(10), answer(20)})), std::log(2.0) / 2);
    EXPECT_DOUBLE_EQ(repeats(pair(answer(10, 3), {answer(20, 2)})), 0.3 - 0.1);
    // Given tokens count neither as length nor as repeats, nor does what follows one.
    PreferenceRecord given = pair(answer(10, 3), {answer(10)});
    given.chosen.answer.given = {{0, 2}};
    EXPECT_DOUBLE_EQ(length(given), std::log(0.8));
    EXPECT_DOUBLE_EQ(repeats(given), 1.0 / 8);
}

TEST(PairBalance, ImbalanceIsMeanAndStandardError) {
    const std::vector<PreferenceRecord> records = {pair(answer(20), {answer(10)}),
                                                   pair(answer(10), {answer(10)})};
    const Imbalance found = imbalance_of(records, pair_properties()[0]);
    EXPECT_DOUBLE_EQ(found.mean, std::log(2.0) / 2);
    EXPECT_NEAR(found.standard_error, std::log(2.0) / 2, 1e-12);
}

/// 400 pairs whose chosen answers are longer and repeat more, each with its own chance.
std::vector<PreferenceRecord> biased() {
    Rng rng(5);
    std::vector<PreferenceRecord> records;
    for (int i = 0; i < 400; ++i) {
        const auto draw = [&](double low) { return static_cast<std::size_t>(low + 20.0 * rng.uniform()); };
        records.push_back(pair(answer(draw(92), draw(5)), {answer(draw(90), draw(3))}));
    }
    return records;
}

TEST(PairBalance, LeavesOutAsFewAsBringTheMeansToZero) {
    std::vector<PreferenceRecord> records = biased();
    EXPECT_GT(mean_of(records, 0), 0.01);
    EXPECT_GT(mean_of(records, 1), 0.01);
    const std::vector<std::size_t> dropped = unbalancing_records(records, {"length", "repeats"});
    EXPECT_LT(dropped.size(), 120U);
    EXPECT_TRUE(std::is_sorted(dropped.begin(), dropped.end()));
    EXPECT_EQ(dropped, unbalancing_records(biased(), {"repeats", "length"}))
        << "nothing but the pairs decides";
    for (auto i = dropped.rbegin(); i != dropped.rend(); ++i)
        records.erase(records.begin() + static_cast<std::ptrdiff_t>(*i));
    for (const PairProperty& property : pair_properties()) {
        const Imbalance left = imbalance_of(records, property);
        EXPECT_LT(std::abs(left.mean), 0.15 * left.standard_error) << property.name;
    }
}

TEST(PairBalance, LooksAtNothingElseThanWhatItIsAskedFor) {
    std::vector<PreferenceRecord> records = biased();
    EXPECT_TRUE(unbalancing_records(records, {}).empty());
    for (auto dropped = unbalancing_records(records, {"length"}); !dropped.empty(); dropped.pop_back())
        records.erase(records.begin() + static_cast<std::ptrdiff_t>(dropped.back()));
    EXPECT_LT(std::abs(mean_of(records, 0)), 1e-3);
    EXPECT_GT(mean_of(records, 1), 0.01);
}

TEST(PairBalance, KeepsHalfWhateverTheMeansAre) {
    const std::vector<PreferenceRecord> records(11, pair(answer(20), {answer(10)}));
    EXPECT_EQ(unbalancing_records(records, {"length", "repeats"}).size(), 5U);
    EXPECT_TRUE(unbalancing_records({}, {"length"}).empty());
    EXPECT_TRUE(unbalancing_records({records[0]}, {"length"}).empty());
}

CandidateRecord prompt(const std::string& id, std::size_t chosen, std::size_t rejected) {
    CandidateRecord group;
    group.info.id = id;
    group.info.prompt_ids = {1};
    group.candidates = {answer(chosen, 0, 0.1), answer(rejected, 0, 0.9)};
    return group;
}

TEST(PairBalance, BuildPairsCountsWhatItLeavesOutAndTheReportSaysIt) {
    PairConfig config;
    config.metrics = {{.name = "wer"}};
    const std::vector<CandidateRecord> groups = {prompt("a", 11, 10), prompt("b", 30, 10),
                                                 prompt("c", 10, 11)};
    const PairResult all = build_pairs(groups, config);
    ASSERT_EQ(all.records.size(), 3U);
    EXPECT_FALSE(pair_report(all, config)["balance"]["length"]["balanced"].get<bool>());
    config.balance = {"length"};
    const PairResult balanced = build_pairs(groups, config);
    ASSERT_EQ(balanced.records.size(), 2U);
    EXPECT_EQ(balanced.counts.pairs_dropped.at(DropRule::balance).examples, std::vector<std::string>{"b#0"});
    EXPECT_EQ(balanced.counts.prompts_without.at(DropRule::balance).examples, std::vector<std::string>{"b"});
    EXPECT_EQ(balanced.counts.pairs_kept, 2);
    EXPECT_EQ(balanced.counts.prompts_with_pairs, 2);
    const auto report = pair_report(balanced, config);
    EXPECT_NEAR(report["balance"]["length"]["mean"].get<double>(), 0.0, 1e-9);
    EXPECT_NEAR(report["balance"]["length"]["before"]["mean"].get<double>(), std::log(3.0) / 3, 1e-9);
    EXPECT_THAT(pair_report_text(report), testing::HasSubstr("before pairs were left out +0.3662"));
    config.balance = {"lenght"};
    EXPECT_THROW(build_pairs(groups, config), ConfigError);
}

// What of a rejected answer is scored is the loss's affair: the answers are as long as they are.
TEST(PairBalance, LooksAtWholeAnswersWhereOnlyTheirBeginningIsScored) {
    PairConfig config;
    config.metrics = {{.name = "wer"}};
    config.rejected_scored = "to_first_difference";
    CandidateRecord a = prompt("a", 11, 10), b = prompt("b", 10, 11);
    a.candidates[1].answer.ids[1] = b.candidates[1].answer.ids[1] = 50;
    const PairResult result = build_pairs({a, b}, config);
    ASSERT_EQ(result.records.size(), 2U);
    EXPECT_EQ(result.records[0].rejected[0].answer.scored_count(), 2);
    EXPECT_NEAR(pair_report(result, config)["balance"]["length"]["mean"].get<double>(), 0.0, 1e-9);
}

TEST(PairBalance, TheReportWarnsOfWhatAllPairsAgreeOnAndSaysWhatToDo) {
    PairConfig config;
    config.metrics = {{.name = "wer"}};
    PairResult ready_made;
    ready_made.records = biased();
    const auto warnings = pair_report(ready_made, config)["warnings"].dump();
    EXPECT_THAT(warnings, testing::HasSubstr("standard errors from 0"));
    EXPECT_THAT(warnings, testing::Not(testing::HasSubstr("pairs.balance"))) << "there is no such key";
    std::vector<CandidateRecord> groups;
    for (std::size_t i = 0; i < 40; ++i) groups.push_back(prompt(std::to_string(i), 20 + i % 3, 10));
    const auto advice = [&] { return pair_report(build_pairs(groups, config), config)["warnings"].dump(); };
    EXPECT_THAT(advice(), testing::HasSubstr("pairs.balance = ["));
    config.balance = {"length"};
    EXPECT_THAT(advice(), testing::HasSubstr("keeps half"));
}

}  // namespace
}  // namespace linvox
