#include "src/data/pair_ranking.h"

#include <gtest/gtest.h>

namespace linvox {
namespace {

TEST(ParetoFronts, ByHand) {
    // (3,1) and (1,3) trade off; (2,0) loses to (3,1) only; (0,0) loses to all, (2,0) included.
    EXPECT_EQ(pareto_fronts({{3, 1}, {0, 0}, {1, 3}, {2, 0}}), (std::vector<int>{0, 2, 0, 1}));
    EXPECT_EQ(pareto_fronts({{1, 1}, {1, 1}}), (std::vector<int>{0, 0}));  // equal: none dominates
}

TEST(RankSums, TiesShareTheMeanRank) {
    // Metric 1 ranks: 1, 2.5, 2.5; metric 2 ranks: 3, 2, 1, weighted by 2.
    EXPECT_EQ(rank_sums({{9, 1}, {5, 2}, {5, 3}}, {1, 2}), (std::vector<double>{7, 6.5, 4.5}));
}

CandidateRecord group_of(const std::vector<double>& wer) {
    CandidateRecord group;
    for (const double value : wer) {
        Candidate candidate;
        candidate.scores["wer"] = value;
        group.candidates.push_back(candidate);
    }
    return group;
}

std::vector<int> indices(const std::vector<Ranked>& ranked) {
    std::vector<int> all;
    for (const Ranked& r : ranked) all.push_back(r.index);
    return all;
}

TEST(Candidates, OrderedByFrontThenIndex) {
    PairConfig config;
    config.metrics = {{.name = "wer"}};
    const CandidateRecord group = group_of({0.5, 0.1, 0.9, 0.1});
    EXPECT_EQ(indices(best_candidates(group, {0, 1, 2, 3}, config)), (std::vector<int>{1, 3}));
    EXPECT_EQ(indices(worst_candidates(group, {0, 1, 2, 3}, config)), (std::vector<int>{2, 0, 3, 1}));
    EXPECT_EQ(indices(best_candidates(group, {0, 2}, config)), (std::vector<int>{0}));
}

TEST(Candidates, RankSumTakesAQuantileAndAtLeastOne) {
    PairConfig config;
    config.rule = "rank_sum";
    config.metrics = {{.name = "wer"}};
    config.quantile = 0.5;
    const CandidateRecord group = group_of({0.4, 0.1, 0.3, 0.2});
    EXPECT_EQ(indices(best_candidates(group, {0, 1, 2, 3}, config)), (std::vector<int>{1, 3}));
    EXPECT_EQ(indices(worst_candidates(group, {0, 1, 2, 3}, config)), (std::vector<int>{0, 2}));
    config.quantile = 0.2;  // floor(0.2 * 4) is 0
    EXPECT_EQ(indices(best_candidates(group, {0, 1, 2, 3}, config)), (std::vector<int>{1}));
}

TEST(TurnedScores, DirectionAndMissing) {
    Candidate candidate;
    candidate.scores = {{"wer", 0.25}, {"own", 3.0}, {"none", std::nullopt}};
    EXPECT_EQ(*turned_scores(candidate, {{.name = "wer"}}), std::vector<double>{-0.25});
    EXPECT_EQ(*turned_scores(candidate, {{.name = "own", .better = "higher"}}), std::vector<double>{3.0});
    EXPECT_FALSE(turned_scores(candidate, {{.name = "none", .better = "higher"}}));
    EXPECT_FALSE(turned_scores(candidate, {{.name = "absent", .better = "higher"}}));
}

}  // namespace
}  // namespace linvox
