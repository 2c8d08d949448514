// A recogniser that knows the words of a set of sentences and nothing else: a small dictionary and
// a bigram model, so that error rates of different voices compare and decoding is quick.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "audio/recogniser.h"
#include "src/text/lexicon.h"

namespace linvox {

/// Writes words.dict and words.arpa into `folder` and returns the default configuration with them.
/// Every pronunciation of a word is kept. DataError naming the words that have none.
RecogniserConfig closed_vocabulary(const std::filesystem::path& folder,
                                   std::span<const std::vector<std::string>> sentences,
                                   const Lexicon& lexicon);

}  // namespace linvox
