// Small string helpers. No locale, no regular expressions; text is UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// Splits at every `separator`; empty fields are kept, so "a,,b" gives three.
std::vector<std::string> split(std::string_view text, char separator);

/// Splits at runs of ASCII white space; no empty fields.
std::vector<std::string> split_words(std::string_view text);

/// Without leading and trailing ASCII white space.
std::string trim(std::string_view text);

/// ASCII letters to lower case, other bytes unchanged.
std::string to_lower(std::string_view text);

/// An ASCII digit.
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Damerau-Levenshtein distance (adjacent transposition costs 1) over bytes.
std::size_t damerau_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `name` within about a third of its length, or "".
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// The code points of UTF-8 text; throws DataError at the first invalid byte, naming its offset.
std::vector<char32_t> code_points(std::string_view utf8);

/// "1 h 02 min", "3 min 05 s", "12.3 s", "45 ms".
std::string format_seconds(double seconds);

}  // namespace linvox
