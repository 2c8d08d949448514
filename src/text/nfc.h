// Unicode normal form C (utf8proc), with a shortcut for text that is in it already.
#pragma once

#include <string>
#include <string_view>

namespace linvox {

/// True only if `utf8` is in form C. Answers at a glance and may say false of such text, too: it knows
/// ranges whose characters neither compose, decompose nor reorder, not every character.
bool surely_nfc(std::string_view utf8);

/// Whether `c` lies in those ranges.
bool nfc_inert(char32_t c);

/// Form C of valid UTF-8 (BugError otherwise) by Unicode 9, whose tables the package `tokenizers` has and
/// with which models were therefore trained: newer characters stay as and where they are.
std::string nfc(std::string_view utf8);

}  // namespace linvox
