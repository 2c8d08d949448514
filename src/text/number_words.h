// English number words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// 1234 -> one thousand two hundred thirty four; -5 -> minus five. |value| < 10^18.
std::vector<std::string> number_words(std::int64_t value);
/// 21 -> twenty first. value >= 0.
std::vector<std::string> ordinal_words(std::int64_t value);
/// 1995 -> nineteen ninety five, 2005 -> two thousand five, 1900 -> nineteen hundred. 1000 <= value <= 9999.
std::vector<std::string> year_words(std::int64_t value);
/// "4205" -> four two zero five. Digits only.
std::vector<std::string> digit_words(std::string_view digits);

}  // namespace linvox
