// Which records train together: steps of an epoch, micro-batches of a step. Deterministic in the seed.
#pragma once

#include <cstdint>
#include <vector>

#include "src/data/pack.h"
#include "src/train/align.h"
#include "src/train/pair_batch.h"

namespace linvox {

/// Steps of an epoch: records in shuffled order, at least `batch_pairs` pairs each (the last has the rest).
std::vector<std::vector<std::size_t>> plan_steps(const PairSet& set, const AlignConfig& config,
                                                 std::int64_t epoch);

/// Micro-batches of one step, within the token budget.
BatchPlan plan_micros(const PairSet& set, const std::vector<std::size_t>& records, std::int64_t token_budget);

}  // namespace linvox
