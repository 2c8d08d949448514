#include "src/text/normalise.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/text/number_words.h"
#include "src/text/unicode.h"

namespace linvox {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alpha(char c) {
    return is_upper(c) || (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}
bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }
bool all_digits(std::string_view s) { return !s.empty() && std::all_of(s.begin(), s.end(), is_digit); }

std::string letter_name(char c) { return to_lower(std::string(1, c)) + "."; }

struct Row {
    std::string_view written, spoken;
};

// Abbreviations whose full stop is not the end of a sentence; written in lower case without it.
constexpr std::array<Row, 21> kAbbreviations = {
    {{"mr", "mister"},        {"mrs", "missus"},       {"ms", "miz"},
     {"dr", "doctor"},        {"prof", "professor"},   {"st", "saint"},
     {"vs", "versus"},        {"etc", "et cetera"},    {"approx", "approximately"},
     {"dept", "department"},  {"inc", "incorporated"}, {"ltd", "limited"},
     {"corp", "corporation"}, {"ext", "extension"},    {"tel", "telephone"},
     {"jr", "junior"},        {"sr", "senior"},        {"e.g", "for example"},
     {"i.e", "that is"},      {"govt", "government"},  {"avg", "average"}}};

constexpr std::array<Row, 15> kSymbols = {{{"*", "star"},
                                           {"#", "pound"},
                                           {"&", "and"},
                                           {"@", "at"},
                                           {"%", "percent"},
                                           {"+", "plus"},
                                           {"=", "equals"},
                                           {"/", "slash"},
                                           {"\\", "backslash"},
                                           {"_", "underscore"},
                                           {"~", "tilde"},
                                           {"^", "caret"},
                                           {"|", "pipe"},
                                           {"<", "less than"},
                                           {">", "greater than"}}};

// Words that mark a bracket as a remark about the recording.
constexpr std::array<std::string_view, 22> kDirectionWords = {
    "silence",   "silent",   "beep",   "tone",  "noise",    "music",         "sound",  "sounds",
    "pause",     "laughter", "laughs", "cough", "coughs",   "sighs",         "breath", "applause",
    "inaudible", "note",     "click",  "rings", "whispers", "unintelligible"};

// Prefixes written with a hyphen that make one word with what follows.
constexpr std::array<std::string_view, 9> kPrefixes = {"re",  "de",  "un",  "pre", "co",
                                                       "non", "sub", "dis", "mis"};

struct Currency {
    std::string_view sign, one, many, cent, cents;
};
constexpr std::array<Currency, 3> kCurrencies = {{{"$", "dollar", "dollars", "cent", "cents"},
                                                  {"\xC2\xA3", "pound", "pounds", "penny", "pence"},
                                                  {"\xE2\x82\xAC", "euro", "euros", "cent", "cents"}}};

template <std::size_t N>
std::optional<std::string_view> look_up(const std::array<Row, N>& table, std::string_view key) {
    for (const Row& row : table) {
        if (row.written == key) return row.spoken;
    }
    return std::nullopt;
}

/// Brackets out of a text. `always` brackets are directions whatever they hold.
class Directions {
public:
    explicit Directions(std::string_view text) {
        std::size_t i = 0;
        while (i < text.size()) {
            const char close = text[i] == '<' ? '>' : text[i] == '[' ? ']' : text[i] == '(' ? ')' : '\0';
            const std::size_t end = close ? text.find(close, i + 1) : std::string_view::npos;
            if (end == std::string_view::npos) {
                spoken += text[i++];
                continue;
            }
            const std::string inside(text.substr(i + 1, end - i - 1));
            if (close != ')' || speaks_of_recording(inside)) {
                found.push_back(trim(inside));
            } else {
                parentheses.push_back(trim(inside));
                spoken += " " + inside + " ";
                plain_length += inside.size() + 2;
            }
            spoken += ' ';
            i = end + 1;
        }
        // Nothing but parentheses: a remark such as "(door closes)".
        const bool nothing_else = trim(spoken).size() + 2 * parentheses.size() <= plain_length;
        if (!parentheses.empty() && nothing_else) {
            found.insert(found.end(), parentheses.begin(), parentheses.end());
            spoken.clear();
        }
    }

    std::string spoken;
    std::vector<std::string> found;

private:
    static bool speaks_of_recording(std::string_view inside) {
        for (const std::string& word : split_words(plain_words(code_points(inside)))) {
            if (std::find(kDirectionWords.begin(), kDirectionWords.end(), word) != kDirectionWords.end())
                return true;
        }
        return false;
    }

    std::vector<std::string> parentheses;
    std::size_t plain_length = 0;
};

/// Reads a text token by token. Tokens are what white space separates.
class EnglishReader {
public:
    EnglishReader(std::string_view text, const IsWord& is_word)
        : tokens_(split_words(text)), is_word_(is_word) {}

    std::vector<std::string> read() {
        for (at_ = 0; at_ < tokens_.size(); ++at_) read_token(tokens_[at_]);
        return std::move(words_);
    }

private:
    void say(std::string_view phrase) {
        for (std::string& word : split_words(phrase)) words_.push_back(std::move(word));
    }
    void say(const std::vector<std::string>& words) {
        words_.insert(words_.end(), words.begin(), words.end());
    }

    bool known(std::string_view word) const { return is_word_ && is_word_(word); }

    void read_token(std::string_view token) {
        if (const auto symbol = look_up(kSymbols, token)) return say(*symbol);
        const std::string lower = to_lower(token);
        if (token.size() > 1 && token.front() == '\'' && known(strip_end(lower)))
            return say(strip_end(lower));
        std::string_view core = strip_start(token);
        const bool full_stop =
            strip_end(core).size() < core.size() && core.find('.') != std::string_view::npos;
        const std::string_view dotted = strip_end_keep_stop(core);
        core = strip_end(core);
        if (core.empty()) return;
        if (full_stop || core.find('.') != std::string_view::npos) {
            if (read_initials(dotted)) return;
            const auto abbreviation = look_up(kAbbreviations, to_lower(core));
            if (full_stop && abbreviation) return say(*abbreviation);
        }
        if (read_money(core) || read_time(core) || read_numeric(core)) return;
        read_compound(core);
    }

    static std::string_view strip_start(std::string_view s) {
        while (!s.empty() && (std::string_view("\"'([{<.,;:!?-").find(s.front()) != std::string_view::npos)) {
            const bool number = s.size() > 1 && is_digit(s[1]) && (s.front() == '-' || s.front() == '.');
            if (number) break;
            s.remove_prefix(1);
        }
        return s;
    }
    static std::string_view strip_end(std::string_view s) {
        while (!s.empty() && std::string_view("\"')]}>,;:!?-.").find(s.back()) != std::string_view::npos)
            s.remove_suffix(1);
        return s;
    }
    static std::string_view strip_end_keep_stop(std::string_view s) {
        while (!s.empty() && std::string_view("\"')]}>,;:!?-").find(s.back()) != std::string_view::npos)
            s.remove_suffix(1);
        return s;
    }

    /// "A.M.", "U.S": single letters with full stops between.
    bool read_initials(std::string_view s) {
        std::string letters;
        for (std::size_t i = 0; i < s.size(); i += 2) {
            if (!is_letter(s[i]) || (i + 1 < s.size() && s[i + 1] != '.')) return false;
            letters += s[i];
        }
        if (letters.size() < 2 || look_up(kAbbreviations, to_lower(strip_end(s)))) return false;
        for (const char letter : letters) words_.push_back(letter_name(letter));
        return true;
    }

    bool read_money(std::string_view s) {
        for (const Currency& currency : kCurrencies) {
            if (!s.starts_with(currency.sign)) continue;
            s.remove_prefix(currency.sign.size());
            const std::size_t stop = s.find('.');
            const std::string whole = without_commas(s.substr(0, stop));
            const std::string_view part = stop == std::string_view::npos ? "" : s.substr(stop + 1);
            if (!all_digits(whole) || whole.size() > 18 || (!part.empty() && !all_digits(part))) return false;
            const std::string scale = at_ + 1 < tokens_.size() ? to_lower(strip_end(tokens_[at_ + 1])) : "";
            if (scale == "thousand" || scale == "million" || scale == "billion" || scale == "trillion") {
                read_decimal(whole, part);
                say(scale);
                say(currency.many);
                ++at_;
                return true;
            }
            say_amount(whole, part, currency);
            return true;
        }
        return false;
    }

    void say_amount(const std::string& whole, std::string_view part, const Currency& currency) {
        const std::int64_t units = to_integer(whole);
        const std::int64_t cents = part.size() == 2 ? to_integer(part) : 0;
        if (!part.empty() && part.size() != 2) {
            read_decimal(whole, part);
            return say(currency.many);
        }
        if (units != 0 || cents == 0) {
            say(number_words(units));
            say(units == 1 ? currency.one : currency.many);
        }
        if (cents != 0) {
            say(number_words(cents));
            say(cents == 1 ? currency.cent : currency.cents);
        }
    }

    /// "10:30", "9:05pm".
    bool read_time(std::string_view s) {
        const std::string half = s.size() > 3 ? to_lower(s.substr(s.size() - 2)) : "";
        const bool has_half = half == "am" || half == "pm";
        if (has_half) s.remove_suffix(2);
        const std::size_t colon = s.find(':');
        const std::string_view hour = s.substr(0, colon);
        const std::string_view minute = colon == std::string_view::npos ? "" : s.substr(colon + 1);
        const bool plain_hour = colon == std::string_view::npos && has_half;
        if (!all_digits(hour) || hour.size() > 2 ||
            (!plain_hour && (!all_digits(minute) || minute.size() != 2)))
            return false;
        say(number_words(to_integer(hour)));
        if (minute == "00" && !has_half) say("o'clock");
        if (!minute.empty() && minute != "00") {
            if (minute[0] == '0') say("oh");
            say(number_words(to_integer(minute)));
        }
        if (has_half) {
            words_.push_back(letter_name(half[0]));
            words_.push_back("m.");
        }
        return true;
    }

    static std::string without_commas(std::string_view s) {
        std::string out;
        for (const char c : s) {
            if (c != ',') out += c;
        }
        return out;
    }
    static std::int64_t to_integer(std::string_view digits) {
        std::int64_t value = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return value;
    }

    /// Digits without sign, perhaps with commas.
    void read_integer(std::string_view written) {
        const std::string digits = without_commas(written);
        const bool commas = digits.size() != written.size();
        const bool round = digits.ends_with("00");
        if (digits.size() > 18 || (digits.size() > 1 && digits[0] == '0')) return say(digit_words(digits));
        const std::int64_t value = to_integer(digits);
        if (!commas && value >= 1900 && value < 2100) return say(year_words(value));
        if (digits.size() <= 3 || commas || round) return say(number_words(value));
        say(digit_words(digits));
    }

    void read_decimal(std::string_view whole, std::string_view part) {
        if (!whole.empty()) say(number_words(to_integer(without_commas(whole))));
        if (part.empty()) return;
        say("point");
        say(digit_words(part));
    }

    /// Numbers with signs, decimals, ordinals, per cent, and digit groups such as 555-1234 or 1/2.
    bool read_numeric(std::string_view s) {
        if (s.size() > 1 && s.front() == '#' && all_digits(s.substr(1))) {
            say("number");
            read_integer(s.substr(1));
            return true;
        }
        bool minus = false, percent = false;
        if (s.size() > 1 && (s.front() == '-' || s.front() == '+')) {
            minus = s.front() == '-';
            s.remove_prefix(1);
        }
        if (s.size() > 1 && s.back() == '%') {
            percent = true;
            s.remove_suffix(1);
        }
        const std::size_t length = s.size();
        std::size_t digits = 0;
        while (digits < length && (is_digit(s[digits]) || (s[digits] == ',' && digits > 0))) ++digits;
        const std::string_view head = s.substr(0, digits), tail = s.substr(digits);
        if (digits == 0 && !(tail.size() > 1 && tail[0] == '.' && all_digits(tail.substr(1)))) return false;
        const std::string ending = to_lower(tail);
        const bool ordinal = ending == "st" || ending == "nd" || ending == "rd" || ending == "th";
        const bool decimal = tail.size() > 1 && tail[0] == '.' && all_digits(tail.substr(1));
        if (!(tail.empty() || ordinal || decimal)) return !minus && !percent && read_groups(s);
        if (digits > 18) return false;
        if (minus) say("minus");
        if (ordinal) say(ordinal_words(to_integer(without_commas(head))));
        if (decimal) read_decimal(head, tail.substr(1));
        if (tail.empty()) read_integer(head);
        if (percent) say("percent");
        return true;
    }

    /// Digit groups joined by '-' (telephone numbers, ranges) or one '/' (fractions).
    bool read_groups(std::string_view s) {
        const std::vector<std::string> dashed = split(s, '-');
        if (dashed.size() > 1 &&
            std::all_of(dashed.begin(), dashed.end(), [](const auto& g) { return all_digits(g); })) {
            const bool range = dashed.size() == 2 && dashed[0].size() < 3 && dashed[1].size() < 3;
            for (std::size_t i = 0; i < dashed.size(); ++i) {
                if (range && i == 1) say("to");
                if (range)
                    read_integer(dashed[i]);
                else
                    say(digit_words(dashed[i]));
            }
            return true;
        }
        const std::vector<std::string> parts = split(s, '/');
        if (parts.size() != 2 || !all_digits(parts[0]) || !all_digits(parts[1])) return false;
        if (parts[0].size() > 2 || parts[1].size() > 2) return false;
        const std::int64_t over = to_integer(parts[0]), under = to_integer(parts[1]);
        say(number_words(over));
        if (under == 2)
            say(over == 1 ? "half" : "halves");
        else if (under == 4)
            say(over == 1 ? "quarter" : "quarters");
        else if (under >= 3 && under <= 10)
            say(ordinal_words(under).back() + (over == 1 ? "" : "s"));
        else {
            say("over");
            say(number_words(under));
        }
        return true;
    }

    /// Splits at symbols, dots, and hyphens, then reads the pieces.
    void read_compound(std::string_view s) {
        const bool address = s.find("www.") != std::string_view::npos ||
                             s.find("://") != std::string_view::npos || s.find('@') != std::string_view::npos;
        std::string piece;
        const auto flush = [&] {
            if (!piece.empty()) read_hyphenated(piece);
            piece.clear();
        };
        for (std::size_t i = 0; i < s.size(); ++i) {
            const char c = s[i];
            const bool inner_dot = c == '.' && i > 0 && i + 1 < s.size();
            const auto symbol = look_up(kSymbols, s.substr(i, 1));
            if (inner_dot) {
                const bool digits = is_digit(s[i - 1]) && is_digit(s[i + 1]);
                const bool name = address || is_letter(s[i - 1]) == is_letter(s[i + 1]);
                flush();
                if (digits || name)
                    say("dot");  // but H.323 -> h. three two three
                else
                    codes_ = true;
            } else if (symbol) {
                flush();
                if (c != '/' || address) say(*symbol);
            } else if (is_alpha(c) || is_digit(c) || c == '\'' || c == '-') {
                piece += c;
            } else {
                flush();
                if (c == ':' && address) say("colon");
            }
        }
        flush();
        codes_ = false;
    }

    void read_hyphenated(std::string_view s) {
        const std::vector<std::string> parts = split(s, '-');
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const std::string prefix = to_lower(parts[i]);
            const bool joins = i + 1 < parts.size() && !parts[i + 1].empty() && is_alpha(parts[i + 1][0]) &&
                               std::find(kPrefixes.begin(), kPrefixes.end(), prefix) != kPrefixes.end();
            // A known second part alone ("non-administrator") stays apart, so that it is looked up as itself.
            if (joins && prefix != "non") {
                read_word(parts[i] + parts[i + 1]);
                ++i;
            } else {
                read_runs(parts[i]);
            }
        }
    }

    /// "3D", "MP3", "IAX2": runs of letters and of digits.
    void read_runs(std::string_view s) {
        std::size_t i = 0;
        const bool mixed =
            std::any_of(s.begin(), s.end(), is_digit) && std::any_of(s.begin(), s.end(), is_alpha);
        while (i < s.size()) {
            const bool digit = is_digit(s[i]);
            std::size_t end = i;
            while (end < s.size() && is_digit(s[end]) == digit) ++end;
            const std::string_view run = s.substr(i, end - i);
            if (digit && codes_)
                say(digit_words(run));
            else if (digit)
                read_integer(run);
            else if (mixed && run.size() <= 2)
                spell(run);
            else
                read_word(run);
            i = end;
        }
    }

    void spell(std::string_view letters) {
        for (const char c : letters) {
            if (is_letter(c)) words_.push_back(letter_name(c));
        }
    }

    bool single_capital(std::size_t token) const {
        if (token >= tokens_.size()) return false;
        const std::string_view core = strip_end(strip_start(tokens_[token]));
        return core.size() == 1 && is_upper(core[0]);
    }

    void read_word(std::string_view s) {
        while (!s.empty() && s.front() == '\'') s.remove_prefix(1);
        while (!s.empty() && s.back() == '\'') s.remove_suffix(1);
        if (s.empty()) return;
        if (s.size() == 1 && is_letter(s[0])) {
            const bool word = to_lower(s) == "a" || s[0] == 'I' || s[0] == 'i';
            const bool in_run =
                single_capital(at_) && (single_capital(at_ + 1) || (at_ > 0 && single_capital(at_ - 1)));
            if (!word || tokens_.size() == 1 || in_run) return spell(s);
            return say(to_lower(s));
        }
        if (!read_acronym(s)) say(lower(s));
    }

    /// Capitals that are no dictionary word, alone or with 's or s behind.
    bool read_acronym(std::string_view s) {
        std::string_view capitals = s;
        std::string_view ending;
        for (const std::string_view suffix : {"'s", "s", "'S"}) {
            if (s.size() > suffix.size() + 1 && s.ends_with(suffix)) {
                capitals = s.substr(0, s.size() - suffix.size());
                ending = suffix;
                break;
            }
        }
        if (capitals.size() < 2 || capitals.size() > 5 ||
            !std::all_of(capitals.begin(), capitals.end(), is_upper))
            return false;
        const bool vowel = capitals.find_first_of("AEIOUY") != std::string_view::npos;
        if (known(to_lower(s)) || known(to_lower(capitals))) return false;
        if (!is_word_ && vowel) return false;
        spell(capitals);
        words_.back() += to_lower(ending);
        return true;
    }

    static std::string lower(std::string_view s) {
        std::string out;
        for (const char32_t c : code_points(s)) append_utf8(out, lower_case(c));
        return out;
    }

    std::vector<std::string> tokens_;
    const IsWord& is_word_;
    std::vector<std::string> words_;
    std::size_t at_ = 0;
    bool codes_ = false;  // digits of a code such as H.323 are read one by one
};

}  // namespace

std::string SpokenText::joined() const { return join(words, " "); }

SpokenText spoken_english(std::string_view utf8, const IsWord& is_word) {
    const Directions directions(fold_accents(fold_typography(utf8)));
    SpokenText out;
    out.directions = directions.found;
    out.words = EnglishReader(directions.spoken, is_word).read();
    return out;
}

SpokenText spoken_basic(std::string_view utf8) {
    SpokenText out;
    std::string spoken;
    const std::string folded = fold_typography(utf8);
    for (std::size_t i = 0; i < folded.size(); ++i) {
        const std::size_t end = folded[i] == '<' ? folded.find('>', i) : std::string::npos;
        if (end == std::string::npos) {
            spoken += folded[i];
            continue;
        }
        out.directions.push_back(trim(std::string_view(folded).substr(i + 1, end - i - 1)));
        spoken += ' ';
        i = end;
    }
    out.words = split_words(plain_words(code_points(spoken)));
    return out;
}

SpokenText spoken_words(std::string_view utf8, std::string_view normaliser, const IsWord& is_word) {
    if (normaliser == "english") return spoken_english(utf8, is_word);
    if (normaliser == "basic") return spoken_basic(utf8);
    throw UserError(fmt::format("the text normaliser '{}' is not one of english basic", normaliser));
}

}  // namespace linvox
