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
    CharacterRange{0x2002, 0x20CF},    // punctuation, currency
    CharacterRange{0x2100, 0x2125},    // letter-like
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

// Characters newer than Unicode 9 that form C of Unicode 18 moves or changes. Made with tokenizers
// 0.22.1 and unicodedata2: all marks with a combining class, canonical compositions and their parts where
// the two differ.
constexpr std::array kNewer = std::to_array<CharacterRange>(
    {{0x05C8, 0x05C9},   {0x07FD, 0x07FD},   {0x0897, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},
     {0x0C3C, 0x0C3C},   {0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x1715, 0x1715},   {0x1ABF, 0x1AF0},
     {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x105C9, 0x105C9}, {0x105D2, 0x105D2}, {0x105DA, 0x105DA},
     {0x105E4, 0x105E4}, {0x10D24, 0x10D27}, {0x10D69, 0x10D6D}, {0x10EAB, 0x10EAC}, {0x10ECB, 0x10ECF},
     {0x10EF0, 0x10EFB}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070},
     {0x1133B, 0x1133B}, {0x11382, 0x11385}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x11391},
     {0x113B8, 0x113B8}, {0x113BB, 0x113BB}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113C9},
     {0x113CE, 0x113D0}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11930, 0x11930}, {0x11935, 0x11935},
     {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
     {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97},
     {0x11F41, 0x11F42}, {0x1611E, 0x16129}, {0x1612F, 0x1612F}, {0x16D63, 0x16D63}, {0x16D67, 0x16D6A},
     {0x16FF0, 0x16FF1}, {0x1D127, 0x1D128}, {0x1D250, 0x1D252}, {0x1D25B, 0x1D25C}, {0x1D25F, 0x1D25F},
     {0x1D280, 0x1D281}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF},
     {0x1E4EC, 0x1E4EF}, {0x1E5EE, 0x1E5EF}, {0x1E6E3, 0x1E6E3}, {0x1E6E6, 0x1E6E6}, {0x1E6EE, 0x1E6EF},
     {0x1E6F5, 0x1E6F5}});

template <std::size_t N>
bool in_ranges(const std::array<CharacterRange, N>& ranges, char32_t c) {
    const auto after =
        std::upper_bound(ranges.begin(), ranges.end(), c,
                         [](char32_t point, const CharacterRange& r) { return point < r.first; });
    return after != ranges.begin() && c <= std::prev(after)->last;
}

void append_composed(std::string& out, std::string_view utf8) {
    if (utf8.empty()) return;
    utf8proc_uint8_t* composed = nullptr;
    const utf8proc_ssize_t length = utf8proc_map(
        reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()), static_cast<utf8proc_ssize_t>(utf8.size()),
        &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(composed, std::free);
    LINVOX_ASSERT(length >= 0, "utf8proc on {} bytes: {}", utf8.size(), utf8proc_errmsg(length));
    out.append(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length));
}

}  // namespace

bool nfc_inert(char32_t c) { return in_ranges(kInert, c); }

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
    std::string out;
    std::size_t done = 0;
    for (std::size_t at = 0; at < utf8.size();) {
        utf8proc_int32_t c = 0;
        const utf8proc_ssize_t length =
            utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()) + at,
                             static_cast<utf8proc_ssize_t>(utf8.size() - at), &c);
        LINVOX_ASSERT(length > 0, "nfc: byte {} of {} is not UTF-8", at, utf8.size());
        const auto end = at + static_cast<std::size_t>(length);
        if (in_ranges(kNewer, static_cast<char32_t>(c))) {
            append_composed(out, utf8.substr(done, at - done));
            out.append(utf8.substr(at, end - at));
            done = end;
        }
        at = end;
    }
    append_composed(out, utf8.substr(done));
    return out;
}

}  // namespace linvox
