// Is the answer of a worked solution right? Finding it in the text and comparing it with the gold answer
// are two steps, and values are compared as exact rational numbers: 5 is not 15, 1,000 is 1000, 0.5 is 1/2.
// Not here: symbolic algebra. What is no number is compared as normalised text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// How the answer is found and compared.
///   strict    behind the last "####" (the mark of GSM8K) or in the last \boxed{}; compared by value
///   flexible  the last number of the text, wherever it stands; compared as written, without commas, $, % and
///   a
///             closing point (what evaluation harnesses call flexible extraction)
///   numeric   strict's place, else behind "answer is", else the last number; compared by value
enum class AnswerFilter { strict, flexible, numeric };
std::string answer_filter_name(AnswerFilter filter);

/// A value and what stands behind it. Units are kept in lower case without plural s ("dollar", "%", "km").
struct MathValue {
    bool is_number = false;
    __extension__ typedef __int128 Integer;
    Integer numerator = 0, denominator = 1;  // lowest terms, denominator > 0
    int decimals = 0;  // places behind the point as written; 0 for integers and fractions
    std::string unit;
    std::string text;  // normalised: what is compared when either side is no number
};

/// Reads 42, -3, 1,000, 1 000, 3.50, .5, 1e3, 1/2, 3 1/2, 50%, $5, 12 km, \frac{1}{2}, \text{...}, "x = 5".
/// Anything else, and numbers of more than 36 digits, come back as text.
MathValue parse_math_value(std::string_view text);

/// Equal by value; with units on both sides these must agree too. When one side is a fraction without a
/// finite decimal form, a decimal of at least three places that rounds it correctly is equal. Text equals
/// equal text.
bool same_value(const MathValue& a, const MathValue& b);

/// The content of the last \boxed{...} or \fbox{...}, with braces inside it; nothing when there is none or it
/// does not close.
std::optional<std::string> last_boxed(std::string_view text);

/// Where a filter finds the answer; nothing when it finds none.
std::optional<std::string> find_answer(std::string_view text, AnswerFilter filter);

/// The gold answer of a worked solution or of a bare answer: behind the last "####", in the last \boxed{},
/// else the whole text. DataError when there is none ("", None, null, nan, a missing value behind ####).
std::string gold_answer(std::string_view text);

/// True when `text` gives the gold answer (as gold_answer() returns it). DataError for an unusable gold
/// answer: a problem without a known answer must not count as wrong.
bool is_right(std::string_view text, std::string_view gold, AnswerFilter filter);

/// The equations "a + b = c" of a worked solution (+ - * / x, exact numbers) that do not hold, as written.
std::vector<std::string> wrong_equations(std::string_view text);

}  // namespace linvox
