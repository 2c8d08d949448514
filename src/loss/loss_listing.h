// The table of losses as text: for the terminal, and as docs/losses.md.
#pragma once

#include <string>

namespace linvox {

/// What `linvox losses` prints: one line per loss and preset.
std::string losses_text();

/// docs/losses.md, word for word; a test compares the file with it.
std::string losses_markdown();

}  // namespace linvox
