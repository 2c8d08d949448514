// Items of a text recipe as tokens: answers with their spans, or the turns of a dialogue, and the pairs of
// each.
#pragma once

#include <string>
#include <vector>

#include "src/data/span_pairs.h"
#include "src/recipe/text_encoder.h"
#include "src/recipe/text_items.h"

namespace linvox {

MarkedAnswer marked_answer(const TextEncoder& encoder, const std::vector<ChatMessage>& prompt,
                           const std::string& text, const AnswerDetails& details);

/// The preferred answer behind its prompt, whole: what SFT learns.
SequenceGroup chosen_group(const TextEncoder& encoder, const TextItem& item);

/// A pair for each of `labels` that the item has; see span_pairs(). DataErrors name the item's source.
std::vector<SpanPair> item_pairs(const TextEncoder& encoder, const TextItem& item,
                                 const std::vector<std::string>& labels);

/// Sets which turns of the item's dialogues are scored; DataError naming its source when none is.
void select_item_turns(TextItem& item, const TurnSelection& selection);

}  // namespace linvox
