// The few properties of Unicode characters that text preparation needs: case, letters, CJK,
// and plain forms of typographic characters. Not a normalisation library: NFKC is not done, only
// full-width forms, ligatures, quotes, dashes and spaces are folded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace linvox {

void append_utf8(std::string& out, char32_t c);

/// Simple lower case (C.UTF-8 tables of the C library).
char32_t lower_case(char32_t c);
/// Letters, digits and combining marks that belong to words.
bool is_word_character(char32_t c);
/// Ideographs and kana: written without spaces, one word each here. Hangul has spaces and is none.
bool is_cjk(char32_t c);

/// Typographic characters in plain form: quotes and dashes to ' " -, full-width forms to ASCII, ligatures
/// taken apart, odd spaces to ' ', zero-width characters dropped, the ellipsis to "...".
std::string fold_typography(std::string_view utf8);

/// Latin letters without their accents, "ß" to "ss". Other characters unchanged.
std::string fold_accents(std::string_view utf8);

/// Word characters in lower case and the apostrophes inside words; CJK characters apart; everything else
/// to single spaces.
std::string plain_words(const std::vector<char32_t>& text);

}  // namespace linvox
