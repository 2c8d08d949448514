#include "src/text/nfc.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "src/base/error.h"

namespace linvox {
namespace {

struct CharacterRange {
    char32_t first, last;
};

// Combining class 0, unchanged by form C, never the second half of a composition
// (DerivedNormalizationProps.txt: NFC_Quick_Check=Yes). The test checks each against utf8proc.
constexpr std::array kInert = {
    CharacterRange{0x0000, 0x02FF},    // Latin
    CharacterRange{0x0391, 0x0482},    // Greek and Cyrillic letters
    CharacterRange{0x048A, 0x052F},    // Cyrillic
    CharacterRange{0x0620, 0x064A},    // Arabic letters
    CharacterRange{0x0660, 0x066F},    // Arabic digits
    CharacterRange{0x0671, 0x06D3},    // Arabic letters
    CharacterRange{0x1E00, 0x1EFF},    // Latin
    CharacterRange{0x2002, 0x2125},    // punctuation, currency, letter-like
    CharacterRange{0x2190, 0x2328},    // arrows, mathematics
    CharacterRange{0x232B, 0x2ADB},    // technical, boxes, dingbats
    CharacterRange{0x3000, 0x3029},    // CJK punctuation
    CharacterRange{0x3030, 0x3098},    // hiragana
    CharacterRange{0x309B, 0x31FF},    // katakana, bopomofo
    CharacterRange{0x3400, 0x9FFC},    // ideographs
    CharacterRange{0xAC00, 0xD7A3},    // hangul syllables
    CharacterRange{0xFE10, 0xFE19},    // vertical forms
    CharacterRange{0xFF00, 0xFFEF},    // full-width forms
    CharacterRange{0x1F300, 0x1FAFF},  // pictographs
    CharacterRange{0x20000, 0x2A6DD},  // ideographs
};

}  // namespace

bool nfc_inert(char32_t c) {
    const auto after =
        std::upper_bound(kInert.begin(), kInert.end(), c,
                         [](char32_t point, const CharacterRange& r) { return point < r.first; });
    return after != kInert.begin() && c <= std::prev(after)->last;
}

bool surely_nfc(std::string_view utf8) {
    const auto byte = [&](std::size_t i) {
        return static_cast<char32_t>(static_cast<unsigned char>(utf8[i]));
    };
    const auto tail = [&](std::size_t i) { return byte(i) & 0x3F; };
    for (std::size_t at = 0; at < utf8.size();) {
        const char32_t lead = byte(at);
        if (lead < 0xCC) {  // below U+0300
            at += lead < 0x80 ? 1 : 2;
        } else if (lead >= 0xE4 && lead <= 0xE8) {  // U+4000 to U+8FFF: ideographs
            at += 3;
        } else if (lead < 0xE0) {
            if (!nfc_inert((lead & 0x1F) << 6 | tail(at + 1))) return false;
            at += 2;
        } else if (lead < 0xF0) {
            if (!nfc_inert((lead & 0x0F) << 12 | tail(at + 1) << 6 | tail(at + 2))) return false;
            at += 3;
        } else {
            if (!nfc_inert((lead & 0x07) << 18 | tail(at + 1) << 12 | tail(at + 2) << 6 | tail(at + 3)))
                return false;
            at += 4;
        }
    }
    return true;
}

std::string nfc(std::string_view utf8) {
    utf8proc_uint8_t* composed = nullptr;
    const utf8proc_ssize_t length = utf8proc_map(
        reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()), static_cast<utf8proc_ssize_t>(utf8.size()),
        &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(composed, std::free);
    LINVOX_ASSERT(length >= 0, "utf8proc on {} bytes: {}", utf8.size(), utf8proc_errmsg(length));
    return {reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length)};
}

}  // namespace linvox
