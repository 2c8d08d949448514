// What a preference loss reads: per-answer log-probability sums of one batch of pairs, optional
// extra inputs, and the running state of the few losses that keep one.
// Nothing here knows tokens, text, audio or ranks.
// B pairs
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace linvox {

/// Log-probability sums in nats, [B], float32 or float64: never divided by a length here.
struct PairScores {
    at::Tensor policy_chosen, policy_rejected;  // with gradient while training
    at::Tensor reference_chosen,
        reference_rejected;                     // without gradient; undefined when there is no reference
    at::Tensor chosen_tokens, rejected_tokens;  // scored tokens (or sums of token weights), any dtype
};

/// Inputs that single losses need besides PairScores; [B] each, undefined when absent.
struct PairExtras {
    /// Task scores (odpo, mappo, rpo_*).
    at::Tensor chosen_score, rejected_score;
    /// Sum over tokens of KL(reference || policy), with gradient (tdpo1, tdpo2).
    at::Tensor chosen_kl, rejected_kl;
    /// Chosen minus rejected policy sum under logits (1 +- e) f -+ e f_ref (epsilon_dpo).
    at::Tensor margin_plus, margin_minus;
    /// Sum over tokens of weight * (policy - reference), with gradient, and sums of the weights (tis_dpo).
    at::Tensor chosen_weighted_logratio, rejected_weighted_logratio;
    at::Tensor chosen_weight_sum, rejected_weight_sum;
    /// How on-policy an answer is, no gradient: token_level.h (config wpo).
    at::Tensor chosen_on_policy, rejected_on_policy;
};

/// Running values of one loss of the mix. `preference_loss` reads the first group and adds to the
/// second; `finish_step` folds the second into the first. So micro-batches of one step see the same
/// values, and ranks add `sums` before they finish the step.
struct TermState {
    double reward_shift = 0.0;  // bco_pair: running mean of beta * logratio
    double margin_mean = 0.0;   // alpha_dpo, beta_dpo: running mean of the margin
    double margin_std = 1.0;    //   and its standard deviation
    double beta_scale = 1.0;    // epsilon_dpo: current beta / configured beta
    std::vector<double> sums;   // of the step in progress: see batch_losses.cpp, token_level.cpp
};

/// All state of a LossConfig; saved in checkpoints. A default one starts a run.
struct LossState {
    std::vector<TermState> terms;   // one per loss of the mix, filled on first use
    std::int64_t step = 0;          // finished optimiser steps
    std::uint64_t seed = 0;         // of the draw in beta_dpo
    double push_ratio = 0.0;        // ratio control: running d_w / d_l, 0 before the first step
    std::vector<double> push_sums;  // of the step in progress: sum of d_w, of d_l
};

/// Every number of the step in progress that ranks must add up before finish_step, as one list;
/// `set_pending_sums` puts the added list back.
std::vector<double> pending_sums(const LossState& state);
void set_pending_sums(LossState& state, const std::vector<double>& sums);

nlohmann::json loss_state_to_json(const LossState& state);
LossState loss_state_from_json(const nlohmann::json& json);  // DataError on a missing field

}  // namespace linvox
