#include "eval/length_rule.h"

#include <gtest/gtest.h>

namespace linvox {
namespace {

TEST(LengthRule, OverlapIsF1TimesTheRatioOfLengths) {
    EXPECT_DOUBLE_EQ(length_controlled_overlap("one two three four", "One two three four"), 1.0);
    // Two shared words: F1 = 2 * 2 / (2 + 4), lengths 2 : 4.
    EXPECT_DOUBLE_EQ(length_controlled_overlap("one two", "one two three four"), 2.0 / 3 / 2);
    // A repeated word counts as often as the preferred answer has it: 2 * 1 / (2 + 1), 1 : 2.
    EXPECT_DOUBLE_EQ(length_controlled_overlap("one one", "one"), 2.0 / 3 / 2);
    EXPECT_EQ(length_controlled_overlap("", "one"), 0);
}

TEST(LengthRule, PaddingDoesNotWin) {
    const std::string preferred = "one two three four", half = "one two x y";
    EXPECT_EQ(length_rule({preferred}, {preferred + " and some more words that are not asked for"}, preferred,
                          0.02),
              0);
    EXPECT_EQ(length_rule({half}, {preferred}, preferred, 0.02), 1);
    EXPECT_EQ(length_rule({preferred, false}, {half}, preferred, 0.02), 1);  // cut
    EXPECT_EQ(length_rule({half}, {"two one y x"}, preferred, 0.02), 0.5);
    EXPECT_EQ(length_rule({half}, {preferred}, preferred, 0.5), 0.5);
}

}  // namespace
}  // namespace linvox
