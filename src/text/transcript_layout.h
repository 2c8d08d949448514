// The two ways to write codes and the text that they say as one sequence, text being the answer: the layouts
// of token_layout.h turned round.
//
//   plain:    BOS c c c ... c END | u1 u2 ... un EOS
//             prompt              | answer, all scored
//   aligned:  BOS | c c c c u1 NEXT | c c c c NEXT | c c c c u2 u3 NEXT | ...
//             prompt  given scored    given  scored  given  scored
//
// In the aligned layout the answer hears `chunk` codes at a time and then predicts the units that have ended,
// as a streaming recogniser does; NEXT asks for more codes. To find out which codes to look at takes a plain
// model hundreds of hours; here it is told.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/text/token_layout.h"

namespace linvox {

/// A unit is predicted behind the first chunk that reaches `delay` codes beyond the unit's end.
struct TranscriptLayout {
    bool aligned = true;
    std::int32_t chunk = 4, delay = 2;  // codes
};

/// Prompt and answer of codes whose `units` are known; their times are read in the aligned layout alone.
LaidOut lay_out_transcript(const Vocabulary& vocabulary, const TranscriptLayout& layout,
                           std::span<const AlignedUnit> units, std::span<const std::int32_t> codes);

/// What a generator must know to write down what `codes` say.
GenerationPlan plan_transcript(const Vocabulary& vocabulary, const TranscriptLayout& layout,
                               std::span<const std::int32_t> codes);

/// The ids that may be predicted: units, NEXT, and EOS where the layout has it. Half-open.
Span transcript_range(const Vocabulary& vocabulary, const TranscriptLayout& layout);

/// The units of an answer in either layout, in order.
std::vector<std::string> extract_units(const Vocabulary& vocabulary, const TokenSequence& answer);

}  // namespace linvox
