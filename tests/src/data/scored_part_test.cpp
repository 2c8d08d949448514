#include "src/data/scored_part.h"

#include <gtest/gtest.h>

namespace linvox {
namespace {

TEST(ScoredPart, EndsBehindTheFirstDifference) {
    const TokenSequence chosen{{5, 6, 7, 8}, {}};
    EXPECT_EQ(scored_to_first_difference(chosen, {{5, 9, 7, 8}, {}}).given, (std::vector<Span>{{2, 4}}));
    EXPECT_EQ(scored_to_first_difference(chosen, {{1, 6, 7, 8, 9}, {}}).given, (std::vector<Span>{{1, 5}}));
}

TEST(ScoredPart, IsTheWholeWhereNothingIsBehindTheDifference) {
    const TokenSequence chosen{{5, 6, 7, 8}, {}};
    for (const std::vector<std::int32_t>& ids :
         {std::vector<std::int32_t>{5, 6, 7, 9}, {5, 6, 7}, {5, 6, 7, 8}})
        EXPECT_TRUE(scored_to_first_difference(chosen, {ids, {}}).given.empty());
    EXPECT_EQ(scored_to_first_difference({{5, 6}, {}}, {{5, 6, 7, 8}, {}}).given,
              (std::vector<Span>{{3, 4}}));
}

TEST(ScoredPart, KeepsWhatWasGivenBefore) {
    const TokenSequence chosen{{1, 2, 3, 4, 5, 6}, {{0, 1}, {4, 5}}};
    EXPECT_EQ(scored_to_first_difference(chosen, {{1, 2, 9, 4, 5, 6}, {{0, 1}, {4, 5}}}).given,
              (std::vector<Span>{{0, 1}, {3, 6}}));
    // What differs is no prediction of the model: there is nothing to point at.
    EXPECT_EQ(scored_to_first_difference(chosen, {{9, 2, 3, 4, 5, 6}, {{0, 1}, {4, 5}}}).given,
              (std::vector<Span>{{0, 1}, {4, 5}}));
}

}  // namespace
}  // namespace linvox
