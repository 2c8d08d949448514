// Numbers as English text writes them, read aloud: 28.8, 1,500, 21st, 50%, $5.20, 10:30, 555-1234, 1/2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

struct ReadNumber {
    std::vector<std::string> words;
    bool took_next = false;  // "$5 million": the scale behind was read, too
};

/// Reads one token without its punctuation; nothing when it is not a number. Years from 1900 to 2099 are
/// read as years; other numbers of four or more digits without commas or a tail of two zeros, and those
/// with a leading zero, digit by digit, as on a telephone.
std::optional<ReadNumber> read_written_number(std::string_view token, std::string_view next_token);

/// Digits, perhaps with commas, by the same rule.
[[nodiscard]] std::vector<std::string> read_integer(std::string_view digits);

}  // namespace linvox
