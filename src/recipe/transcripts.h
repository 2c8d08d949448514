// What the stages of the ASR recipe share: clips as prompts of codes with answers of text units.
#pragma once

#include <string>
#include <vector>

#include "src/config/visitor.h"
#include "src/generate/sampler.h"
#include "src/recipe/prepared.h"
#include "src/recipe/recipe_config.h"
#include "src/text/transcript_layout.h"

namespace linvox {

/// The layout that data.layout and [transcript] ask for.
TranscriptLayout transcript_layout(const RecipeConfig& config);

/// The settings with sampling limited to what a transcript is made of.
SamplingConfig restrict_to_transcript(SamplingConfig sampling, const Vocabulary& vocabulary,
                                      const TranscriptLayout& layout);

/// A clip's plain coding and its units.
LaidOut transcript_of(const PreparedClip& clip, const Vocabulary& vocabulary, const TranscriptLayout& layout);

/// "HH AH L OW": units as a text whose words they are.
std::string joined_units(const Vocabulary& vocabulary, const TokenSequence& answer);

}  // namespace linvox
