// Losses of the policy's own log-probabilities. All but adadpo need no reference.
#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/expm1.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/where.h>

#include <cmath>

#include "src/loss/loss_rows.h"

namespace linvox {
namespace {

using enum LossOption;

// log(p / (1 - p)) of z = log p < 0. Each branch is fed only arguments it is exact for: a branch that is
// computed but not chosen must not bring infinities into the gradient.
at::Tensor log_odds(const at::Tensor& z) {
    const at::Tensor near_one = z > -std::log(2.0);
    const at::Tensor safe = at::full_like(z, -std::log(2.0));
    const at::Tensor by_expm1 = at::log(-at::expm1(at::where(near_one, z, safe)));
    const at::Tensor by_log1p = at::log1p(-at::exp(at::where(near_one, safe, z)));
    return z - at::where(near_one, by_expm1, by_log1p);
}

// (1 - p^-alpha) / alpha, which tends to log p as alpha goes to 0.
at::Tensor alpha_reward(const at::Tensor& z, double a) {
    return a == 0.0 ? z : (1.0 - bounded_exp(-a * z)) / a;
}

}  // namespace

at::Tensor loss_simpo(const PairInputs& in, const ResolvedTerm& o) {
    return minus_log_sigmoid(o[beta] * (in.zw - in.zl) - o[target_margin]);
}

at::Tensor loss_sft(const PairInputs& in, const ResolvedTerm&) { return -in.zw; }

at::Tensor loss_orpo(const PairInputs& in, const ResolvedTerm& o) {
    return -in.zw + o[lambda] * minus_log_sigmoid(log_odds(in.zw) - log_odds(in.zl));
}

// The likelihood term counts nats per token whatever the normalisation of the margin.
at::Tensor loss_cpo(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor nll = -in.sums.policy_chosen / in.chosen_tokens;
    return minus_log_sigmoid(o[beta] * (in.zw - in.zl)) + o[alpha] * nll;
}

at::Tensor loss_alphapo(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor margin = alpha_reward(in.zw, o[alpha]) - alpha_reward(in.zl, o[alpha]);
    return minus_log_sigmoid(o[beta] * margin - o[target_margin]);
}

at::Tensor loss_slic_hf(const PairInputs& in, const ResolvedTerm& o) {
    return at::relu(1.0 - in.zw + in.zl) - o[lambda] * in.zw;
}

// beta of the chosen side grows with the policy's own probability ratio, up to clip.
at::Tensor loss_adadpo(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor ratio = at::clamp_max(bounded_exp((in.zw - in.zl).detach()), o[clip]);
    return minus_log_sigmoid(o[beta] * (ratio * in.x1 - in.x2));
}

}  // namespace linvox
