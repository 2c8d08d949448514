// The preference loss of a batch of pairs: normalise, map, compute every loss of the mix, add the
// positive term. The losses themselves are rows of the table in loss_table.h.
// It does not run models, score tokens, average over a step or log.
// B pairs
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>
#include <vector>

#include "src/loss/loss_config.h"
#include "src/loss/scores.h"

namespace linvox {

/// One loss of the mix over a batch.
struct LossPart {
    std::string_view name;         // row name, or "positive"
    double weight = 1.0;           // in the mix; times gamma for the positive term
    bool weigh_by_tokens = false;  // sft: a pair counts by its chosen tokens, which gives the token mean
    at::Tensor per_pair_B;         // values before that weight
};

struct PreferenceLoss {
    at::Tensor per_pair_B;        // sum over parts of weight * value
    at::Tensor positive_B;        // the share of the positive term in it; undefined without one
    std::vector<LossPart> parts;  // the mix in order; a positive term stands behind its loss
};

/// Losses of B pairs from sums and counts; differentiable in the policy sums (and in the policy's
/// extras). Normalisation acts here, once, on policy, reference and positive term alike.
/// Throws DataError for an answer without tokens or task scores out of range, BugError when shapes or
/// dtypes differ or an input that the loss needs is undefined (check_loss_inputs finds it at load).
/// Adds to the sums of the step in `state`: evaluation passes a copy.
PreferenceLoss preference_loss(const PairScores& scores, const PairExtras& extras, const LossConfig& config,
                               LossState& state);

/// Step loss = sum over parts of weight * sum(w * loss) / sum(w), with w the pair weight (times the
/// chosen tokens for sft). The denominators, one per part, of this micro-batch: add them over all
/// micro-batches and ranks of the step before the first backward.
std::vector<double> loss_denominators(const LossConfig& config, const at::Tensor& chosen_tokens_B,
                                      const at::Tensor& pair_weight_B);

/// The scalar to call backward on: this micro-batch's share of the step loss.
at::Tensor reduce_loss(const PreferenceLoss& loss, const at::Tensor& chosen_tokens_B,
                       const at::Tensor& pair_weight_B, const std::vector<double>& denominators);

/// After every optimiser step: folds the step's sums into the running values and counts the step.
void finish_step(const LossConfig& config, LossState& state);

/// The per-pair loss if the policy equalled the reference, extras as given: what the first batches
/// of a run must show. Needs a reference; does not change the state.
at::Tensor loss_at_reference(const PairScores& scores, const PairExtras& extras, const LossConfig& config,
                             const LossState& state);

}  // namespace linvox
