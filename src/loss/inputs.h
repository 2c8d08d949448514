// The inputs of a loss by name: which are there, and which of them a loss misses.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "src/loss/loss_config.h"
#include "src/loss/scores.h"

namespace linvox {

/// Every member of PairExtras under its name.
std::vector<std::pair<const char*, at::Tensor*>> named_extras(PairExtras& extras);

/// "odpo needs chosen_score", one per undefined tensor that a loss of the mix or WPO reads.
std::vector<std::string> missing_inputs(const std::vector<ResolvedTerm>& terms, const LossConfig& config,
                                        const PairScores& scores, const PairExtras& extras);

}  // namespace linvox
