// Losses that need token-level quantities; token_level.h computes them, PairExtras carries their sums.
#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>

#include "src/loss/loss_rows.h"

namespace linvox {
namespace {

using enum LossOption;

at::Tensor normalised(const at::Tensor& sum_B, const at::Tensor& count_B, const ResolvedTerm& o) {
    return o.normalise == Normalise::mean ? sum_B / count_B : sum_B;
}

}  // namespace

at::Tensor loss_tdpo1(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor kl_chosen = normalised(in.extras.chosen_kl, in.chosen_tokens, o);
    const at::Tensor kl_rejected = normalised(in.extras.rejected_kl, in.rejected_tokens, o);
    return minus_log_sigmoid(o[beta] * (in.x1 - in.x2 - (kl_rejected - kl_chosen)));
}

at::Tensor loss_tdpo2(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor kl_chosen = normalised(in.extras.chosen_kl, in.chosen_tokens, o).detach();
    const at::Tensor kl_rejected = normalised(in.extras.rejected_kl, in.rejected_tokens, o);
    return minus_log_sigmoid(o[beta] * (in.x1 - in.x2 - o[alpha] * (kl_rejected - kl_chosen)));
}

// The step of a pair is +1 when its margin rises monotonically as the policy moves away from the
// reference, -1 when it falls monotonically, else 0.
at::Tensor loss_epsilon_dpo(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor margin = (in.sums.policy_chosen - in.sums.policy_rejected).detach();
    const at::Tensor away = in.extras.margin_plus.detach(), back = in.extras.margin_minus.detach();
    const at::Tensor rises = (away > margin).logical_and(margin > back);
    const at::Tensor falls = (back > margin).logical_and(margin > away);
    const at::Tensor step_B = rises.to(margin.scalar_type()) - falls.to(margin.scalar_type());
    in.state.sums.resize(2);
    in.state.sums[0] += static_cast<double>(step_B.numel());
    in.state.sums[1] += step_B.sum().item<double>();
    const at::Tensor beta_B = o[beta] * in.state.beta_scale / (1.0 + o[epsilon] * step_B);
    return minus_log_sigmoid(beta_B * (in.x1 - in.x2));
}

void fold_beta_scale(TermState& state, const ResolvedTerm& o) {
    state.beta_scale /= 1.0 + o[epsilon] * state.sums[1] / state.sums[0];
}

at::Tensor loss_tis_dpo(const PairInputs& in, const ResolvedTerm& o) {
    const PairExtras& extra = in.extras;
    return minus_log_sigmoid(o[beta] *
                             (normalised(extra.chosen_weighted_logratio, extra.chosen_weight_sum, o) -
                              normalised(extra.rejected_weighted_logratio, extra.rejected_weight_sum, o)));
}

}  // namespace linvox
