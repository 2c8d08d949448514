// Plain text as words, single digits and marks: the tokens of a small model that learns arithmetic.
// The digits of a number stand least significant first, the order in which sums and products are worked
// out by hand: a digit then depends on what is already written, and never on a carry still to come.
//
//   "Tom has 37 apples."  ->  Tom has 7 3 apples .
//   "1,000.5"             ->  5 <.> 0 0 0 <,> 1
//
// Not a general tokenizer: white space is not kept, and a word that is not in the list has no id.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// The tokens of a text. Words are runs of ASCII letters and apostrophes and of bytes above 127; a line break
/// is the token "\n"; two numbers with nothing but white space between them get "<_>" in between, so that
/// they stay two; a sign stuck to a number is "<->"; a run of # is one token. Every other visible character
/// is a token of its own.
std::vector<std::string> word_tokens(std::string_view text);

/// Text of tokens: numbers in the usual order, one space between words, none before . , ? ! : ; % ) and
/// after ( $. Its tokens are those given: word_tokens(join_word_tokens(t)) == t for every t that word_tokens
/// made.
std::string join_word_tokens(std::span<const std::string> tokens);

}  // namespace linvox
