// English text, free of stage directions and typographic characters, as spoken words. See spoken_english().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/text/normalise.h"

namespace linvox {

std::vector<std::string> read_english(std::string_view text, const IsWord& is_word);

}  // namespace linvox
