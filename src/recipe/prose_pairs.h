// Preference pairs out of running prose, without a judge: the text that really follows against a damaged copy
// of the same length in words, so that neither length nor vocabulary alone tells them apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/recipe/text_config.h"
#include "src/recipe/text_items.h"

namespace linvox {

/// A stretch of a text and what follows it, both ending with a sentence where the text allows.
struct Passage {
    std::string prompt, answer;
    std::string source;  // "northanger-abbey.txt, paragraph 12"
};

/// Passages of a text whose paragraphs are parted by empty lines, in order and without overlap. Paragraphs
/// shorter than a prompt and an answer are left out; headings with them.
std::vector<Passage> cut_passages(const std::string& text, const std::string& name,
                                  const ProseConfig& config);

/// `answer` damaged by `kind` (text_config.h says how), with the same number of words. `other` is the answer
/// of another passage, `words` are those of the corpus.
std::string damaged_answer(const std::string& answer, const std::string& kind, double share,
                           const std::string& other, const std::vector<std::string>& words, Rng& rng);

/// Items with a split and rejected answers. Splits go by runs of 20 passages, so that test passages are not
/// the neighbours of training ones everywhere. A damaged answer that equals the true one is tried again.
std::vector<TextItem> prose_items(const std::vector<Passage>& passages, const TextDataConfig& config,
                                  std::uint64_t seed);

}  // namespace linvox
