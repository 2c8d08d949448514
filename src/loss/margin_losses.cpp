// Losses of the margin x1 - x2, and those that put both log-ratios into one logistic.
#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/log.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/square.h>

#include <algorithm>
#include <cmath>

#include "src/loss/loss_rows.h"

namespace linvox {

using enum LossOption;

// softplus, not at::log_sigmoid: the latter starts a thread team for every tensor, 10 ms on a busy machine.
// Past its threshold softplus is linear, off by e^-40.
at::Tensor minus_log_sigmoid(const at::Tensor& v) { return at::softplus(-v, 1.0, 40.0); }

at::Tensor smoothed_log_sigmoid(const at::Tensor& v, double e) {
    return (1.0 - e) * minus_log_sigmoid(v) + e * minus_log_sigmoid(-v);
}

at::Tensor bounded_exp(const at::Tensor& v) {
    return at::exp(at::clamp_max(v, v.scalar_type() == at::kDouble ? 700.0 : 80.0));
}

at::Tensor loss_sigmoid(const PairInputs& in, const ResolvedTerm& o) {
    return minus_log_sigmoid(o[beta] * (in.x1 - in.x2));
}

at::Tensor loss_cdpo(const PairInputs& in, const ResolvedTerm& o) {
    return smoothed_log_sigmoid(o[beta] * (in.x1 - in.x2), o[label_smoothing]);
}

at::Tensor loss_robust(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor v = o[beta] * (in.x1 - in.x2);
    const double e = o[label_smoothing];
    return ((1.0 - e) * minus_log_sigmoid(v) - e * minus_log_sigmoid(-v)) / (1.0 - 2.0 * e);
}

at::Tensor loss_hinge(const PairInputs& in, const ResolvedTerm& o) {
    return at::relu(1.0 - o[beta] * (in.x1 - in.x2));
}

at::Tensor loss_ipo(const PairInputs& in, const ResolvedTerm& o) {
    const double b = o[beta];
    const at::Tensor squared = at::square(in.x1 - in.x2 - 1.0 / (2.0 * b));
    return o.unit_scale ? 8.0 * b * b * squared : squared;
}

at::Tensor loss_dpop(const PairInputs& in, const ResolvedTerm& o) {
    return minus_log_sigmoid(o[beta] * (in.x1 - in.x2 - o[lambda] * at::relu(-in.x1)));
}

at::Tensor loss_rdpo(const PairInputs& in, const ResolvedTerm& o) {
    return minus_log_sigmoid(o[beta] * (in.x1 - in.x2) + o[alpha] * (in.chosen_tokens - in.rejected_tokens));
}

// KL(q || smoothed labels), q = sigmoid(beta D).
at::Tensor loss_exo_pair(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor v = o[beta] * (in.x1 - in.x2);
    const double e = o[label_smoothing];
    return at::sigmoid(v) * (-minus_log_sigmoid(v) - std::log1p(-e)) +
           at::sigmoid(-v) * (-minus_log_sigmoid(-v) - std::log(e));
}

at::Tensor loss_discopop(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor v = o[beta] * (in.x1 - in.x2);
    const at::Tensor share = at::sigmoid(v / o[tau]);
    return (1.0 - share) * minus_log_sigmoid(v) + share * bounded_exp(-v);
}

at::Tensor loss_dpo_shift(const PairInputs& in, const ResolvedTerm& o) {
    const double progress =
        o[factor_steps] > 0 ? std::min(1.0, static_cast<double>(in.step) / o[factor_steps]) : 0.0;
    const double f = o[factor] + progress * (o[factor_end] - o[factor]);
    return minus_log_sigmoid(o[beta] * (in.x1 - f * in.x2));
}

at::Tensor loss_mappo(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor gap = in.extras.chosen_score - in.extras.rejected_score;
    return minus_log_sigmoid(o[beta] * (in.x1 - gap * in.x2));
}

at::Tensor loss_odpo(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor gap = in.extras.chosen_score - in.extras.rejected_score;
    return minus_log_sigmoid(o[beta] * (in.x1 - in.x2) - o[alpha] * at::log(gap));
}

namespace {

// KL between the two-way distributions sigmoid(a) and sigmoid(b).
at::Tensor two_way_kl(const at::Tensor& a, const at::Tensor& b) {
    return at::sigmoid(a) * (minus_log_sigmoid(b) - minus_log_sigmoid(a)) +
           at::sigmoid(-a) * (minus_log_sigmoid(-b) - minus_log_sigmoid(-a));
}

at::Tensor scaled_gap(const PairInputs& in, const ResolvedTerm& o) {
    return o[eta] * (in.extras.chosen_score - in.extras.rejected_score);
}

// minimum gives each argument half the gradient at a tie.
at::Tensor worse_side(const PairInputs& in, const ResolvedTerm& o) {
    return o[beta] * at::minimum(in.x1, -o[alpha] * in.x2);
}

}  // namespace

at::Tensor loss_rpo_bwd_kl(const PairInputs& in, const ResolvedTerm& o) {
    return two_way_kl(scaled_gap(in, o), o[beta] * (in.x1 - in.x2));
}

at::Tensor loss_rpo_fwd_kl(const PairInputs& in, const ResolvedTerm& o) {
    return two_way_kl(o[beta] * (in.x1 - in.x2), scaled_gap(in, o));
}

at::Tensor loss_rpo_sq(const PairInputs& in, const ResolvedTerm& o) {
    return at::square(o[beta] * (in.x1 - in.x2) - scaled_gap(in, o));
}

at::Tensor loss_bpo_hinge(const PairInputs& in, const ResolvedTerm& o) {
    return at::relu(1.0 - worse_side(in, o));
}

at::Tensor loss_bpo_logistic(const PairInputs& in, const ResolvedTerm& o) {
    return minus_log_sigmoid(worse_side(in, o));
}

// log(lambda e^x2 + 1 - lambda) without leaving the log domain.
at::Tensor loss_bdpo(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor rest = at::scalar_tensor(std::log1p(-o[lambda]), in.x2.options());
    const at::Tensor mixture = at::logaddexp(in.x2 + std::log(o[lambda]), rest);
    return minus_log_sigmoid(o[beta] * (in.x1 - mixture));
}

}  // namespace linvox
