// Clips ready for a language model: words, text units, and where each unit lies in the codes.
// Written by the prepare stage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "src/data/pack.h"
#include "src/recipe/clips.h"
#include "src/text/token_layout.h"
#include "src/text/vocabulary.h"

namespace linvox {

enum class Role { train, watch, held_out };  // watch: early stopping and held-out pairs
std::string role_name(Role role);

struct PreparedClip {
    std::string id, text;
    Role role = Role::train;
    std::vector<std::string> words;
    /// Units of the text; with an alignment `begin`/`end` are frames of the plain coding, else 0.
    std::vector<AlignedUnit> units;
    std::vector<std::int32_t> word_of_unit;
    std::vector<CodedVariant> variants;  // the first is the plain coding

    const std::vector<std::int32_t>& codes() const { return variants.front().codes; }
};

void write_prepared(const std::filesystem::path& path, const std::vector<PreparedClip>& clips);
std::vector<PreparedClip> read_prepared(const std::filesystem::path& path);
std::vector<PreparedClip> with_role(const std::vector<PreparedClip>& clips, Role role);

/// The names of a clip's units.
std::vector<std::string> unit_names(const std::vector<AlignedUnit>& units);

/// Units moved from the plain coding to another variant's grid of `count` codes; every unit keeps at
/// least one code. Empty when there are more units than codes.
std::vector<AlignedUnit> rescale_units(const std::vector<AlignedUnit>& units, std::int32_t from_count,
                                       std::int32_t to_count);

/// Prompt and answer of one coding of a clip in the recipe's layout ("aligned" or "plain").
LaidOut lay_out(const Vocabulary& vocabulary, const std::string& layout,
                const std::vector<AlignedUnit>& units, const std::vector<std::int32_t>& codes);
GenerationPlan make_plan(const Vocabulary& vocabulary, const std::string& layout,
                         const std::vector<AlignedUnit>& units);
SequenceGroup to_group(const std::string& id, LaidOut laid_out);

}  // namespace linvox
