#include "src/text/unicode.h"

#include <clocale>
#include <cwctype>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {

namespace {

locale_t unicode_locale() {
    static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (locale == nullptr) {
        throw UserError(
            "the C library has no locale C.UTF-8, which text preparation needs; install glibc 2.35 or newer");
    }
    return locale;
}

/// The plain form of a typographic character, or nullptr.
const char* plain_form(char32_t c) {
    switch (c) {
        case U'\u2018':
        case U'\u2019':
        case U'\u201A':
        case U'\u201B':
        case U'\u02BC':
        case U'\u2032':
        case U'\u00B4':
        case U'`':
            return "'";
        case U'\u201C':
        case U'\u201D':
        case U'\u201E':
        case U'\u201F':
        case U'\u00AB':
        case U'\u00BB':
        case U'\u2033':
            return "\"";
        case U'\u2010':
        case U'\u2011':
            return "-";
        case U'\u2012':
        case U'\u2013':
        case U'\u2014':
        case U'\u2015':
            return " - ";
        case U'\u2212':
            return "-";
        case U'\u2026':
            return "...";
        case U'\u00D7':
            return " x ";
        case U'\uFB00':
            return "ff";
        case U'\uFB01':
            return "fi";
        case U'\uFB02':
            return "fl";
        case U'\uFB03':
            return "ffi";
        case U'\uFB04':
            return "ffl";
        case U'\u00A0':
        case U'\u1680':
        case U'\u2028':
        case U'\u2029':
        case U'\u202F':
        case U'\u205F':
        case U'\u3000':
            return " ";
        case U'\u00AD':
        case U'\u200B':
        case U'\u200C':
        case U'\u200D':
        case U'\u2060':
        case U'\uFEFF':
            return "";
        default:
            return nullptr;
    }
}

// Letters of U+00C0 to U+017F without accents; '*' marks those of kDigraphs.
constexpr char32_t kFirstAccent = 0xC0, kLastAccent = 0x17F;
constexpr std::string_view kPlainLetters =
    "AAAAAA*CEEEEIIIIDNOOOOO?OUUUUY**aaaaaa*ceeeeiiiidnooooo?ouuuuy*y"
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi**JjKkkLlLlLlL"
    "lLlNnNnNnnNnOoOoOo**RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
static_assert(kPlainLetters.size() == kLastAccent - kFirstAccent + 1);

const char* digraph(char32_t c) {
    switch (c) {
        case U'\u00C6':
            return "AE";
        case U'\u00DE':
            return "Th";
        case U'\u00DF':
            return "ss";
        case U'\u00E6':
            return "ae";
        case U'\u00FE':
            return "th";
        case U'\u0132':
            return "IJ";
        case U'\u0133':
            return "ij";
        case U'\u0152':
            return "OE";
        case U'\u0153':
            return "oe";
        default:
            return "";
    }
}

}  // namespace

void append_utf8(std::string& out, char32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xF0 | (c >> 18));
        out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
}

char32_t lower_case(char32_t c) {
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return static_cast<char32_t>(towlower_l(static_cast<wint_t>(c), unicode_locale()));
}

bool is_word_character(char32_t c) {
    if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return iswalnum_l(static_cast<wint_t>(c), unicode_locale()) != 0;
}

bool is_cjk(char32_t c) {
    return (c >= 0x3041 && c <= 0x3096) || (c >= 0x30A1 && c <= 0x30FA) ||  // kana
           (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||  // ideographs
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x323AF);
}

std::string fold_typography(std::string_view utf8) {
    std::string out;
    for (const char32_t c : code_points(utf8)) {
        if (const char* plain = plain_form(c)) {
            out += plain;
        } else if (c >= 0xFF01 && c <= 0xFF5E) {
            out += static_cast<char>(c - 0xFF01 + '!');
        } else {
            append_utf8(out, c);
        }
    }
    return out;
}

std::string fold_accents(std::string_view utf8) {
    std::string out;
    for (const char32_t c : code_points(utf8)) {
        const bool accented = c >= kFirstAccent && c <= kLastAccent;
        const char plain = accented ? kPlainLetters[c - kFirstAccent] : '?';
        if (plain == '*') {
            out += digraph(c);
        } else if (plain != '?') {
            out += plain;
        } else {
            append_utf8(out, c);
        }
    }
    return out;
}

std::string plain_words(const std::vector<char32_t>& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool inside =
            i > 0 && i + 1 < text.size() && is_word_character(text[i - 1]) && is_word_character(text[i + 1]);
        if (is_cjk(text[i])) {
            out += ' ';
            append_utf8(out, text[i]);
            out += ' ';
        } else if (is_word_character(text[i]) || (text[i] == U'\'' && inside)) {
            append_utf8(out, lower_case(text[i]));
        } else {
            out += ' ';
        }
    }
    return join(split_words(out), " ");
}

}  // namespace linvox
