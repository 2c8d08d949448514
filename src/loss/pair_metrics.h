// Metrics of a batch of pairs under TRL's names and ours, as numerator and denominator so that
// micro-batches and ranks add up before one division. Negative values stay as they are.
// It does not average, print or keep history.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "src/loss/preference.h"

namespace linvox {

struct LossMeter {
    std::string name;
    double numerator = 0.0, denominator = 0.0;
};

/// Meters of one batch, pairs weighted by `pair_weight_B` ([B], undefined: all 1), always in the same order:
///   loss/preference, loss/positive, loss/<part> of a mix; logps/{chosen,rejected}; nll_loss (chosen, per
///   token); length/{chosen,rejected};
///   rewards/{chosen,rejected,margins,accuracies} = beta * x on sums, whatever the loss;
///   logratio/{chosen,rejected}_{sum,per_token}; margin/{sum,per_token} (per token of each answer, then mean
///   over pairs); margin/past_target;
///   displacement/{chosen,both}; push/{chosen,rejected} = -dL/dx1, +dL/dx2 as normalised in the run.
/// Names that need a reference are absent without one; rewards without a beta, past_target without
/// a target margin. One transfer from the device; no gradient flows.
std::vector<LossMeter> pair_metrics(const PairScores& scores, const PairExtras& extras,
                                    const LossConfig& config, const LossState& state,
                                    const PreferenceLoss& loss, const at::Tensor& pair_weight_B = {});

/// d_w = -dL/dx1 and d_l = +dL/dx2 per pair, [B], of the whole per-pair loss before ratio control, with x
/// as the main loss normalises it. For tis_dpo x are the weighted log-ratios.
struct PairPush {
    at::Tensor chosen_B, rejected_B;
};
PairPush pair_push(const PairScores& scores, const PairExtras& extras, const LossConfig& config,
                   const LossState& state);

}  // namespace linvox
