// UTF-8 that may be broken: the check, and the repair that decoders agree on.
#pragma once

#include <string>
#include <string_view>

namespace linvox {

bool is_utf8(std::string_view bytes);

/// `bytes` with U+FFFD for every maximal part that cannot be UTF-8 (Unicode 15, section 3.9, table 3-8):
/// what Python's decode(errors="replace") and Rust's from_utf8_lossy give.
std::string repair_utf8(std::string_view bytes);

}  // namespace linvox
