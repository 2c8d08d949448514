// The 256 letters that byte-level BPE files write bytes with: printable Latin-1 characters stand for
// themselves, the other bytes for U+0100 and on, in order (Radford et al. 2019, GPT-2's encoder.py).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace linvox {

/// " hello" to "Ġhello".
std::string to_byte_letters(std::string_view bytes);

/// The bytes that valid UTF-8 `letters` write; none when a character is not one of the 256.
std::optional<std::string> from_byte_letters(std::string_view letters);

}  // namespace linvox
