// Which words of a transcript match which words of the text: what the report colours. The counts of
// edit_rate.h and these steps follow one rule, so they agree.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace linvox {

/// '=' match, 'S' substitution, 'D' deletion (hypothesis empty), 'I' insertion (reference empty).
struct WordEdit {
    char kind = '=';
    std::string reference, hypothesis;
    bool operator==(const WordEdit&) const = default;
};

/// One cheapest alignment in text order. In the backtrace a match or substitution is preferred to a
/// deletion, a deletion to an insertion.
std::vector<WordEdit> align_words(std::span<const std::string> reference,
                                  std::span<const std::string> hypothesis);

}  // namespace linvox
