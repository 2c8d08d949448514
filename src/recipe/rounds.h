// Further rounds of alignment: every aligned model answers prompts that no round before has used, and is
// trained again on pairs of its own answers.
//
// A round is a run of its own in RUN/stages/rounds/<model>/<round>: its sft/model is the model of the round
// before, and it goes through the recipe's own stages from candidates to align. Its reference is the model
// that it starts from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "src/recipe/recipe_config.h"
#include "src/recipe/run_directory.h"

namespace linvox {

/// The folder of an aligned model once all rounds are done.
std::filesystem::path final_model(const RecipeConfig& config, const RunDirectory& run,
                                  const std::string& name);

/// Every `rounds`-th of `values`, starting with the first in round 1: what one round answers. No value is in
/// two rounds.
template <typename Value>
std::vector<Value> share_of_round(const std::vector<Value>& values, std::int64_t round, std::int64_t rounds) {
    std::vector<Value> share;
    for (auto i = static_cast<std::size_t>(round - 1); i < values.size();
         i += static_cast<std::size_t>(rounds))
        share.push_back(values[i]);
    return share;
}

}  // namespace linvox
