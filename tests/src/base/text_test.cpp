// String helpers against values worked out by hand.
#include "src/base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "src/base/error.h"

namespace linvox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

TEST(Text, JoinAndSplitUndoEachOther) {
    EXPECT_EQ(join({"a", "", "b"}, ","), "a,,b");
    EXPECT_EQ(join({}, ","), "");
    EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
    EXPECT_THAT(split(",", ','), ElementsAre("", ""));
    EXPECT_THAT(split("", ','), ElementsAre(""));
}

TEST(Text, WordsAndTrimUseAsciiSpaceOnly) {
    EXPECT_THAT(split_words("  one\t two\r\n\v\fthree "), ElementsAre("one", "two", "three"));
    EXPECT_THAT(split_words(" \n"), IsEmpty());
    EXPECT_EQ(trim("\t a b \r\n"), "a b");
    EXPECT_EQ(trim(" \t "), "");
    EXPECT_EQ(trim("\xc2\xa0x"), "\xc2\xa0x");  // no-break space is text
    EXPECT_THAT(split_words("a\xc2\x85z"), ElementsAre("a\xc2\x85z"));
}

TEST(Text, LowerTouchesAsciiLettersOnly) { EXPECT_EQ(to_lower("AZ[@\xc3\x84z"), "az[@\xc3\x84z"); }

// The values of the usual examples; "ca" to "abc" is 2 only when edits may stand between the two
// swapped letters (the restricted form gives 3).
TEST(Text, DamerauDistance) {
    EXPECT_EQ(damerau_distance("", ""), 0u);
    EXPECT_EQ(damerau_distance("", "abc"), 3u);
    EXPECT_EQ(damerau_distance("abc", ""), 3u);
    EXPECT_EQ(damerau_distance("same", "same"), 0u);
    EXPECT_EQ(damerau_distance("stpes", "steps"), 1u);
    EXPECT_EQ(damerau_distance("dop", "dpo"), 1u);
    EXPECT_EQ(damerau_distance("kitten", "sitting"), 3u);
    EXPECT_EQ(damerau_distance("ca", "abc"), 2u);
    EXPECT_EQ(damerau_distance("abc", "ca"), 2u);
    EXPECT_EQ(damerau_distance("\xff\x80", "\x80\xff"), 1u);
}

TEST(Text, NearestNameStaysWithinAThird) {
    const std::vector<std::string> names = {"dpo", "ipo", "lpo", "learning_rate"};
    EXPECT_EQ(nearest_name("dop", names), "dpo");
    EXPECT_EQ(nearest_name("DPO", names), "dpo");
    EXPECT_EQ(nearest_name("lerning_rat", names), "learning_rate");
    EXPECT_EQ(nearest_name("learning", names), "");
    EXPECT_EQ(nearest_name("xyz", names), "");
    EXPECT_EQ(nearest_name("x", {"y"}), "");
    EXPECT_EQ(nearest_name("xpo", names), "dpo");  // the first of equals
    EXPECT_EQ(nearest_name("", names), "");
    EXPECT_EQ(nearest_name("dpo", {}), "");
}

TEST(Text, CodePointsOfValidText) {
    EXPECT_THAT(code_points("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                ElementsAre(U'a', U'\u00e9', U'\u20ac', U'\U0001f600'));
    EXPECT_THAT(code_points(std::string_view("\0", 1)), ElementsAre(U'\0'));
    EXPECT_THAT(code_points("\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80"),
                ElementsAre(U'\U0010ffff', U'\ud7ff', U'\ue000'));
}

TEST(Text, CodePointsRefuseInvalidTextWithItsOffset) {
    EXPECT_THAT([] { code_points("ok\xff"); }, ThrowsMessage<DataError>(HasSubstr("byte 2 (0xff)")));
    const std::vector<std::string> invalid = {
        "\x80",              // continuation first
        "\xc3",              // cut
        "\xe2\x82",          // cut
        "\xc3(",             // no continuation
        "\xc0\xaf",          // overlong
        "\xe0\x80\xaf",      // overlong
        "\xf0\x80\x80\xaf",  // overlong
        "\xed\xa0\x80",      // surrogate
        "\xf4\x90\x80\x80",  // beyond 0x10ffff
        "\xf5\x80\x80\x80",  // no such lead
    };
    for (const std::string& bytes : invalid)
        EXPECT_THROW(code_points(bytes), DataError) << testing::PrintToString(bytes);
}

TEST(Text, FormatSeconds) {
    EXPECT_EQ(format_seconds(0), "0 ms");
    EXPECT_EQ(format_seconds(0.045), "45 ms");
    EXPECT_EQ(format_seconds(0.9999), "1.0 s");
    EXPECT_EQ(format_seconds(12.34), "12.3 s");
    EXPECT_EQ(format_seconds(59.94), "59.9 s");
    EXPECT_EQ(format_seconds(59.96), "1 min 00 s");
    EXPECT_EQ(format_seconds(185.4), "3 min 05 s");
    EXPECT_EQ(format_seconds(3599.6), "1 h 00 min");
    EXPECT_EQ(format_seconds(3725), "1 h 02 min");
    EXPECT_EQ(format_seconds(360000), "100 h 00 min");
    EXPECT_EQ(format_seconds(-1), "?");
    EXPECT_EQ(format_seconds(std::nan("")), "?");
    EXPECT_EQ(format_seconds(std::numeric_limits<double>::infinity()), "?");
}

}  // namespace
}  // namespace linvox
