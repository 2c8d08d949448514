#include "src/text/number_words.h"

#include <fmt/format.h>

#include <array>

#include "src/base/error.h"

namespace linvox {

namespace {

constexpr std::array<const char*, 20> kSmall = {"zero",    "one",     "two",       "three",    "four",
                                                "five",    "six",     "seven",     "eight",    "nine",
                                                "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                                "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::array<const char*, 10> kTens = {"",      "",      "twenty",  "thirty", "forty",
                                               "fifty", "sixty", "seventy", "eighty", "ninety"};
struct Scale {
    std::int64_t value;
    const char* name;
};
constexpr std::array<Scale, 6> kScales = {{{1'000'000'000'000'000, "quadrillion"},
                                           {1'000'000'000'000, "trillion"},
                                           {1'000'000'000, "billion"},
                                           {1'000'000, "million"},
                                           {1'000, "thousand"},
                                           {100, "hundred"}}};

void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
}

std::string ordinal_of(const std::string& word) {
    static const std::array<std::array<const char*, 2>, 7> irregular = {{{"one", "first"},
                                                                         {"two", "second"},
                                                                         {"three", "third"},
                                                                         {"five", "fifth"},
                                                                         {"eight", "eighth"},
                                                                         {"nine", "ninth"},
                                                                         {"twelve", "twelfth"}}};
    for (const auto& [cardinal, ordinal] : irregular) {
        if (word == cardinal) return ordinal;
    }
    if (word.back() == 'y') return word.substr(0, word.size() - 1) + "ieth";
    return word + "th";
}

}  // namespace

std::vector<std::string> number_words(std::int64_t value) {
    constexpr std::int64_t limit = 1'000'000'000'000'000'000;
    LINVOX_ASSERT(value > -limit && value < limit, "number_words({})", value);
    std::vector<std::string> words;
    if (value < 0) {
        words.push_back("minus");
        value = -value;
    }
    if (value == 0) return {"zero"};
    for (const Scale& scale : kScales) {
        if (value < scale.value) continue;
        append(words, number_words(value / scale.value));
        words.push_back(scale.name);
        value %= scale.value;
    }
    if (value >= 20) {
        words.push_back(kTens[static_cast<std::size_t>(value / 10)]);
        value %= 10;
    }
    if (value > 0) words.push_back(kSmall[static_cast<std::size_t>(value)]);
    return words;
}

std::vector<std::string> ordinal_words(std::int64_t value) {
    std::vector<std::string> words = number_words(value);
    words.back() = ordinal_of(words.back());
    return words;
}

std::vector<std::string> year_words(std::int64_t value) {
    LINVOX_ASSERT(value >= 1000 && value <= 9999, "year_words({})", value);
    const std::int64_t century = value / 100, year = value % 100;
    if (century % 10 == 0 && year < 10) return number_words(value);  // two thousand five
    std::vector<std::string> words = number_words(century);
    if (year == 0) {
        words.push_back("hundred");
        return words;
    }
    if (year < 10) words.push_back("oh");
    append(words, number_words(year));
    return words;
}

std::vector<std::string> digit_words(std::string_view digits) {
    std::vector<std::string> words;
    for (const char digit : digits) {
        LINVOX_ASSERT(digit >= '0' && digit <= '9', "digit_words(\"{}\")", digits);
        words.push_back(kSmall[static_cast<std::size_t>(digit - '0')]);
    }
    return words;
}

}  // namespace linvox
