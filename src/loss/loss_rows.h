// The functions behind the table's rows; only loss_table.cpp and the files that define them include it.
// Notation: zw, zl policy log-probabilities of chosen and rejected; x1, x2 their log-ratios to the
// reference; D = x1 - x2 the margin; m = 1/(2 beta) the target margin; w, l token counts.
#pragma once

#include <ATen/core/Tensor.h>

#include "src/loss/loss_table.h"

namespace linvox {

using LossFunction = at::Tensor(const PairInputs& in, const ResolvedTerm& o);

// lpo.cpp
LossFunction loss_lpo, loss_lpo_r, loss_lpo_ste, loss_lpo_ste_dynamic;
// margin_losses.cpp: functions of the margin, or of the two log-ratios in one logistic
LossFunction loss_sigmoid, loss_cdpo, loss_robust, loss_hinge, loss_ipo, loss_dpop, loss_rdpo, loss_exo_pair,
    loss_discopop, loss_dpo_shift, loss_mappo, loss_odpo, loss_rpo_bwd_kl, loss_rpo_fwd_kl, loss_rpo_sq,
    loss_bpo_hinge, loss_bpo_logistic, loss_bdpo;
// side_losses.cpp: chosen and rejected answer each by itself
LossFunction loss_nca_pair, loss_apo_zero, loss_apo_down, loss_sppo_hard, loss_cal_dpo;
// reference_free.cpp: log-probabilities of the policy
LossFunction loss_simpo, loss_sft, loss_orpo, loss_cpo, loss_alphapo, loss_slic_hf, loss_adadpo;
// batch_losses.cpp: state of the batch or of the run
LossFunction loss_kto_pair, loss_bco_pair, loss_beta_dpo, loss_alpha_dpo, loss_aot, loss_aot_unpaired;
void fold_reward_shift(TermState& state, const ResolvedTerm& o);
void fold_margin(TermState& state, const ResolvedTerm& o);
// token_losses.cpp: token-level inputs in PairExtras
LossFunction loss_tdpo1, loss_tdpo2, loss_epsilon_dpo, loss_tis_dpo;
void fold_beta_scale(TermState& state, const ResolvedTerm& o);

/// -log sigmoid(v) and -log sigmoid smoothed by e: (1 - e) for v, e for -v.
at::Tensor minus_log_sigmoid(const at::Tensor& v);
at::Tensor smoothed_log_sigmoid(const at::Tensor& v, double e);

/// e^v with the exponent held at 80 in float32 and 700 in float64, so that it stays finite.
at::Tensor bounded_exp(const at::Tensor& v);

}  // namespace linvox
