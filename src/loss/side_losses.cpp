// Losses that push the chosen and the rejected answer each by its own log-ratio.
#include <ATen/TensorOperators.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/square.h>

#include "src/loss/loss_rows.h"

namespace linvox {
namespace {

using enum LossOption;

// (x1 - m)^2 + (x2 + m)^2
at::Tensor distance_to_both_targets(const PairInputs& in, const ResolvedTerm& o) {
    const double m = 1.0 / (2.0 * o[beta]);
    return at::square(in.x1 - m) + at::square(in.x2 + m);
}

}  // namespace

at::Tensor loss_nca_pair(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor chosen = o[beta] * in.x1, rejected = o[beta] * in.x2;
    return minus_log_sigmoid(chosen) + 0.5 * minus_log_sigmoid(-chosen) + 0.5 * minus_log_sigmoid(-rejected);
}

at::Tensor loss_apo_zero(const PairInputs& in, const ResolvedTerm& o) {
    return 1.0 - at::sigmoid(o[beta] * in.x1) + at::sigmoid(o[beta] * in.x2);
}

at::Tensor loss_apo_down(const PairInputs& in, const ResolvedTerm& o) {
    return at::sigmoid(o[beta] * in.x1) + 1.0 - at::sigmoid(o[beta] * (in.x1 - in.x2));
}

at::Tensor loss_sppo_hard(const PairInputs& in, const ResolvedTerm& o) {
    return distance_to_both_targets(in, o);
}

at::Tensor loss_cal_dpo(const PairInputs& in, const ResolvedTerm& o) {
    return minus_log_sigmoid(in.x1 - in.x2) + 0.5 * distance_to_both_targets(in, o);
}

}  // namespace linvox
