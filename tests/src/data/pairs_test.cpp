#include "src/data/pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

/// A stopped candidate whose ids say who it is.
Candidate scored(std::int32_t id, double wer, double spk_sim = 0.5) {
    Candidate candidate;
    candidate.answer.ids = {id, id, 99};
    candidate.scores = {{"wer", wer}, {"spk_sim", spk_sim}};
    return candidate;
}

CandidateRecord group_of(std::vector<Candidate> candidates, const std::string& id = "p") {
    CandidateRecord group;
    group.info.id = id;
    group.info.prompt_ids = {1, 2};
    group.candidates = std::move(candidates);
    return group;
}

PairConfig by_wer() {
    PairConfig config;
    config.metrics = {{.name = "wer"}};
    return config;
}

std::int64_t total(const DropTable& table) {
    std::int64_t sum = 0;
    for (const auto& [rule, drop] : table) sum += drop.count;
    return sum;
}

/// The three sums that must always hold: nothing is lost.
void expect_accounted(const PairCounts& counts) {
    EXPECT_EQ(counts.prompts_read, counts.prompts_with_pairs + total(counts.prompts_without));
    EXPECT_EQ(counts.candidates_read, counts.candidates_eligible + total(counts.candidates_set_aside));
    EXPECT_EQ(counts.pairs_proposed, counts.pairs_kept + total(counts.pairs_dropped));
}

/// The one prompt gave no pair, for this reason.
void expect_none(const PairResult& result, DropRule rule) {
    EXPECT_TRUE(result.records.empty());
    EXPECT_EQ(result.counts.prompts_without.count(rule), 1U) << drop_rule_name(rule);
    expect_accounted(result.counts);
}

TEST(Pairs, ParetoTakesBestAndWorst) {
    const auto result = build_pairs({group_of({scored(1, 0.3), scored(2, 0.1), scored(3, 0.8)})}, by_wer());
    ASSERT_EQ(result.records.size(), 1U);
    EXPECT_EQ(result.records[0].chosen.answer.ids[0], 2);
    EXPECT_EQ(result.records[0].rejected[0].answer.ids[0], 3);
    EXPECT_DOUBLE_EQ(*result.records[0].margin, 0.7);
    EXPECT_EQ(result.records[0].info.id, "p#0");
    EXPECT_EQ(result.records[0].why, "pareto wer");
    expect_accounted(result.counts);
}

TEST(Pairs, HigherIsBetterIsTurned) {
    PairConfig config;
    config.metrics = {{.name = "spk_sim"}};
    const auto result = build_pairs({group_of({scored(1, 0, 0.2), scored(2, 0, 0.9)})}, config);
    EXPECT_EQ(result.records.at(0).chosen.answer.ids[0], 2);
}

TEST(Pairs, ARejectedAnswerThatIsBetterSomewhereIsDropped) {
    PairConfig config = by_wer();
    config.metrics.push_back({.name = "spk_sim"});
    // 2 wins on wer, 1 on spk_sim: a trade-off makes no pair.
    expect_none(build_pairs({group_of({scored(1, 0.3, 0.9), scored(2, 0.1, 0.4)})}, config),
                DropRule::not_better);
    const auto third =
        build_pairs({group_of({scored(1, 0.3, 0.9), scored(2, 0.1, 0.4), scored(3, 0.5, 0.3)})}, config);
    ASSERT_EQ(third.records.size(), 1U);
    EXPECT_EQ(third.records[0].rejected[0].answer.ids[0], 3);
}

TEST(Pairs, EqualScoresMakeNoPair) {
    expect_none(build_pairs({group_of({scored(1, 0.3), scored(2, 0.3)})}, by_wer()), DropRule::not_better);
}

TEST(Pairs, IdenticalIdsAreDropped) {
    Candidate same = scored(1, 0.9);
    expect_none(build_pairs({group_of({scored(1, 0.1), same})}, by_wer()), DropRule::identical);
}

TEST(Pairs, GapsAndFloors) {
    PairConfig config = by_wer();
    config.metrics[0].min_gap = 0.25;
    expect_none(build_pairs({group_of({scored(1, 0.1), scored(2, 0.3)})}, config), DropRule::gap_too_small);
    EXPECT_EQ(build_pairs({group_of({scored(1, 0.1), scored(2, 0.5)})}, config).records.size(), 1U);
    config.metrics[0].use_floor = true;
    config.metrics[0].floor = 0.05;
    expect_none(build_pairs({group_of({scored(1, 0.1), scored(2, 0.5)})}, config), DropRule::below_floor);
    EXPECT_EQ(build_pairs({group_of({scored(1, 0.05), scored(2, 0.5)})}, config).records.size(), 1U);
}

TEST(Pairs, LengthLimitTakesTheNextBestOfMatchingLength) {
    PairConfig config = by_wer();
    config.rule = "rank_sum";
    config.quantile = 0.5;
    config.max_length_ratio = 1.5;
    Candidate best = scored(1, 0.0);
    best.answer.ids.assign(9, 1);  // nobody is as long
    Candidate good = scored(2, 0.1), bad = scored(3, 0.5), worst = scored(4, 0.9);
    worst.answer.ids.assign(5, 4);
    const PairResult result = build_pairs({group_of({best, good, bad, worst})}, config);
    ASSERT_EQ(result.records.size(), 1U);
    EXPECT_EQ(result.records[0].chosen.answer.ids[0], 2);
    EXPECT_EQ(result.records[0].rejected[0].answer.ids[0], 3);
    EXPECT_EQ(result.counts.pairs_dropped.at(DropRule::length_gap).count, 3);
    expect_accounted(result.counts);
    expect_none(build_pairs({group_of({best, bad})}, config), DropRule::length_gap);
}

TEST(Pairs, CutAnswersAreRejectedButNeverChosen) {
    Candidate cut = scored(1, 0.0);
    cut.finish = Finish::length;
    expect_none(build_pairs({group_of({cut, cut})}, by_wer()), DropRule::chosen_not_stopped);
    Candidate bad_cut = scored(3, 0.9);
    bad_cut.finish = Finish::length;
    const auto result = build_pairs({group_of({cut, scored(2, 0.4), bad_cut})}, by_wer());
    ASSERT_EQ(result.records.size(), 1U);
    EXPECT_EQ(result.records[0].chosen.answer.ids[0], 2);  // 1 is better and cut
    EXPECT_EQ(result.records[0].rejected[0].answer.ids[0], 3);
}

TEST(Pairs, InvalidCandidatesAreSetAside) {
    Candidate failed = scored(3, 0.9), unjudged = scored(4, 0.9);
    failed.finish = Finish::error;
    unjudged.scores["wer"] = std::nullopt;
    Candidate longer = scored(5, 0.9);
    longer.answer.ids.assign(50, 5);
    PairConfig config = by_wer();
    config.max_tokens = 20;
    const auto group = group_of({scored(1, 0.1), scored(2, 0.2), failed, unjudged, longer, scored(6, 0.9)});
    const auto structure = [](const CandidateRecord&, const Candidate& c) { return c.answer.ids[0] != 6; };
    const auto result = build_pairs({group}, config, structure);
    EXPECT_EQ(result.counts.candidates_eligible, 2);
    for (const DropRule rule :
         {DropRule::error_finish, DropRule::missing_score, DropRule::over_long, DropRule::structure})
        EXPECT_EQ(result.counts.candidates_set_aside.at(rule).count, 1) << drop_rule_name(rule);
    EXPECT_EQ(result.counts.candidates_set_aside.at(DropRule::error_finish).examples[0], "p/2");
    EXPECT_EQ(result.records.at(0).rejected[0].answer.ids[0], 2);
    expect_accounted(result.counts);
    config.drop_group = true;
    expect_none(build_pairs({group}, config, structure), DropRule::invalid_in_group);
}

TEST(Pairs, OneCandidateIsTooFew) {
    expect_none(build_pairs({group_of({scored(1, 0.1)})}, by_wer()), DropRule::too_few_candidates);
}

TEST(Pairs, SeveralRejectedAndSeveralChosen) {
    PairConfig config = by_wer();
    config.rejected_per_chosen = 2;
    config.per_prompt = 2;
    const auto result =
        build_pairs({group_of({scored(1, 0.1), scored(2, 0.1), scored(3, 0.5), scored(4, 0.9)})}, config);
    ASSERT_EQ(result.records.size(), 2U);
    EXPECT_EQ(result.records[0].rejected[0].answer.ids[0], 4);  // worst first
    EXPECT_EQ(result.records[0].rejected[1].answer.ids[0], 3);
    EXPECT_EQ(result.records[1].chosen.answer.ids[0], 2);
    EXPECT_EQ(result.counts.pairs_kept, 4);
    expect_accounted(result.counts);
}

TEST(Pairs, RankSumWeighsMetrics) {
    PairConfig config;
    config.rule = "rank_sum";
    config.metrics = {{.name = "wer", .weight = 1.0}, {.name = "spk_sim", .weight = 3.0}};
    // Ranks wer 1, 2, 3 and spk_sim 2, 1, 3: sums 7, 5, 12; 2 is chosen, 3 is worse on both.
    const auto result =
        build_pairs({group_of({scored(1, 0.1, 0.5), scored(2, 0.2, 0.9), scored(3, 0.3, 0.1)})}, config);
    ASSERT_EQ(result.records.size(), 1U);
    EXPECT_EQ(result.records[0].chosen.answer.ids[0], 2);
    EXPECT_EQ(result.records[0].rejected[0].answer.ids[0], 3);
    EXPECT_DOUBLE_EQ(*result.records[0].margin, 7.0);
}

TEST(Pairs, CorrectPairsRightWithWrong) {
    PairConfig config;
    config.rule = "correct";
    config.metrics = {{.name = "correct"}};
    Candidate right = scored(1, 0), wrong = scored(2, 0);
    right.scores["correct"] = 1.0;
    wrong.scores["correct"] = 0.0;
    EXPECT_EQ(build_pairs({group_of({wrong, right})}, config).records.at(0).chosen.answer.ids[0], 1);
    expect_none(build_pairs({group_of({right, right})}, config), DropRule::too_few_candidates);
    expect_none(build_pairs({group_of({wrong, wrong})}, config), DropRule::not_better);
}

TEST(Pairs, RecordingAsChosen) {
    PairConfig config = by_wer();
    config.chosen_from = "reference";
    CandidateRecord group = group_of({scored(1, 0.3), scored(2, 0.0)});
    expect_none(build_pairs({group}, config), DropRule::no_reference);
    group.reference = scored(9, 0.1);
    group.reference->source = "reference";
    const auto result = build_pairs({group}, config);
    ASSERT_EQ(result.records.size(), 1U);
    EXPECT_EQ(result.records[0].chosen.answer.ids[0], 9);
    EXPECT_EQ(result.records[0].rejected[0].answer.ids[0], 1);
    EXPECT_EQ(result.records[0].why, "reference pareto wer");
    group.candidates = {scored(2, 0.0)};  // a sample better than the recording
    expect_none(build_pairs({group}, config), DropRule::not_better);
    group.reference->scores.clear();
    expect_none(build_pairs({group}, config), DropRule::missing_score);
    config.unscored = true;
    EXPECT_EQ(build_pairs({group}, config).records.size(), 1U);
}

TEST(Pairs, TheReferenceStandsInWhereNoCandidateCanBeChosen) {
    PairConfig config;
    config.rule = "correct";
    config.metrics = {{.name = "correct"}};
    config.chosen_from = "either";
    const auto judged = [](std::int32_t id, double correct) {
        Candidate candidate = scored(id, 0.0);
        candidate.scores = {{"correct", correct}};
        return candidate;
    };
    CandidateRecord group = group_of({judged(1, 0), judged(2, 0)});
    group.reference = judged(9, 1);
    EXPECT_EQ(build_pairs({group}, config).records.at(0).chosen.answer.ids[0], 9);
    group.candidates[1] = judged(2, 1);
    EXPECT_EQ(build_pairs({group}, config).records.at(0).chosen.answer.ids[0], 2);
    // All right: no wrong answer to reject, and the reference does not help.
    group.candidates = {judged(1, 1), judged(2, 1)};
    EXPECT_TRUE(build_pairs({group}, config).records.empty());
}

TEST(Pairs, EqualChosenAnswersMakeOneRecord) {
    PairConfig config = by_wer();
    config.per_prompt = 3;
    const auto result =
        build_pairs({group_of({scored(1, 0.0), scored(1, 0.0), scored(2, 0.5), scored(3, 0.0)})}, config);
    ASSERT_EQ(result.records.size(), 2U);
    EXPECT_EQ(result.records[0].chosen.answer.ids[0], 1);
    EXPECT_EQ(result.records[1].chosen.answer.ids[0], 3);
}

TEST(Pairs, TheNearestWrongAnswerComesFirst) {
    PairConfig config;
    config.rule = "correct";
    config.metrics = {{.name = "correct"}};
    config.rejected_per_chosen = 3;
    const auto judged = [](std::vector<std::int32_t> ids, double correct) {
        Candidate candidate;
        candidate.answer.ids = std::move(ids);
        candidate.scores = {{"correct", correct}};
        return candidate;
    };
    // Edits to 5 6 7 8: three substitutions, one insertion, one substitution and one deletion.
    const CandidateRecord group = group_of(
        {judged({5, 6, 7, 8}, 1), judged({5, 1, 2, 3}, 0), judged({5, 6, 0, 7, 8}, 0), judged({5, 1, 7}, 0)});
    const auto order = [&] {
        std::vector<std::size_t> sizes;
        const PairResult result = build_pairs({group}, config);
        for (const Candidate& rejected : result.records.at(0).rejected)
            sizes.push_back(rejected.answer.ids.size());
        return sizes;
    };
    EXPECT_EQ(order(), (std::vector<std::size_t>{3, 5, 4}));  // the last candidate counts as the worst
    config.rejected_order = "nearest";
    EXPECT_EQ(order(), (std::vector<std::size_t>{5, 3, 4}));
}

TEST(Pairs, AShareOfPromptsTakesTheRecording) {
    PairConfig config = by_wer();
    config.chosen_from = "reference";
    config.reference_share = 0.3;
    std::vector<CandidateRecord> groups;
    for (int i = 0; i < 400; ++i) {
        groups.push_back(group_of({scored(1, 0.3), scored(2, 0.2)}, "p" + std::to_string(i)));
        groups.back().reference = scored(9, 0.0);
    }
    const auto result = build_pairs(groups, config);
    std::int64_t from_reference = 0;
    for (const PreferenceRecord& record : result.records) from_reference += record.chosen.answer.ids[0] == 9;
    EXPECT_NEAR(static_cast<double>(from_reference) / 400.0, 0.3, 0.07);
    config.seed = 1;
    std::int64_t differ = 0;
    const auto other = build_pairs(groups, config);
    for (std::size_t i = 0; i < 400; ++i) differ += !(other.records[i].chosen == result.records[i].chosen);
    EXPECT_GT(differ, 50);  // another seed, other prompts
}

TEST(Pairs, PerturbationsKeepToTheirShareAndEveryKindOccurs) {
    PairConfig config = by_wer();
    config.perturb.kinds = {"repeat", "drop", "shuffle", "cut_tail"};
    config.perturb.share = 0.25;
    std::vector<CandidateRecord> groups;
    for (int i = 0; i < 60; ++i) {
        Candidate good = scored(1, 0.1);
        good.answer.ids = {3, 4, 5, 6, 7, 8, 9, 10, 99};
        groups.push_back(group_of({good, scored(2, 0.4)}, "p" + std::to_string(i)));
    }
    const auto result = build_pairs(groups, config);
    EXPECT_EQ(result.counts.pairs_perturbed, 20);  // 20 of 80
    EXPECT_EQ(result.records.size(), 80U);
    std::set<std::string> kinds, ids;
    for (const PreferenceRecord& record : result.records) {
        EXPECT_TRUE(ids.insert(record.info.id).second) << record.info.id;
        if (record.why.starts_with("perturb")) kinds.insert(record.rejected[0].perturb.at("kind"));
    }
    EXPECT_EQ(kinds, (std::set<std::string>{"repeat", "drop", "shuffle", "cut_tail"}));
    expect_accounted(result.counts);
}

TEST(Pairs, RandomGroupsAreAccountedFor) {
    Rng rng(4);
    std::vector<CandidateRecord> groups;
    for (int g = 0; g < 200; ++g) {
        std::vector<Candidate> candidates;
        for (std::uint64_t i = 0, n = rng.below(6); i < n; ++i) {
            Candidate candidate =
                scored(static_cast<std::int32_t>(rng.below(4)), 0.1 * static_cast<double>(rng.below(4)),
                       0.1 * static_cast<double>(rng.below(4)));
            candidate.finish = static_cast<Finish>(rng.below(3));
            if (rng.below(5) == 0) candidate.scores["wer"] = std::nullopt;
            candidates.push_back(candidate);
        }
        groups.push_back(group_of(candidates, "p" + std::to_string(g)));
    }
    for (const char* rule : {"pareto", "rank_sum"}) {
        PairConfig config = by_wer();
        config.rule = rule;
        config.metrics.push_back({.name = "spk_sim", .min_gap = 0.15});
        config.rejected_per_chosen = 2;
        const auto result = build_pairs(groups, config);
        expect_accounted(result.counts);
        EXPECT_GT(result.counts.pairs_kept, 5) << rule;
        EXPECT_GT(total(result.counts.pairs_dropped), 10) << rule;
        std::int64_t pairs = 0;
        for (const PreferenceRecord& record : result.records)
            pairs += static_cast<std::int64_t>(record.rejected.size());
        EXPECT_EQ(pairs, result.counts.pairs_kept);
    }
}

TEST(Pairs, RejectedAnswersAreScoredUpToTheFirstDifferenceWhereAsked) {
    PairConfig config = by_wer();
    const auto groups = {group_of({scored(1, 0.1), scored(2, 0.8)})};
    EXPECT_TRUE(build_pairs(groups, config).records.at(0).rejected.at(0).answer.given.empty());
    config.rejected_scored = "to_first_difference";
    const PreferenceRecord record = build_pairs(groups, config).records.at(0);
    EXPECT_EQ(record.rejected.at(0).answer.given, (std::vector<Span>{{1, 3}}));
    EXPECT_TRUE(record.chosen.answer.given.empty());
}

TEST(PairConfigCheck, ReportsAllProblemsAtOnce) {
    PairConfig config;
    config.rule = "correct";
    config.metrics = {{.name = "charm"}, {.name = "charm"}};
    config.unscored = true;
    config.perturb.kinds = {"insert_silence"};
    try {
        check(config);
        FAIL();
    } catch (const ConfigError& error) {
        for (const char* part :
             {"'charm' has no known direction", "listed twice", "'correct' first", "unscored", "silence_id"})
            EXPECT_THAT(error.what(), testing::HasSubstr(part));
    }
    EXPECT_THROW(check(PairConfig{}), ConfigError);
    EXPECT_NO_THROW(check(by_wer()));
}

TEST(HeldOut, OnePromptIsOnOneSideAndTheShareHolds) {
    int held_out = 0;
    for (std::int32_t i = 0; i < 2000; ++i) {
        held_out += is_held_out({1, i, 7}, 0.2, 3);
        EXPECT_EQ(is_held_out({1, i, 7}, 0.2, 3), is_held_out({1, i, 7}, 0.2, 3));
    }
    EXPECT_NEAR(held_out / 2000.0, 0.2, 0.03);
}

}  // namespace
}  // namespace linvox
