// Utterances spliced from word runs of several clips: more text than was recorded, each with its
// codes, so that a model sees (and can be compared on) words in new company. Needs unit times.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/recipe/prepared.h"
#include "src/recipe/recipe_config.h"

namespace linvox {

struct SplicedUtterance {
    std::vector<std::string> words;
    std::vector<AlignedUnit> units;  // frames of `codes`
    std::vector<std::int32_t> codes;
};

/// 1 to max_runs runs of 1 to max_run_words words each, at most max_codes codes (the first run always
/// fits in whole). `augmented` draws every run from a random coding of its clip, else from the plain one.
/// `clips` must not be empty and have unit times.
SplicedUtterance splice(const std::vector<PreparedClip>& clips, const SpliceConfig& config, bool augmented,
                        Rng& rng);

}  // namespace linvox
