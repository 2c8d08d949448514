#include "eval/token_loops.h"

#include <gtest/gtest.h>

#include <vector>

namespace linvox {
namespace {

using Tokens = std::vector<std::int32_t>;

Tokens repeat(const Tokens& block, int copies) {
    Tokens out;
    for (int i = 0; i < copies; ++i) out.insert(out.end(), block.begin(), block.end());
    return out;
}

Tokens ascending(int from, int count) {
    Tokens out;
    for (int i = 0; i < count; ++i) out.push_back(from + i);
    return out;
}

TEST(LongestRun, CountsTokens) {
    EXPECT_EQ(longest_run(Tokens{}), 0);
    EXPECT_EQ(longest_run(Tokens{5}), 1);
    EXPECT_EQ(longest_run(Tokens{1, 2, 2, 2, 3, 3}), 3);
    EXPECT_EQ(longest_run(Tokens{1, 2, 2, 2, 2}), 4);
}

TEST(TokenLoop, FindsPeriodCopiesAndPlace) {
    Tokens tokens = ascending(100, 7);
    const Tokens loop = repeat(ascending(0, 20), 4);
    tokens.insert(tokens.end(), loop.begin(), loop.end());
    tokens.push_back(500);
    const TokenLoop found = token_loop(tokens, 50);
    EXPECT_EQ(found.period, 20);
    EXPECT_EQ(found.copies, 4);
    EXPECT_EQ(found.stretch, 60);
    EXPECT_EQ(found.begin, 7);
    EXPECT_TRUE(found.flagged);
}

TEST(TokenLoop, FlagNeedsFourCopiesOrTwoSeconds) {
    EXPECT_FALSE(token_loop(repeat(ascending(0, 16), 3), 50).flagged);
    EXPECT_TRUE(token_loop(repeat(ascending(0, 16), 4), 50).flagged);
    EXPECT_FALSE(token_loop(repeat(ascending(0, 15), 7), 50).flagged);  // stretch 90 < 100
    EXPECT_TRUE(token_loop(repeat(ascending(0, 10), 11), 50).flagged);  // stretch 100
    EXPECT_FALSE(token_loop(Tokens(100, 3), 50).flagged);               // stretch 99
    EXPECT_TRUE(token_loop(Tokens(101, 3), 50).flagged);
    EXPECT_EQ(token_loop(Tokens(101, 3), 50).period, 1);
    EXPECT_EQ(token_loop(Tokens(101, 3), 50).copies, 101);
}

TEST(TokenLoop, NothingRepeats) {
    for (const Tokens& tokens : {Tokens{}, Tokens{1}, ascending(0, 30)}) {
        const TokenLoop found = token_loop(tokens, 50);
        EXPECT_EQ(found.period, 0);
        EXPECT_EQ(found.copies, 1);
        EXPECT_FALSE(found.flagged);
    }
    EXPECT_EQ(token_loop(repeat(ascending(0, 20), 4), 50, 19).period, 0);  // longer than looked for
}

TEST(DistinctNgrams, ShareOfDifferentOnes) {
    const Tokens tokens = {1, 2, 1, 2, 1};
    EXPECT_DOUBLE_EQ(*distinct_ngrams(tokens, 1), 2.0 / 5);
    EXPECT_DOUBLE_EQ(*distinct_ngrams(tokens, 2), 2.0 / 4);
    EXPECT_DOUBLE_EQ(*distinct_ngrams(tokens, 4), 2.0 / 2);
    EXPECT_FALSE(distinct_ngrams(tokens, 6).has_value());
    EXPECT_FALSE(distinct_ngrams(Tokens{}, 1).has_value());
}

TEST(RepeatedShare, LooksBackAWindow) {
    EXPECT_DOUBLE_EQ(*repeated_share(Tokens{1, 2, 3, 1}, 3), 0.25);
    EXPECT_DOUBLE_EQ(*repeated_share(Tokens{1, 2, 3, 1}, 2), 0.0);
    EXPECT_DOUBLE_EQ(*repeated_share(Tokens{1, 1, 1, 1}, 10), 0.75);
    EXPECT_FALSE(repeated_share(Tokens{}, 10).has_value());
}

TEST(TokenRate, RelativeToExpected) {
    EXPECT_DOUBLE_EQ(*token_rate(60, 10, 5), 1.2);
    EXPECT_FALSE(token_rate(60, 0, 5).has_value());
    EXPECT_FALSE(token_rate(60, 10, 0).has_value());
}

TEST(TokenEdit, LevenshteinOverTheLonger) {
    EXPECT_DOUBLE_EQ(token_edit(Tokens{}, Tokens{}), 0);
    EXPECT_DOUBLE_EQ(token_edit(Tokens{1, 2, 3}, Tokens{}), 1);
    EXPECT_DOUBLE_EQ(token_edit(Tokens{}, Tokens{1, 2}), 1);
    EXPECT_DOUBLE_EQ(token_edit(Tokens{1, 2, 3, 4}, Tokens{1, 3, 4, 5}), 0.5);
    // rapidfuzz 3.14.6: Levenshtein.distance(a, b) = 5.
    EXPECT_DOUBLE_EQ(token_edit(Tokens{1, 5, 5, 2, 7, 3, 3, 9}, Tokens{5, 2, 2, 7, 3, 9, 9, 1, 4}), 5.0 / 9);
}

TEST(TokenSilence, SharesAndRuns) {
    const auto found = token_silence(Tokens{9, 9, 1, 8, 9, 8, 2, 9}, {8, 9});
    ASSERT_TRUE(found.has_value());
    EXPECT_DOUBLE_EQ(found->share, 6.0 / 8);
    EXPECT_EQ(found->longest, 3);
    EXPECT_EQ(found->head, 2);
    EXPECT_EQ(found->tail, 1);
    const auto all = token_silence(Tokens{9, 9}, {9});
    EXPECT_EQ(all->head, 2);
    EXPECT_EQ(all->tail, 2);
    EXPECT_FALSE(token_silence(Tokens{}, {9}).has_value());
}

}  // namespace
}  // namespace linvox
