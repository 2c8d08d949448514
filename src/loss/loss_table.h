// The table of preference losses: one row per loss, each with formula, paper, needs and defaults.
// Configuration, `linvox losses`, docs/losses.md and the tests all read it. Nothing registers itself.
// B pairs
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "src/loss/loss_config.h"
#include "src/loss/scores.h"

namespace linvox {

/// What a row reads: normalised log-probabilities [B], log-ratios after the f-divergence map, counts in
/// the scores' dtype, and the untouched sums.
struct PairInputs {
    at::Tensor zw, zl;  // policy, normalised
    at::Tensor rw, rl;  // reference, normalised; undefined without one
    at::Tensor x1, x2;  // zw - rw, zl - rl, mapped; undefined without a reference
    at::Tensor chosen_tokens, rejected_tokens;
    const PairScores& sums;
    const PairExtras& extras;
    TermState& state;
    std::int64_t step = 0;
    std::uint64_t seed = 0;
};

/// What a loss reads besides the policy's sums and counts.
struct LossNeeds {
    bool reference = true;
    bool lengths = false;  // uses the token counts even on sums
    bool task_scores = false;
    bool whole_batch = false;       // pairs of one batch see each other: no accumulation, one rank
    bool running_state = false;     // keeps a running mean, updated once per optimiser step
    bool token_values = false;      // per-token log-probabilities
    bool reference_logits = false;  // live logits of the reference: no cache
};

struct LossRow {
    std::string_view name, formula, paper, use;
    LossNeeds needs;
    Normalise default_normalise = Normalise::sum;
    std::vector<std::pair<LossOption, double>> options;  // the ones it takes, with defaults
    bool f_divergence = false;                           // a map of the log-ratios is defined for it
    bool has_target = false;                             // it pulls the margin to 1/(2 beta)
    std::string_view step0_text;                         // the value at x1 = x2 = 0, for people
    std::optional<double> (*step0)(const ResolvedTerm&) = nullptr;             // the same, mean over a batch
    at::Tensor (*per_pair)(const PairInputs&, const ResolvedTerm&) = nullptr;  // [B]
    void (*fold)(TermState&, const ResolvedTerm&) = nullptr;  // end of a step; rows with running_state
    bool weigh_by_tokens = false;                             // see LossPart
};

std::span<const LossRow> losses();
const LossRow* find_loss(std::string_view name);  // nullptr when there is none

/// The closed form of the loss at x1 = x2 = 0 (mean over the batch, without the positive term, which is 0
/// there); empty where it depends on lengths, task scores or log-probabilities.
std::optional<double> loss_step0(const ResolvedTerm& term);

/// A published setting under its own name: rows with weights and options that differ from the row's.
struct LossPreset {
    struct Term {
        std::string_view row;
        double weight = 1.0;
        std::optional<Normalise> normalise;
        std::vector<std::pair<LossOption, double>> options;
    };
    std::string_view name, origin;
    std::vector<Term> terms;
    std::vector<LossOption> required;  // the user must set these
};

std::span<const LossPreset> loss_presets();
const LossPreset* find_preset(std::string_view name);

const LossOptionInfo& loss_option(LossOption option);

/// The kinds a user may write: rows, then presets.
std::vector<std::string> loss_kinds();

}  // namespace linvox
