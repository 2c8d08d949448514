// One loss at given log-probabilities: value, rewards and gradients, for checks against other
// implementations and for plots. Works in float64.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace linvox {

/// Evaluates one line. Fields (numbers, or arrays of one length for a batch):
///   loss                                     a row or preset, or a list of {loss, weight, options, ...} for
///   a mix options, normalise, f_divergence, unit_scale, weight      as in a configuration; all optional
///   ld_alpha, wpo, wpo_clamp                 modifiers; optional
///   policy_chosen, policy_rejected           sums in nats
///   reference_chosen, reference_rejected     sums in nats; not for losses without a reference
///   chosen_tokens, rejected_tokens           counts; required on means and where the loss uses lengths
///   chosen_score, chosen_kl, margin_plus, chosen_weighted_logratio, chosen_weight_sum, chosen_on_policy and
///   the rejected ones, margin_minus              what single losses need token_values {policy_chosen,
///   policy_rejected, reference_chosen, reference_rejected,
///                                            chosen_weights, rejected_weights}: per-token lists of one pair,
///                                            in place of sums and counts; weights are those of tis_dpo
///   state                                    {step, seed, reward_shift, margin_mean, margin_std,
///   beta_scale}; optional
///   id                                       copied to the result; optional
/// Returns {id, losses, value, parts, rewards, gradients, push}: gradients by the inputs as given (sums),
/// push = -dL/dx1 and +dL/dx2 with x as the main loss normalises it; lists when the input holds lists.
/// DataError names the field.
nlohmann::json evaluate_loss_line(const nlohmann::json& line);

}  // namespace linvox
