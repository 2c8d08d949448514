#include "src/text/error_rate_normalise.h"

#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/text/unicode.h"

namespace linvox {

namespace {

bool is_cjk_punctuation(char32_t c) {
    return (c >= 0x3001 && c <= 0x303F) || (c >= 0xFF01 && c <= 0xFF0F) || (c >= 0xFF1A && c <= 0xFF20) ||
           (c >= 0xFF3B && c <= 0xFF40) || (c >= 0xFF5B && c <= 0xFF65) || (c >= 0x2010 && c <= 0x201F) ||
           c == 0x2026 || c == 0x00B7;
}

bool is_ascii_punctuation(char32_t c) {
    return (c >= 0x21 && c <= 0x2F) || (c >= 0x3A && c <= 0x40) || (c >= 0x5B && c <= 0x60) ||
           (c >= 0x7B && c <= 0x7E);
}

std::string collapse_spaces(std::string_view text) { return join(split_words(text), " "); }

std::string seedtts_en(std::string_view utf8) {
    std::string out;
    for (const char32_t c : code_points(utf8)) {
        const bool punctuation = is_ascii_punctuation(c) || is_cjk_punctuation(c);
        if (c == U'\'' || !punctuation) append_utf8(out, lower_case(c));
    }
    std::string spaced;  // one pass of "  " -> " ", so three spaces become two
    for (std::size_t i = 0; i < out.size(); ++i) {
        spaced += out[i];
        if (out[i] == ' ' && i + 1 < out.size() && out[i + 1] == ' ') ++i;
    }
    return spaced;
}

/// Text without <..>, [..] and (..); an opening bracket without its partner stays.
std::vector<char32_t> without_brackets(const std::vector<char32_t>& text) {
    std::vector<char32_t> out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char32_t close = text[i] == U'<' ? U'>' : text[i] == U'[' ? U']' : text[i] == U'(' ? U')' : 0;
        std::size_t end = i;
        while (close != 0 && end < text.size() && text[end] != close) ++end;
        if (close != 0 && end < text.size()) {
            out.push_back(U' ');
            i = end;
        } else {
            out.push_back(text[i]);
        }
    }
    return out;
}

}  // namespace

const std::vector<std::string>& error_rate_normalisers() {
    static const std::vector<std::string> names = {"none", "strip", "seedtts_en", "linvox"};
    return names;
}

std::string error_rate_normalise(std::string_view utf8, std::string_view normaliser) {
    if (normaliser == "none") return std::string(utf8);
    if (normaliser == "strip") return collapse_spaces(utf8);
    if (normaliser == "seedtts_en") return seedtts_en(utf8);
    if (normaliser == "linvox") return plain_words(without_brackets(code_points(fold_typography(utf8))));
    throw UserError(fmt::format("the error-rate normaliser '{}' is not one of {}", normaliser,
                                join(error_rate_normalisers(), " ")));
}

}  // namespace linvox
