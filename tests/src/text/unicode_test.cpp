#include "src/text/unicode.h"

#include <gtest/gtest.h>

#include "src/base/text.h"

namespace linvox {
namespace {

TEST(Unicode, Utf8OfEveryLength) {
    std::string out;
    for (const char32_t c : {U'a', U'\u00E9', U'\u20AC', U'\U0001F600'}) append_utf8(out, c);
    EXPECT_EQ(out, "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    EXPECT_EQ(code_points(out), (std::vector<char32_t>{U'a', U'\u00E9', U'\u20AC', U'\U0001F600'}));
}

TEST(Unicode, CaseAndClasses) {
    EXPECT_EQ(lower_case(U'A'), U'a');
    EXPECT_EQ(lower_case(U'\u00C4'), U'\u00E4');
    EXPECT_EQ(lower_case(U'\u0416'), U'\u0436');
    EXPECT_TRUE(is_word_character(U'\u00E9'));
    EXPECT_TRUE(is_word_character(U'\u0436'));
    EXPECT_FALSE(is_word_character(U'\u20AC'));
    EXPECT_FALSE(is_word_character(U'\u3002'));
    EXPECT_TRUE(is_cjk(U'\u4F60'));
    EXPECT_TRUE(is_cjk(U'\u3042'));
    EXPECT_FALSE(is_cjk(U'\uAC00'));
}

TEST(Unicode, TypographyAndAccents) {
    EXPECT_EQ(fold_typography("\xE2\x80\x98"
                              "a"
                              "\xE2\x80\x99\xE2\x80\xA6\xC2\xA0\xEF\xBC\xA1\xEF\xAC\x81\xE2\x80\x8B"),
              "'a'... Afi");
    EXPECT_EQ(fold_accents("\xC3\x89t\xC3\xA9 \xC5\x81\xC3\xB3"
                           "d\xC5\xBA stra\xC3\x9F"
                           "e \xC5\x93uvre \xC3\x97"),
              "Ete Lodz strasse oeuvre \xC3\x97");
}

TEST(Unicode, PlainWords) {
    EXPECT_EQ(plain_words(code_points("It's A-B, 'quoted' x'")), "it's a b quoted x");
}

}  // namespace
}  // namespace linvox
