// How strongly chosen and rejected answers pull at the weights: gradients of their mean scores at one
// matrix, which stands for the rest: the last layer's MLP output, or the last trained matrix where that is
// frozen.
#pragma once

#include <map>
#include <string>

#include "src/loss/loss_config.h"
#include "src/model/score.h"
#include "src/train/pair_batch.h"

namespace linvox {

/// grad_norm/chosen = |grad zw|, grad_norm/rejected = |grad zl|, grad/cosine of the two, and
/// r_star = |grad zl| / |grad zw|; z are batch means, normalised as the loss does. One forward pass and two
/// short backward passes; gradients of the decoder are left undefined.
std::map<std::string, double> probe_push(const Decoder& policy, const PairSet& set, const PairBatch& batch,
                                         const ScoreConfig& score, Normalise normalise);

}  // namespace linvox
