#include "src/text/number_words.h"

#include <gtest/gtest.h>

#include "src/base/text.h"

namespace linvox {
namespace {

std::string cardinal(std::int64_t value) { return join(number_words(value), " "); }
std::string ordinal(std::int64_t value) { return join(ordinal_words(value), " "); }
std::string year(std::int64_t value) { return join(year_words(value), " "); }

TEST(NumberWords, Cardinals) {
    EXPECT_EQ(cardinal(0), "zero");
    EXPECT_EQ(cardinal(9), "nine");
    EXPECT_EQ(cardinal(13), "thirteen");
    EXPECT_EQ(cardinal(20), "twenty");
    EXPECT_EQ(cardinal(99), "ninety nine");
    EXPECT_EQ(cardinal(100), "one hundred");
    EXPECT_EQ(cardinal(101), "one hundred one");
    EXPECT_EQ(cardinal(1234), "one thousand two hundred thirty four");
    EXPECT_EQ(cardinal(1000000), "one million");
    EXPECT_EQ(cardinal(2000000017), "two billion seventeen");
    EXPECT_EQ(cardinal(-5), "minus five");
    EXPECT_EQ(cardinal(999'999'999'999'999'999).substr(0, 38), "nine hundred ninety nine quadrillion n");
}

TEST(NumberWords, Ordinals) {
    EXPECT_EQ(ordinal(1), "first");
    EXPECT_EQ(ordinal(2), "second");
    EXPECT_EQ(ordinal(3), "third");
    EXPECT_EQ(ordinal(4), "fourth");
    EXPECT_EQ(ordinal(5), "fifth");
    EXPECT_EQ(ordinal(8), "eighth");
    EXPECT_EQ(ordinal(9), "ninth");
    EXPECT_EQ(ordinal(12), "twelfth");
    EXPECT_EQ(ordinal(20), "twentieth");
    EXPECT_EQ(ordinal(40), "fortieth");
    EXPECT_EQ(ordinal(21), "twenty first");
    EXPECT_EQ(ordinal(100), "one hundredth");
}

TEST(NumberWords, YearsAndDigits) {
    EXPECT_EQ(year(1995), "nineteen ninety five");
    EXPECT_EQ(year(1905), "nineteen oh five");
    EXPECT_EQ(year(1900), "nineteen hundred");
    EXPECT_EQ(year(2000), "two thousand");
    EXPECT_EQ(year(2005), "two thousand five");
    EXPECT_EQ(year(2026), "twenty twenty six");
    EXPECT_EQ(join(digit_words("4205"), " "), "four two zero five");
}

}  // namespace
}  // namespace linvox
