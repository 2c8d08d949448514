// What happens to reference and transcript before words or characters are compared.
// Numbers are not rewritten by any of them: both sides must spell them alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// The names error_rate_normalise() knows: none, strip, seedtts_en, linvox.
const std::vector<std::string>& error_rate_normalisers();

/// none        the text itself
/// strip       white space trimmed and collapsed
/// seedtts_en  ASCII and CJK punctuation but ' deleted, double spaces to single ones once, lower case
/// linvox      lower case; <..>, [..] and (..) removed; full-width forms and typographic quotes folded;
///             everything but letters, digits and apostrophes inside words to spaces; CJK characters
///             apart; white space collapsed
/// UserError on another name. Invalid UTF-8 is a DataError.
std::string error_rate_normalise(std::string_view utf8, std::string_view normaliser);

}  // namespace linvox
