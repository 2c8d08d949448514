#include "src/text/math_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {
namespace {

using Integer = MathValue::Integer;

constexpr int kMostDigits = 36;  // 10^36 and its products by ten stay below 2^127

bool is_math_digit(char c) { return c >= '0' && c <= '9'; }

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

Integer greatest_divisor(Integer a, Integer b) {
    if (a < 0) a = -a;
    while (b != 0) {
        const Integer rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/// The part between the brace at `open` and its partner; npos-terminated text gives nothing.
std::optional<std::string_view> braced(std::string_view text, std::size_t open) {
    int depth = 0;
    for (std::size_t at = open; at < text.size(); ++at) {
        if (text[at] == '{') ++depth;
        if (text[at] == '}' && --depth == 0) return text.substr(open + 1, at - open - 1);
    }
    return std::nullopt;
}

/// \frac{a}{b}, \dfrac{a}{b}, \tfrac12 as "a/b", with a space in front so that 3\frac{1}{2} is 3 1/2.
std::string plain_fractions(std::string text) {
    for (const std::string_view name : {"\\dfrac", "\\tfrac", "\\cfrac", "\\frac"}) {
        for (std::size_t at; (at = text.find(name)) != std::string::npos;) {
            std::string parts[2];
            std::size_t next = at + name.size();
            for (std::string& part : parts) {
                while (next < text.size() && text[next] == ' ') ++next;
                if (next >= text.size()) return text;
                if (text[next] == '{') {
                    const auto inside = braced(text, next);
                    if (!inside) return text;
                    part = *inside;
                    next += inside->size() + 2;
                } else {
                    part = text[next++];
                }
            }
            text.replace(at, next - at, " " + parts[0] + "/" + parts[1]);
        }
    }
    return text;
}

/// Commands that set text in another face keep their content.
std::string plain_commands(std::string text) {
    for (const std::string_view name : {"\\text", "\\mathrm", "\\textbf", "\\mathbf", "\\mbox"}) {
        for (std::size_t at = 0; (at = text.find(std::string(name) + "{", at)) != std::string::npos;) {
            const auto inside = braced(text, at + name.size());
            if (!inside) return text;
            const std::string content = " " + std::string(*inside);
            text.replace(at, name.size() + inside->size() + 2, content);
        }
    }
    return text;
}

/// One spelling for what TeX, Unicode and people write differently.
std::string normalised(std::string_view given) {
    std::string text = plain_commands(plain_fractions(std::string(given)));
    const std::array<std::pair<std::string_view, std::string_view>, 20> replacements = {{
        {"\u2212", "-"},  {"\u2013", "-"}, {"\u00a0", " "}, {"\u202f", " "}, {"\u00d7", "*"},
        {"\\times", "*"}, {"\\cdot", "*"}, {"\\left", ""},  {"\\right", ""}, {"\\!", ""},
        {"\\,", " "},     {"\\;", " "},    {"\\ ", " "},    {"\\$", "$"},    {"\\%", "%"},
        {"{,}", ","},     {"^\\circ", ""}, {"\\(", ""},     {"\\)", ""},     {"**", ""},
    }};
    for (const auto& [from, to] : replacements) text = replace_all(std::move(text), from, to);
    text = join(split_words(text), " ");
    while (!text.empty() && std::string_view(".,;:!").find(text.back()) != std::string_view::npos)
        text.pop_back();
    return trim(text);
}

/// A cursor over normalised text.
struct NumberReader {
    std::string_view text;
    std::size_t at = 0;

    bool done() const { return at >= text.size(); }
    char peek() const { return done() ? '\0' : text[at]; }
    bool take(char c) {
        if (peek() != c) return false;
        ++at;
        return true;
    }
    void skip_spaces() {
        while (peek() == ' ') ++at;
    }

    /// Digits with groups of three behind commas or spaces ("1,000", "12 345 678"); how many there are.
    int digits(Integer& value) {
        int count = 0;
        while (is_math_digit(peek())) {
            if (++count > kMostDigits) return count;
            value = value * 10 + (text[at++] - '0');
            const bool separator = peek() == ',' || peek() == ' ';
            if (separator && count <= 3 + 3 * (count / 3) && group_follows()) ++at;
        }
        return count;
    }

    /// Exactly three digits behind a separator, and then no further digit.
    bool group_follows() const {
        std::size_t end = at + 1;
        while (end < text.size() && is_math_digit(text[end])) ++end;
        return end - at - 1 == 3;
    }
};

/// An unsigned decimal with an optional exponent; nothing when there is none here or it is too long.
std::optional<MathValue> read_decimal(NumberReader& in) {
    MathValue value;
    int count = in.digits(value.numerator);
    if (in.peek() == '.' && in.at + 1 < in.text.size() && is_math_digit(in.text[in.at + 1])) {
        ++in.at;
        while (is_math_digit(in.peek())) {
            if (++count > kMostDigits) return std::nullopt;
            value.numerator = value.numerator * 10 + (in.text[in.at++] - '0');
            value.denominator *= 10;
            ++value.decimals;
        }
    }
    if (count == 0 || count > kMostDigits) return std::nullopt;
    const std::size_t before = in.at;
    if (in.take('e') || in.take('E')) {
        const bool negative = in.take('-');
        if (!negative) in.take('+');
        int exponent = 0, digits = 0;
        while (is_math_digit(in.peek()) && digits < 3) {
            exponent = exponent * 10 + (in.text[in.at++] - '0');
            ++digits;
        }
        if (digits == 0 || exponent + count > kMostDigits) {
            in.at = before;  // "5 eggs" has no exponent
        } else {
            for (int i = 0; i < exponent; ++i) (negative ? value.denominator : value.numerator) *= 10;
            value.decimals = 0;
        }
    }
    value.is_number = true;
    return value;
}

void reduce(MathValue& value) {
    const Integer divisor = greatest_divisor(value.numerator, value.denominator);
    value.numerator /= divisor;
    value.denominator /= divisor;
}

/// a/b behind a number already read; a whole part in front makes it mixed. False when the text is none.
bool read_fraction(NumberReader& in, MathValue& value) {
    const std::size_t before = in.at;
    in.skip_spaces();
    if (in.take('/')) {
        in.skip_spaces();
        const auto below = read_decimal(in);
        if (!below || below->numerator == 0) return false;
        value.numerator *= below->denominator;
        value.denominator *= below->numerator;
        value.decimals = 0;
        reduce(value);
        return true;
    }
    // "3 1/2"
    const auto above = value.denominator == 1 ? read_decimal(in) : std::nullopt;
    if (above && above->denominator == 1 && in.take('/')) {
        const auto below = read_decimal(in);
        if (below && below->denominator == 1 && below->numerator != 0) {
            value.numerator = value.numerator * below->numerator + above->numerator;
            value.denominator = below->numerator;
            reduce(value);
            return true;
        }
    }
    in.at = before;
    return true;
}

/// What may stand behind a number: "km", "square feet", "%", never another number.
std::optional<std::string> unit_of(std::string_view rest) {
    std::string unit = to_lower(trim(rest));
    if (std::any_of(unit.begin(), unit.end(), is_math_digit)) return std::nullopt;
    if (unit.find_first_of("=+*/\\{}()<>") != std::string::npos) return std::nullopt;
    if (unit.size() > 1 && unit.back() == 's' && !unit.ends_with("ss")) unit.pop_back();
    return unit;
}

/// "x = 5" gives "5"; "the answer is x = 5 km" its last part too.
std::string_view behind_equals(std::string_view text) {
    const std::size_t equals = text.rfind('=');
    return equals == std::string_view::npos ? text : text.substr(equals + 1);
}

/// The last number of the text as written, sign included.
std::optional<std::string> last_number(std::string_view text) {
    std::size_t end = text.size();
    while (end > 0 && !is_math_digit(text[end - 1])) --end;
    if (end == 0) return std::nullopt;
    std::size_t begin = end;
    const auto inside = [&](std::size_t at) {
        const char c = text[at];
        if (is_math_digit(c)) return true;
        return (c == '.' || c == ',') && (at == 0 || is_math_digit(text[at - 1]) || c == '.') &&
               at + 1 < end && is_math_digit(text[at + 1]);
    };
    while (begin > 0 && inside(begin - 1)) --begin;
    // A fraction is one number.
    if (begin > 1 && text[begin - 1] == '/' && is_math_digit(text[begin - 2])) {
        --begin;
        while (begin > 0 && inside(begin - 1)) --begin;
    }
    if (begin > 0 && text[begin - 1] == '$') --begin;
    const bool subtraction = begin > 1 && (is_math_digit(text[begin - 2]) || text[begin - 2] == ')');
    if (begin > 0 && text[begin - 1] == '-' && !subtraction) --begin;
    return std::string(text.substr(begin, end - begin));
}

/// The rest of the line behind the last `mark`.
std::optional<std::string> behind_mark(std::string_view text, std::string_view mark) {
    const std::size_t at = text.rfind(mark);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(at + mark.size());
    return trim(rest.substr(0, rest.find('\n')));
}

std::optional<std::string> strict_answer(std::string_view text) {
    const std::size_t mark = text.rfind("####");
    const auto boxed = last_boxed(text);
    std::optional<std::string> found = mark == std::string_view::npos ? boxed : behind_mark(text, "####");
    if (found && found->empty()) return std::nullopt;
    return found;
}

std::string as_written(std::string text) {
    std::erase_if(text, [](char c) { return c == ',' || c == '$' || c == '%' || c == ' '; });
    while (!text.empty() && text.back() == '.') text.pop_back();
    return text;
}

bool finite_decimal(const MathValue& value) {
    Integer rest = value.denominator;
    for (const int prime : {2, 5})
        while (rest % prime == 0) rest /= prime;
    return rest == 1;
}

/// True when `decimal` is `exact` rounded to the places it is written with.
bool rounds_to(const MathValue& exact, const MathValue& decimal) {
    if (decimal.decimals < 3 || decimal.decimals > 12) return false;
    Integer scale = 1;
    for (int i = 0; i < decimal.decimals; ++i) scale *= 10;
    // |exact - decimal| <= 1 / (2 scale), all in integers
    Integer gap = exact.numerator * decimal.denominator - decimal.numerator * exact.denominator;
    if (gap < 0) gap = -gap;
    return 2 * scale * gap <= exact.denominator * decimal.denominator;
}

}  // namespace

std::string answer_filter_name(AnswerFilter filter) {
    return filter == AnswerFilter::strict     ? "strict"
           : filter == AnswerFilter::flexible ? "flexible"
                                              : "numeric";
}

MathValue parse_math_value(std::string_view given) {
    MathValue none;
    none.text = normalised(given);
    std::string_view text = trim(behind_equals(none.text)).empty() ? none.text : behind_equals(none.text);
    NumberReader in{text};
    in.skip_spaces();
    bool negative = in.take('-');
    if (!negative) in.take('+');
    const bool dollars = in.take('$');
    if (dollars && in.take('-')) negative = true;
    in.skip_spaces();
    auto value = read_decimal(in);
    if (!value || !read_fraction(in, *value)) return none;
    const auto unit = unit_of(text.substr(in.at));
    if (!unit) return none;
    if (negative) value->numerator = -value->numerator;
    reduce(*value);
    value->unit = dollars ? "dollar" : *unit;
    value->text = none.text;
    return *value;
}

bool same_value(const MathValue& a, const MathValue& b) {
    if (!a.is_number || !b.is_number) return !a.text.empty() && to_lower(a.text) == to_lower(b.text);
    if (!a.unit.empty() && !b.unit.empty() && a.unit != b.unit) return false;
    if (a.numerator == b.numerator && a.denominator == b.denominator) return true;
    constexpr Integer kSmall = 1000000000;  // products of three stay in range
    for (const MathValue* side : {&a, &b})
        if (side->denominator > kSmall || side->numerator > kSmall || side->numerator < -kSmall) return false;
    if (!finite_decimal(a)) return rounds_to(a, b);
    return !finite_decimal(b) && rounds_to(b, a);
}

std::optional<std::string> last_boxed(std::string_view text) {
    std::size_t at = std::string_view::npos, open = 0;
    for (const std::string_view name : {"\\boxed{", "\\fbox{"}) {
        const std::size_t found = text.rfind(name);
        if (found == std::string_view::npos || (at != std::string_view::npos && found < at)) continue;
        at = found;
        open = found + name.size() - 1;
    }
    if (at == std::string_view::npos) return std::nullopt;
    const auto inside = braced(text, open);
    if (!inside) return std::nullopt;
    // \boxed{\boxed{5}}
    if (const auto nested = last_boxed(*inside)) return nested;
    return std::string(*inside);
}

std::optional<std::string> find_answer(std::string_view text, AnswerFilter filter) {
    if (filter == AnswerFilter::flexible) return last_number(text);
    const auto marked = strict_answer(text);
    if (marked || filter == AnswerFilter::strict) return marked;
    for (const std::string_view phrase : {"answer is", "Answer:", "answer:"})
        if (const auto found = behind_mark(text, phrase))
            if (const auto number = last_number(*found)) return number;
    return last_number(text);
}

std::string gold_answer(std::string_view text) {
    const bool has_mark = text.find("####") != std::string_view::npos;
    const auto boxed = has_mark ? std::nullopt : last_boxed(text);
    const std::string found =
        has_mark ? *behind_mark(text, "####") : trim(boxed ? *boxed : std::string(text));
    const std::string lower = to_lower(found);
    for (const std::string_view missing : {"", "none", "null", "nan", "n/a", "[invalid]"})
        LINVOX_REQUIRE(
            lower != missing, DataError,
            "the gold answer is missing (found '{}'); a problem without a known answer cannot be scored, "
            "so drop the record",
            found);
    return found;
}

bool is_right(std::string_view text, std::string_view gold, AnswerFilter filter) {
    const std::string wanted = gold_answer(gold);
    const auto found = find_answer(text, filter);
    if (!found) return false;
    if (filter != AnswerFilter::flexible)
        return same_value(parse_math_value(*found), parse_math_value(wanted));
    return as_written(*found) == as_written(last_number(wanted).value_or(wanted));
}

std::vector<std::string> wrong_equations(std::string_view text) {
    std::vector<std::string> wrong;
    for (const std::string& line : split(text, '\n')) {
        const std::string flat = normalised(line);
        const std::size_t equals = flat.find('=');
        const std::size_t sign = flat.find_first_of("+-*/x", 1);
        if (equals == std::string::npos || sign == std::string::npos || sign > equals) continue;
        const MathValue a = parse_math_value(flat.substr(0, sign));
        const MathValue b = parse_math_value(flat.substr(sign + 1, equals - sign - 1));
        const MathValue c = parse_math_value(flat.substr(equals + 1));
        constexpr Integer kLimit = 1000000000000;
        bool usable = a.is_number && b.is_number && c.is_number;
        for (const MathValue* v : {&a, &b, &c})
            usable = usable && v->denominator < 1000000 && v->numerator < kLimit && v->numerator > -kLimit;
        const char op = flat[sign];
        if (!usable || (op == '/' && b.numerator == 0)) continue;
        MathValue result;
        result.is_number = true;
        result.denominator = a.denominator * (op == '/' ? b.numerator : b.denominator);
        result.numerator = op == '+'   ? a.numerator * b.denominator + b.numerator * a.denominator
                           : op == '-' ? a.numerator * b.denominator - b.numerator * a.denominator
                           : op == '/' ? a.numerator * b.denominator
                                       : a.numerator * b.numerator;
        if (result.denominator < 0) {
            result.denominator = -result.denominator;
            result.numerator = -result.numerator;
        }
        reduce(result);
        if (!same_value(result, c)) wrong.push_back(trim(line));
    }
    return wrong;
}

}  // namespace linvox
