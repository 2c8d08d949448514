// What a user may say about the loss, and what it resolves to.
//
//   [align.loss]                     # a mix: .8 sigmoid + .2 bco_pair + 1 sft
//   kind = "sigmoid"
//   weight = 0.8
//   mix = [{kind = "bco_pair", weight = 0.2}, {kind = "sft"}]
//
// Defaults differ per loss. An option that is not set takes the default of its row in the table;
// printing shows the value that is used, and 0 for an option the loss does not take.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/config/visitor.h"

namespace linvox {

struct LossRow;

enum class Normalise { sum, mean };
enum class FDivergence { reverse_kl, forward_kl, js, alpha };

enum class LossOption {
    beta,
    r1,
    r2,
    gamma,
    label_smoothing,
    lambda,
    alpha,
    eta,
    rho,
    tau,
    target_margin,
    factor,
    factor_end,
    factor_steps,
    ema,
    keep,
    clip,
    epsilon,
    f_alpha,
};
inline constexpr std::size_t kLossOptionCount = static_cast<std::size_t>(LossOption::f_alpha) + 1;

/// Key, help and closed range of an option: the one list that configuration, checks and documents use.
struct LossOptionInfo {
    LossOption option;
    std::string_view key, help;
    Range range;
};
std::span<const LossOptionInfo> loss_options();

/// One loss of the mix.
struct LossTerm {
    std::string kind = "lpo-ste";  // a row or a preset
    double weight = 1.0;
    std::string normalise;  // "sum", "mean", or "" for the row's default
    std::string f_divergence = "reverse_kl";
    bool unit_scale = false;
    std::array<std::optional<double>, kLossOptionCount> options;

    LossTerm& set(LossOption option, double value);
    void visit(ConfigVisitor& v);
};

struct LossConfig {
    LossTerm main;
    std::vector<LossTerm> mix;  // added to `main`, each with its own weight and normalisation
    double ld_alpha = 1.0;      // LD-DPO: weight of the tokens past the shorter answer; 1 is off
    bool wpo = false;           // WPO: pair weight by how on-policy both answers are
    bool wpo_clamp = true;
    double ratio_target = 0.0;  // ratio control: wanted d_w / d_l (r_star); 0 is off
    double ratio_ema = 0.98;

    void visit(ConfigVisitor& v);
};

/// One loss with every value filled in.
struct ResolvedTerm {
    const LossRow* row = nullptr;
    double weight = 1.0;
    Normalise normalise = Normalise::sum;
    FDivergence divergence = FDivergence::reverse_kl;
    bool unit_scale = false;
    std::array<double, kLossOptionCount> values{};

    double operator[](LossOption option) const { return values[static_cast<std::size_t>(option)]; }
    bool takes(LossOption option) const;
};

/// The losses of the mix in order, presets expanded; ConfigError with all problems when
/// check_loss_config finds any.
std::vector<ResolvedTerm> resolve_loss(const LossConfig& config);

/// Every problem between fields, one line each, keys prefixed with `where` ("align.loss"): an option
/// the loss does not take, label smoothing or an f-divergence where they are not defined, ...
std::vector<std::string> check_loss_config(const LossConfig& config, std::string_view where = "loss");

/// What a run can give its loss; the loader fills it in.
struct LossInputs {
    bool reference = true;            // a reference model or its cached sums
    bool reference_is_cached = true;  // sums only, no live logits
    bool task_scores = false;         // both answers of every pair carry a score
    std::int64_t micro_batches = 1;   // per optimiser step
    std::int64_t ranks = 1;
};

/// Every input that the loss needs and the run lacks, one line each.
std::vector<std::string> check_loss_inputs(const LossConfig& config, const LossInputs& inputs,
                                           std::string_view where = "loss");

/// One line for logs: "lpo-ste on means: beta 0.2, r1 1, r2 0.2, gamma 10".
std::string describe_loss(const LossConfig& config);

}  // namespace linvox
