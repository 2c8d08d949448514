// What acts around a loss: the f-divergence map of the log-ratios, WPO pair weights, and the scaling of
// gradients that ratio control applies. Labels, mixes and the positive term are in preference.cpp.
// B pairs
#pragma once

#include <ATen/core/Tensor.h>

#include "src/loss/loss_config.h"
#include "src/loss/scores.h"

namespace linvox {

/// Log-ratio under an f-divergence (arXiv 2309.16240): f'(e^x), shifted so that 0 stays 0 (the shift cancels
/// in a margin): reverse KL x, forward KL 1 - e^-x, Jensen-Shannon ln 2 + log sigmoid(x), alpha (e^((a - 1)
/// x) - 1) / (a - 1). Exponents are held at 80 in float32.
at::Tensor map_log_ratio(const at::Tensor& x_B, FDivergence divergence, double alpha);

/// Product of both answers' on-policy weights, at most 1 with `clamp` (the authors' choice).
at::Tensor on_policy_pair_weight(const PairExtras& extras, bool clamp);

/// The same values; gradients times `factor`.
at::Tensor scale_gradient(const at::Tensor& value_B, double factor);

/// sqrt(target / ratio): the chosen side's gradient is multiplied by it, the rejected side's divided, which
/// moves the running d_w / d_l to the target (arXiv 2604.18239). 1 before the first step.
double ratio_control_factor(const LossConfig& config, const LossState& state);

}  // namespace linvox
