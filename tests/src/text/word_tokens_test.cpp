#include "src/text/word_tokens.h"

#include <gmock/gmock.h>

namespace linvox {
namespace {

using testing::ElementsAre;

TEST(WordTokens, NumbersStandLeastSignificantDigitFirst) {
    EXPECT_THAT(word_tokens("Tom has 37 apples."), ElementsAre("Tom", "has", "7", "3", "apples", "."));
    EXPECT_THAT(word_tokens("1,000.5"), ElementsAre("5", "<.>", "0", "0", "0", "<,>", "1"));
    EXPECT_THAT(word_tokens("#### 42\n"), ElementsAre("####", "2", "4", "\n"));
}

TEST(WordTokens, SignsAndNeighbouringNumbersAreKeptApart) {
    EXPECT_THAT(word_tokens("-5 - 12"), ElementsAre("<->", "5", "-", "2", "1"));
    EXPECT_THAT(word_tokens("12 34"), ElementsAre("2", "1", "<_>", "4", "3"));
    EXPECT_THAT(word_tokens("it's 5."), ElementsAre("it's", "5", "."));
}

TEST(WordTokens, TextComesBackAndItsTokensStay) {
    for (const std::string text :
         {"Mia has 37 shells. How many?\n37 + 8 = 45\n#### 45", "It costs $1,000.50, or 5% of (2 + 3)!",
          "12 34 56", "x = -3", "Zo\u00eb's 3 \u20ac"}) {
        const auto tokens = word_tokens(text);
        EXPECT_EQ(word_tokens(join_word_tokens(tokens)), tokens) << text;
    }
    EXPECT_EQ(join_word_tokens(word_tokens("Mia has 37 shells.\n37 + 8 = 45")),
              "Mia has 37 shells.\n37 + 8 = 45");
    EXPECT_EQ(join_word_tokens(word_tokens("$1,000.50 (5%)")), "$1,000.50 (5%)");
}

}  // namespace
}  // namespace linvox
