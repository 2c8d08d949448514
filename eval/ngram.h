// A bigram language model over given sentences, as an ARPA file for the recogniser.
// Interpolated absolute discounting (Ney, Essen and Kneser 1994), one discount per order.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace linvox {

/// The text of an ARPA file: <s>, </s> and every word of `sentences`, each a list of words.
/// Sentences without words are ignored; DataError when none is left.
std::string bigram_arpa(std::span<const std::vector<std::string>> sentences);

}  // namespace linvox
