#include "src/text/utf8.h"

#include <gtest/gtest.h>

#include "src/text/byte_letters.h"

namespace linvox {
namespace {

using namespace std::string_literals;

TEST(Utf8, WholeTextIsKept) {
    for (const std::string& text :
         {""s, "plain"s, "caf\u00e9 \u4eca \U0001F600 a long line of ASCII"s, "a\0b"s}) {
        EXPECT_TRUE(is_utf8(text));
        EXPECT_EQ(repair_utf8(text), text);
    }
}

// Python 3.11.7: bytes.decode("utf-8", "replace") of the same bytes.
TEST(Utf8, EveryBrokenPartBecomesOneReplacement) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"\xff", "\uFFFD"},
        {"a\x80z", "a\uFFFDz"},
        {"\xc3", "\uFFFD"},
        {"\xc3(", "\uFFFD("},
        {"\xc0\xaf", "\uFFFD\uFFFD"},                      // overlong
        {"\xe0\x80\xaf", "\uFFFD\uFFFD\uFFFD"},            // overlong
        {"\xe4\xbb", "\uFFFD"},                            // cut
        {"\xe4\xbb\xe4\xbb\x8a", "\uFFFD\u4eca"},          // cut, then whole
        {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},            // surrogate
        {"\xf0\x9f\x98", "\uFFFD"},                        // cut
        {"\xf0\x9f\x98 x", "\uFFFD x"},                    // cut
        {"\xf0\x80\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},  // overlong
        {"\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},  // beyond U+10FFFF
        {"\xf5\x80", "\uFFFD\uFFFD"},
        {"twelve bytes\xff and more", "twelve bytes\uFFFD and more"},
    };
    for (const auto& [bytes, text] : cases) {
        EXPECT_FALSE(is_utf8(bytes));
        EXPECT_EQ(repair_utf8(bytes), text);
        EXPECT_TRUE(is_utf8(repair_utf8(bytes)));
    }
}

TEST(ByteLetters, AreThoseOfGpt2) {
    EXPECT_EQ(to_byte_letters(" a\n"), "\u0120a\u010A");
    EXPECT_EQ(to_byte_letters("\x7f\xad\xff"), "\u0121\u0143\u00FF");
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    EXPECT_EQ(from_byte_letters(to_byte_letters(all)), all);
    EXPECT_FALSE(from_byte_letters("a b"));
    EXPECT_FALSE(from_byte_letters("\u0144"));
    EXPECT_FALSE(from_byte_letters("\u4eca"));
}

}  // namespace
}  // namespace linvox
