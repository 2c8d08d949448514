// The program's version; part of every stage key, so a new version redoes what an old one made.
#pragma once

namespace linvox {
inline constexpr const char* kVersion = "0.1.0";
}
