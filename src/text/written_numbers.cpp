#include "src/text/written_numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "src/base/text.h"
#include "src/text/number_words.h"

namespace linvox {

namespace {

using Words = std::vector<std::string>;
using MaybeWords = std::optional<Words>;

struct Currency {
    std::string_view sign, one, many, cent, cents;
};
constexpr std::array<Currency, 3> kCurrencies = {{{"$", "dollar", "dollars", "cent", "cents"},
                                                  {"\xC2\xA3", "pound", "pounds", "penny", "pence"},
                                                  {"\xE2\x82\xAC", "euro", "euros", "cent", "cents"}}};

constexpr std::size_t kMostDigits = 18;  // number_words() reads no more

bool all_digits(std::string_view s) { return !s.empty() && std::all_of(s.begin(), s.end(), is_digit); }

std::string without_commas(std::string_view s) {
    std::string out(s);
    std::erase(out, ',');
    return out;
}

std::int64_t to_integer(std::string_view digits) {
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

void append(Words& words, const Words& more) { words.insert(words.end(), more.begin(), more.end()); }

Words read_decimal(std::string_view whole, std::string_view part) {
    Words words;
    if (!whole.empty()) words = number_words(to_integer(without_commas(whole)));
    if (part.empty()) return words;
    words.push_back("point");
    append(words, digit_words(part));
    return words;
}

Words read_amount(const std::string& whole, std::string_view part, const Currency& currency) {
    if (!part.empty() && part.size() != 2) {
        Words words = read_decimal(whole, part);
        words.emplace_back(currency.many);
        return words;
    }
    const std::int64_t units = to_integer(whole), cents = part.empty() ? 0 : to_integer(part);
    Words words;
    if (units != 0 || cents == 0) {
        words = number_words(units);
        words.emplace_back(units == 1 ? currency.one : currency.many);
    }
    if (cents != 0) {
        append(words, number_words(cents));
        words.emplace_back(cents == 1 ? currency.cent : currency.cents);
    }
    return words;
}

std::optional<ReadNumber> read_money(std::string_view s, std::string_view next_token) {
    for (const Currency& currency : kCurrencies) {
        if (!s.starts_with(currency.sign)) continue;
        s.remove_prefix(currency.sign.size());
        const std::size_t stop = s.find('.');
        const std::string whole = without_commas(s.substr(0, stop));
        const std::string_view part = stop == std::string_view::npos ? "" : s.substr(stop + 1);
        if (!all_digits(whole) || whole.size() > kMostDigits || (!part.empty() && !all_digits(part))) {
            return std::nullopt;
        }
        for (const std::string_view scale : {"thousand", "million", "billion", "trillion"}) {
            if (to_lower(next_token) != scale) continue;
            Words words = read_decimal(whole, part);
            words.emplace_back(scale);
            words.emplace_back(currency.many);
            return ReadNumber{std::move(words), true};
        }
        return ReadNumber{read_amount(whole, part, currency), false};
    }
    return std::nullopt;
}

/// "10:30", "9:05pm", "5pm".
MaybeWords read_time(std::string_view s) {
    const std::string half = s.size() > 2 ? to_lower(s.substr(s.size() - 2)) : "";
    const bool has_half = half == "am" || half == "pm";
    if (has_half) s.remove_suffix(2);
    const std::size_t colon = s.find(':');
    const bool has_minute = colon != std::string_view::npos;
    const std::string_view hour = s.substr(0, colon), minute = has_minute ? s.substr(colon + 1) : "";
    if (!all_digits(hour) || hour.size() > 2 || !(has_minute || has_half)) return std::nullopt;
    if (has_minute && (!all_digits(minute) || minute.size() != 2)) return std::nullopt;
    Words words = number_words(to_integer(hour));
    if (minute == "00" && !has_half) words.emplace_back("o'clock");
    if (has_minute && minute != "00") {
        if (minute[0] == '0') words.emplace_back("oh");
        append(words, number_words(to_integer(minute)));
    }
    if (has_half) append(words, {half.substr(0, 1) + ".", "m."});
    return words;
}

/// Telephone numbers (digit by digit) and ranges of short numbers.
MaybeWords read_dashed(std::string_view s) {
    const std::vector<std::string> groups = split(s, '-');
    if (groups.size() < 2 || !std::all_of(groups.begin(), groups.end(), all_digits)) return std::nullopt;
    Words words;
    if (groups.size() == 2 && groups[0].size() < 3 && groups[1].size() < 3) {
        words = read_integer(groups[0]);
        words.emplace_back("to");
        append(words, read_integer(groups[1]));
        return words;
    }
    for (const std::string& group : groups) append(words, digit_words(group));
    return words;
}

MaybeWords read_fraction(std::string_view s) {
    const std::vector<std::string> parts = split(s, '/');
    if (parts.size() != 2 || !std::all_of(parts.begin(), parts.end(), all_digits)) return std::nullopt;
    if (parts[0].size() > 2 || parts[1].size() > 2) return std::nullopt;
    const std::int64_t over = to_integer(parts[0]), under = to_integer(parts[1]);
    Words words = number_words(over);
    if (under < 2 || under > 10) {
        words.emplace_back("over");
        append(words, number_words(under));
    } else if (under == 2) {
        words.emplace_back(over == 1 ? "half" : "halves");
    } else {
        words.push_back((under == 4 ? "quarter" : ordinal_words(under).back()) + (over == 1 ? "" : "s"));
    }
    return words;
}

/// Signs, decimals, ordinals, per cent; #5 is "number five".
MaybeWords read_plain(std::string_view s) {
    Words words;
    if (s.size() > 1 && s.front() == '#' && all_digits(s.substr(1))) words.emplace_back("number");
    if (s.size() > 1 && s.front() == '-') words.emplace_back("minus");
    if (s.size() > 1 && (s.front() == '#' || s.front() == '-' || s.front() == '+')) s.remove_prefix(1);
    const bool percent = s.size() > 1 && s.back() == '%';
    if (percent) s.remove_suffix(1);
    std::size_t digits = 0;
    while (digits < s.size() && (is_digit(s[digits]) || (s[digits] == ',' && digits > 0))) ++digits;
    const std::string_view head = s.substr(0, digits), tail = s.substr(digits);
    const std::string ending = to_lower(tail);
    const bool decimal = tail.size() > 1 && tail[0] == '.' && all_digits(tail.substr(1));
    const bool ordinal = ending == "st" || ending == "nd" || ending == "rd" || ending == "th";
    if ((head.empty() && !decimal) || !(tail.empty() || decimal || ordinal)) return std::nullopt;
    const bool long_digits = without_commas(head).size() > kMostDigits;
    if (long_digits && !tail.empty()) return std::nullopt;
    if (tail.empty())
        append(words, read_integer(head));
    else if (decimal)
        append(words, read_decimal(head, tail.substr(1)));
    else
        append(words, ordinal_words(to_integer(without_commas(head))));
    if (percent) words.emplace_back("percent");
    return words;
}

}  // namespace

std::vector<std::string> read_integer(std::string_view written) {
    const std::string digits = without_commas(written);
    const bool commas = digits.size() != written.size();
    if (digits.size() > kMostDigits || (digits.size() > 1 && digits[0] == '0')) return digit_words(digits);
    const std::int64_t value = to_integer(digits);
    if (!commas && value >= 1900 && value < 2100) return year_words(value);
    if (digits.size() <= 3 || commas || digits.ends_with("00")) return number_words(value);
    return digit_words(digits);
}

std::optional<ReadNumber> read_written_number(std::string_view token, std::string_view next_token) {
    if (auto money = read_money(token, next_token)) return money;
    for (const auto read : {read_time, read_plain, read_dashed, read_fraction}) {
        if (MaybeWords words = read(token)) return ReadNumber{std::move(*words), false};
    }
    return std::nullopt;
}

}  // namespace linvox
