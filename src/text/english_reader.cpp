#include "src/text/english_reader.h"

#include <algorithm>
#include <array>
#include <optional>

#include "src/base/text.h"
#include "src/text/number_words.h"
#include "src/text/unicode.h"
#include "src/text/written_numbers.h"

namespace linvox {

namespace {

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }
bool is_alpha(char c) { return is_letter(c) || static_cast<unsigned char>(c) >= 0x80; }

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

// Prefixes written with a hyphen that make one word with what follows.
constexpr std::array<std::string_view, 9> kPrefixes = {"re",  "de",  "un",  "pre", "co",
                                                       "non", "sub", "dis", "mis"};

template <std::size_t N>
std::optional<std::string_view> look_up(const std::array<Row, N>& table, std::string_view key) {
    for (const Row& row : table) {
        if (row.written == key) return row.spoken;
    }
    return std::nullopt;
}

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
        const std::string_view next =
            at_ + 1 < tokens_.size() ? strip_end(tokens_[at_ + 1]) : std::string_view();
        if (const auto number = read_written_number(core, next)) {
            at_ += number->took_next;
            return say(number->words);
        }
        read_compound(core);
    }

    static std::string_view strip_start(std::string_view s) {
        while (!s.empty() && (std::string_view("\"'([{<.,;:!?-").find(s.front()) != std::string_view::npos)) {
            if (s.size() > 1 && is_digit(s[1]) && (s.front() == '-' || s.front() == '.')) break;  // -5, .5
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
                say(read_integer(run));
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
        if (s == "www") return spell(s);
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

std::vector<std::string> read_english(std::string_view text, const IsWord& is_word) {
    return EnglishReader(text, is_word).read();
}

}  // namespace linvox
