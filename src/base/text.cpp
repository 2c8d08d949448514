// Small string helpers; see text.h. Not a Unicode library: case and white space are ASCII only.
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "src/base/error.h"

namespace linvox {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The length of the sequence that starts with `lead`, or 0 when no sequence starts so.
std::size_t sequence_length(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead < 0xe0) return 2;
    if (lead >= 0xe0 && lead < 0xf0) return 3;
    if (lead >= 0xf0 && lead < 0xf5) return 4;
    return 0;
}

// The code point at `at`, which moves past it; false for bytes that are not UTF-8.
bool next_code_point(std::string_view utf8, std::size_t& at, char32_t& out) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(utf8[i]); };
    const std::size_t length = sequence_length(byte(at));
    if (length == 0 || at + length > utf8.size()) return false;
    static constexpr std::array<unsigned char, 5> kLeadMask = {0, 0x7f, 0x1f, 0x0f, 0x07};
    char32_t value = byte(at) & kLeadMask[length];
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xc0) != 0x80) return false;
        value = (value << 6) | (byte(at + i) & 0x3f);
    }
    static constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = value >= 0xd800 && value < 0xe000;
    if (value < kSmallest[length] || value > 0x10ffff || surrogate) return false;
    out = value;
    at += length;
    return true;
}

}  // namespace

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string joined;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) joined += separator;
        joined += parts[i];
    }
    return joined;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> fields;
    for (;;) {
        const std::size_t end = text.find(separator);
        fields.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return fields;
        text.remove_prefix(end + 1);
    }
}

std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    auto at = text.begin();
    while (true) {
        at = std::find_if_not(at, text.end(), is_space);
        if (at == text.end()) return words;
        const auto end = std::find_if(at, text.end(), is_space);
        words.emplace_back(at, end);
        at = end;
    }
}

std::string trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return std::string(text);
}

std::string to_lower(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

// Lowrance and Wagner (1975): edits may also fall between the two swapped letters.
std::size_t damerau_distance(std::string_view a, std::string_view b) {
    const std::size_t rows = a.size() + 2, columns = b.size() + 2, infinite = a.size() + b.size();
    std::vector<std::size_t> table(rows * columns);
    const auto cell = [&](std::size_t i, std::size_t j) -> std::size_t& { return table[i * columns + j]; };
    for (std::size_t i = 0; i < rows; ++i) cell(i, 0) = infinite, cell(i, 1) = i == 0 ? infinite : i - 1;
    for (std::size_t j = 1; j < columns; ++j) cell(0, j) = infinite, cell(1, j) = j - 1;

    std::array<std::size_t, 256> last_row_of{};  // the last row whose letter this is; 0 for none
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t last_match_column = 0;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t k = last_row_of[static_cast<unsigned char>(b[j - 1])], l = last_match_column;
            const bool same = a[i - 1] == b[j - 1];
            if (same) last_match_column = j;
            const std::size_t swapped = cell(k, l) + (i - k - 1) + 1 + (j - l - 1);
            cell(i + 1, j + 1) =
                std::min({cell(i, j) + !same, cell(i + 1, j) + 1, cell(i, j + 1) + 1, swapped});
        }
        last_row_of[static_cast<unsigned char>(a[i - 1])] = i;
    }
    return cell(a.size() + 1, b.size() + 1);
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
    const std::string lower = to_lower(name);
    std::size_t best = std::max<std::size_t>(1, (name.size() + 1) / 3) + 1;
    best = std::min(best, name.size());  // a replaced name is not a misspelt one
    std::string nearest;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = damerau_distance(lower, to_lower(candidate));
        if (distance < best) best = distance, nearest = candidate;
    }
    return nearest;
}

std::vector<char32_t> code_points(std::string_view utf8) {
    std::vector<char32_t> points;
    points.reserve(utf8.size());
    for (std::size_t at = 0; at < utf8.size();) {
        char32_t point = 0;
        LINVOX_REQUIRE(next_code_point(utf8, at, point), DataError,
                       "byte {} (0x{:02x}) is not valid UTF-8; save the text as UTF-8", at,
                       static_cast<unsigned>(static_cast<unsigned char>(utf8[at])));
        points.push_back(point);
    }
    return points;
}

std::string format_seconds(double seconds) {
    if (!std::isfinite(seconds) || seconds < 0) return "?";
    // Each border is where the smaller unit would round up to a whole larger one.
    if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000);
    if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<std::int64_t>(std::llround(std::min(seconds, 1e15)));
    if (whole < 3600) return fmt::format("{} min {:02d} s", whole / 60, whole % 60);
    const std::int64_t minutes = (whole + 30) / 60;
    return fmt::format("{} h {:02d} min", minutes / 60, minutes % 60);
}

}  // namespace linvox
