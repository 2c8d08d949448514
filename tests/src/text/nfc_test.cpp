#include "src/text/nfc.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include "src/text/unicode.h"

namespace linvox {
namespace {

std::string utf8_of(std::initializer_list<char32_t> points) {
    std::string out;
    for (const char32_t c : points) append_utf8(out, c);
    return out;
}

TEST(Nfc, ComposesReordersAndReplaces) {
    EXPECT_EQ(nfc(""), "");
    EXPECT_EQ(nfc("cafe\u0301!"), "caf\u00e9!");
    EXPECT_EQ(nfc("a\u0307\u0323"), nfc("a\u0323\u0307"));
    EXPECT_EQ(nfc("\u212b\u2126"), "\u00c5\u03a9");
    EXPECT_EQ(nfc("\u304b\u3099"), "\u304c");
    EXPECT_EQ(nfc("\u1100\u1161\u11a8"), "\uac01");
    EXPECT_EQ(nfc("\ufb01\u00bd"), "\ufb01\u00bd");  // compatibility forms stay
}

// U+1AC7 and U+0899 came with Unicode 14. tokenizers 0.22.1: normalizers.NFC().normalize_str leaves both
// orders as they are, although the first has a lower class than U+0345 and U+0650.
TEST(Nfc, CharactersNewerThanUnicode9StayInPlace) {
    for (const std::string text : {"a\u0345\u1ac7", "a\u1ac7\u0345", "a\u0650\u0899\u064e"})
        EXPECT_EQ(nfc(text), text);
    EXPECT_EQ(nfc("e\u0301\u1ac7e\u0301"), "\u00e9\u1ac7\u00e9");
}

TEST(Nfc, ShortcutNeverSaysYesWrongly) {
    for (char32_t c = 0; c < 0x110000; ++c) {
        if ((c >= 0xD800 && c < 0xE000)) continue;
        const auto point = static_cast<utf8proc_int32_t>(c);
        if (nfc_inert(c)) {
            const std::string text = utf8_of({c});
            EXPECT_EQ(nfc(text), text) << std::hex << static_cast<unsigned>(c);
            EXPECT_EQ(utf8proc_get_property(point)->combining_class, 0)
                << std::hex << static_cast<unsigned>(c);
        }
        // The second half of a canonical composition must not be inert.
        utf8proc_int32_t parts[8];
        int boundary = 0;
        const auto count = utf8proc_decompose_char(point, parts, 8, UTF8PROC_DECOMPOSE, &boundary);
        if (count < 2 || nfc(utf8_of({c})) != utf8_of({c})) continue;
        EXPECT_FALSE(nfc_inert(static_cast<char32_t>(parts[count - 1]))) << std::hex << parts[count - 1];
    }
}

TEST(Nfc, ShortcutSeesCommonText) {
    for (const char* text :
         {"plain", "na\u00efve \u0416\u0451", "\u4eca\u5929\uff0c\u3053\u3093", "\uc548\ub155", "\U0001F600"})
        EXPECT_TRUE(surely_nfc(text)) << text;
    for (const char* text :
         {"e\u0301", "\u304b\u3099", "\u212b", "\u1100\u1161", "\u05e9\u05c1", "\U0001D15E"})
        EXPECT_FALSE(surely_nfc(text)) << text;
}

}  // namespace
}  // namespace linvox
