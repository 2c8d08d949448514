// THE table of losses. Formulas use: zw, zl log-probabilities of the policy for the chosen and the rejected
// answer; rw, rl the reference's; x1 = zw - rw, x2 = zl - rl; D = x1 - x2; m = 1/(2 beta); |w|, |l| token
// counts; sg stops the gradient; log-sigmoid is ls.
#include "src/loss/loss_table.h"

#include <cmath>

#include "src/loss/loss_rows.h"

namespace linvox {
namespace {

using enum LossOption;
using enum Normalise;
using Step0 = std::optional<double>;

const double kLn2 = std::log(2.0);
Step0 ln2(const ResolvedTerm&) { return kLn2; }
Step0 two_ln2(const ResolvedTerm&) { return 2.0 * kLn2; }
Step0 one(const ResolvedTerm&) { return 1.0; }
Step0 two(const ResolvedTerm&) { return 2.0; }
Step0 half(const ResolvedTerm&) { return 0.5; }
Step0 ipo_start(const ResolvedTerm& o) { return o.unit_scale ? 2.0 : 0.25 / (o[beta] * o[beta]); }
Step0 sppo_start(const ResolvedTerm& o) { return 0.5 / (o[beta] * o[beta]); }
Step0 cal_dpo_start(const ResolvedTerm& o) { return kLn2 + 0.25 / (o[beta] * o[beta]); }
Step0 discopop_start(const ResolvedTerm&) { return 0.5 * kLn2 + 0.5; }
Step0 exo_start(const ResolvedTerm& o) {
    return 0.5 * (-2.0 * kLn2 - std::log1p(-o[label_smoothing]) - std::log(o[label_smoothing]));
}

constexpr LossNeeds kRatios{};
constexpr LossNeeds kRatiosLengths{.lengths = true};
constexpr LossNeeds kScores{.task_scores = true};
constexpr LossNeeds kBatch{.whole_batch = true};
constexpr LossNeeds kRunning{.running_state = true};
constexpr LossNeeds kPolicy{.reference = false};
constexpr LossNeeds kPolicyLengths{.reference = false, .lengths = true};
constexpr LossNeeds kTokenKl{.token_values = true, .reference_logits = true};

// clang-format off
const std::vector<LossRow> kTable = {
    // The LPO family.
    {.name = "lpo", .formula = "4 beta |D - m| + gamma relu(-x1)", .paper = "arXiv 2508.14947",
     .use = "linear pull of the margin to m with equal weight on both answers",
     .needs = kRatios, .default_normalise = mean, .options = {{beta, 0.2}, {gamma, 10}},
     .f_divergence = true, .has_target = true, .step0_text = "2", .step0 = two, .per_pair = loss_lpo},
    {.name = "lpo-r", .formula = "4 beta |r1 x1 - r2 x2 - m| + gamma relu(-x1)", .paper = "arXiv 2508.14947",
     .use = "weights inside the distance: the target moves with r1 and r2, and so does the value",
     .needs = kRatios, .default_normalise = mean, .options = {{beta, 0.2}, {r1, 1}, {r2, 0.2}, {gamma, 10}},
     .f_divergence = true, .has_target = true, .step0_text = "2", .step0 = two, .per_pair = loss_lpo_r},
    {.name = "lpo-ste", .formula = "4 beta/(r1 + r2) [r1 |x1 - sg(x2) - m| + r2 |sg(x1) - x2 - m|] + gamma relu(-x1)",
     .paper = "arXiv 2508.14947",
     .use = "the default: separate constant weights, r1 for raising the chosen and r2 for lowering the rejected answer",
     .needs = kRatios, .default_normalise = mean, .options = {{beta, 0.2}, {r1, 1}, {r2, 0.2}, {gamma, 10}},
     .f_divergence = true, .has_target = true, .step0_text = "2", .step0 = two, .per_pair = loss_lpo_ste},
    {.name = "lpo-ste-dynamic", .formula = "4 beta [a |x1 - sg(x2) - m| + (1 - a) |sg(x1) - x2 - m|] + gamma relu(-x1), a = sg(sigmoid(D))",
     .paper = "arXiv 2508.14947",
     .use = "as lpo-ste with weights from the pair: the rejected side fades out as the margin grows",
     .needs = kRatios, .default_normalise = mean, .options = {{beta, 0.2}, {gamma, 10}},
     .f_divergence = true, .has_target = true, .step0_text = "2", .step0 = two, .per_pair = loss_lpo_ste_dynamic},

    // Functions of the margin.
    {.name = "sigmoid", .formula = "-ls(beta D)", .paper = "arXiv 2305.18290 (DPO)",
     .use = "the baseline to compare with",
     .options = {{beta, 0.1}, {gamma, 0}}, .f_divergence = true, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_sigmoid},
    {.name = "cdpo", .formula = "-(1 - label_smoothing) ls(beta D) - label_smoothing ls(-beta D)", .paper = "conservative DPO note (E. Mitchell, 2023)",
     .use = "preferences are wrong at a known rate: the margin settles at a finite value",
     .options = {{beta, 0.1}, {label_smoothing, 0.1}, {gamma, 0}}, .f_divergence = true, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_cdpo},
    {.name = "robust", .formula = "[-(1 - label_smoothing) ls(beta D) + label_smoothing ls(-beta D)] / (1 - 2 label_smoothing)", .paper = "arXiv 2403.00409",
     .use = "preferences are wrong at a known rate: an unbiased estimate of the clean loss",
     .options = {{beta, 0.1}, {label_smoothing, 0.1}, {gamma, 0}}, .f_divergence = true, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_robust},
    {.name = "hinge", .formula = "relu(1 - beta D)", .paper = "arXiv 2309.06657 (SLiC, RSO)",
     .use = "constant force until the margin reaches 1/beta, then none",
     .options = {{beta, 0.05}, {gamma, 0}}, .f_divergence = true, .step0_text = "1", .step0 = one, .per_pair = loss_hinge},
    {.name = "ipo", .formula = "(D - m)^2, times 8 beta^2 with unit_scale", .paper = "arXiv 2310.12036",
     .use = "bounded margin: force grows with the distance to m, on either side of it",
     .needs = kRatiosLengths, .default_normalise = mean, .options = {{beta, 0.1}, {gamma, 0}},
     .f_divergence = true, .has_target = true, .step0_text = "1/(4 beta^2); 2 with unit_scale", .step0 = ipo_start, .per_pair = loss_ipo},
    {.name = "dpop", .formula = "-ls(beta (D - lambda relu(-x1)))", .paper = "arXiv 2402.13228",
     .use = "DPO that resists falling probability of the chosen answer",
     .options = {{beta, 0.3}, {lambda, 50}, {gamma, 0}}, .f_divergence = true, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_dpop},
    {.name = "rdpo", .formula = "-ls(beta D + alpha (|w| - |l|))", .paper = "arXiv 2403.19159",
     .use = "data prefer long answers and the model should not learn that",
     .needs = kRatiosLengths, .options = {{beta, 0.1}, {alpha, 0.05}, {gamma, 0}}, .f_divergence = true,
     .step0_text = "-ls(alpha (|w| - |l|))", .per_pair = loss_rdpo},
    {.name = "exo_pair", .formula = "q (ln q - ln(1 - label_smoothing)) + (1 - q) (ln(1 - q) - ln label_smoothing), q = sigmoid(beta D)", .paper = "arXiv 2402.00856",
     .use = "mode-seeking variant of DPO (reversed divergence to the labels)",
     .options = {{beta, 0.1}, {label_smoothing, 1e-3}, {gamma, 0}}, .f_divergence = true,
     .step0_text = "(-2 ln 2 - ln(1 - label_smoothing) - ln label_smoothing)/2", .step0 = exo_start, .per_pair = loss_exo_pair},
    {.name = "discopop", .formula = "(1 - u) (-ls(beta D)) + u e^(-beta D), u = sigmoid(beta D / tau)", .paper = "arXiv 2406.08414",
     .use = "comparison only: with tau 0.05 its slope at beta D = 0 has the wrong sign, so the first steps shrink the margin",
     .options = {{beta, 0.05}, {tau, 0.05}, {gamma, 0}}, .f_divergence = true, .step0_text = "(ln 2 + 1)/2", .step0 = discopop_start, .per_pair = loss_discopop},
    {.name = "dpo_shift", .formula = "-ls(beta (x1 - f x2)), f from factor to factor_end over factor_steps", .paper = "arXiv 2502.07599",
     .use = "DPO with a weaker push on the rejected answer",
     .options = {{beta, 0.1}, {factor, 0.95}, {factor_end, 0.95}, {factor_steps, 0}, {gamma, 0}}, .f_divergence = true,
     .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_dpo_shift},
    {.name = "mappo", .formula = "-ls(beta (x1 - g x2)), g = score(chosen) - score(rejected) in [0, 1]", .paper = "arXiv 2507.21183",
     .use = "task scores are calibrated: near ties push the rejected answer less",
     .needs = kScores, .options = {{beta, 0.1}, {gamma, 0}}, .f_divergence = true, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_mappo},
    {.name = "odpo", .formula = "-ls(beta D - alpha ln(score gap))", .paper = "arXiv 2402.10571",
     .use = "clearer preferences should reach a larger margin",
     .needs = kScores, .options = {{beta, 0.1}, {alpha, 0.5}, {gamma, 0}}, .f_divergence = true,
     .step0_text = "-ls(-alpha ln(score gap))", .per_pair = loss_odpo},
    {.name = "rpo_bwd_kl", .formula = "KL(sigmoid(eta g) || sigmoid(beta D)), g = score gap", .paper = "NVIDIA/NeMo-Aligner (reward-aware preference optimisation)",
     .use = "task scores are rewards whose size means something",
     .needs = kScores, .options = {{beta, 0.2}, {eta, 1}, {gamma, 0}}, .f_divergence = true,
     .step0_text = "KL(sigmoid(eta g) || 1/2)", .per_pair = loss_rpo_bwd_kl},
    {.name = "rpo_fwd_kl", .formula = "KL(sigmoid(beta D) || sigmoid(eta g)), g = score gap", .paper = "NVIDIA/NeMo-Aligner (reward-aware preference optimisation)",
     .use = "as rpo_bwd_kl, mode-seeking",
     .needs = kScores, .options = {{beta, 0.2}, {eta, 1}, {gamma, 0}}, .f_divergence = true,
     .step0_text = "KL(1/2 || sigmoid(eta g))", .per_pair = loss_rpo_fwd_kl},
    {.name = "rpo_sq", .formula = "(beta D - eta g)^2, g = score gap", .paper = "NVIDIA/NeMo-Aligner (reward-aware preference optimisation)",
     .use = "as rpo_bwd_kl with a squared distance",
     .needs = kScores, .options = {{beta, 0.2}, {eta, 1}, {gamma, 0}}, .f_divergence = true,
     .step0_text = "(eta g)^2", .per_pair = loss_rpo_sq},
    {.name = "bpo_hinge", .formula = "relu(1 - beta min(x1, -alpha x2))", .paper = "arXiv 2506.03557 (BPO)",
     .use = "trains only the worse side of every pair, with constant force",
     .options = {{beta, 0.1}, {alpha, 0.3}, {gamma, 0}}, .f_divergence = true, .step0_text = "1", .step0 = one, .per_pair = loss_bpo_hinge},
    {.name = "bpo_logistic", .formula = "-ls(beta min(x1, -alpha x2))", .paper = "arXiv 2506.03557 (BPO)",
     .use = "trains only the worse side of every pair",
     .options = {{beta, 0.1}, {alpha, 0.3}, {gamma, 0}}, .f_divergence = true, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_bpo_logistic},
    {.name = "bdpo", .formula = "-ls(beta [x1 - ln(lambda e^x2 + 1 - lambda)])", .paper = "arXiv 2506.12725",
     .use = "bounded push on the rejected answer; on sums that push is gone quickly",
     .options = {{beta, 0.1}, {lambda, 0.5}, {gamma, 0}}, .f_divergence = true, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_bdpo},

    // Each side by its own log-ratio.
    {.name = "nca_pair", .formula = "-ls(beta x1) - ls(-beta x1)/2 - ls(-beta x2)/2", .paper = "arXiv 2402.05369",
     .use = "keeps the chosen answer's probability while it lowers the rejected one's",
     .options = {{beta, 0.01}, {gamma, 0}}, .f_divergence = true, .step0_text = "2 ln 2", .step0 = two_ln2, .per_pair = loss_nca_pair},
    {.name = "apo_zero", .formula = "1 - sigmoid(beta x1) + sigmoid(beta x2)", .paper = "arXiv 2408.06266",
     .use = "the chosen answers are better than what the model says",
     .options = {{beta, 0.1}, {gamma, 0}}, .step0_text = "1", .step0 = one, .per_pair = loss_apo_zero},
    {.name = "apo_down", .formula = "sigmoid(beta x1) + 1 - sigmoid(beta D)", .paper = "arXiv 2408.06266",
     .use = "the chosen answers are worse than what the model says: both go down, the rejected one more",
     .options = {{beta, 0.1}, {gamma, 0}}, .step0_text = "1", .step0 = one, .per_pair = loss_apo_down},
    {.name = "sppo_hard", .formula = "(x1 - m)^2 + (x2 + m)^2", .paper = "arXiv 2405.00675",
     .use = "self-play rounds: chosen to +m, rejected to -m",
     .options = {{beta, 1e-3}, {gamma, 0}}, .f_divergence = true, .step0_text = "1/(2 beta^2)", .step0 = sppo_start, .per_pair = loss_sppo_hard},
    {.name = "cal_dpo", .formula = "-ls(D) + [(x1 - m)^2 + (x2 + m)^2]/2", .paper = "arXiv 2412.14516",
     .use = "DPO with rewards on the scale of the true ones",
     .options = {{beta, 1e-3}, {gamma, 0}}, .f_divergence = true, .step0_text = "ln 2 + 1/(4 beta^2)", .step0 = cal_dpo_start, .per_pair = loss_cal_dpo},

    // State of the batch or of the run.
    {.name = "kto_pair", .formula = "[1 - sigmoid(beta (x1 - k_l))]/2 + [1 - sigmoid(beta (k_w - x2))]/2, k = sg(relu(batch mean of x))", .paper = "arXiv 2402.01306",
     .use = "utility of each answer against a reference point",
     .needs = kBatch, .options = {{beta, 0.1}, {gamma, 0}}, .f_divergence = true, .step0_text = "1/2", .step0 = half, .per_pair = loss_kto_pair},
    {.name = "bco_pair", .formula = "-ls(beta x1 - d) - ls(d - beta x2), d running mean of beta x (0 with ema 1)", .paper = "arXiv 2404.04656",
     .use = "classifies answers as good or bad; a part of MPO",
     .needs = kRunning, .options = {{beta, 0.01}, {ema, 0.9}, {gamma, 0}}, .f_divergence = true,
     .step0_text = "2 ln 2", .step0 = two_ln2, .per_pair = loss_bco_pair, .fold = fold_reward_shift},
    {.name = "beta_dpo", .formula = "-ls(b D) over the kept pairs, b = max(beta (1 + alpha (mean D of kept - running mean)), 0.001)", .paper = "arXiv 2407.08639, junkangwu/beta-DPO",
     .use = "pairs of very different quality: outliers are left out, beta follows the batch",
     .needs = {.whole_batch = true, .running_state = true}, .options = {{beta, 0.1}, {alpha, 0.6}, {ema, 0.9}, {keep, 0.8}, {gamma, 0}}, .f_divergence = true,
     .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_beta_dpo, .fold = fold_margin},
    {.name = "alpha_dpo", .formula = "-ls(beta [zw - zl - sg(rho + alpha (D - mu)/s)]), mu and s running moments of D", .paper = "arXiv 2410.10148",
     .use = "SimPO whose target margin follows the pair",
     .needs = {.lengths = true, .running_state = true}, .default_normalise = mean,
     .options = {{beta, 2.5}, {rho, 0.6}, {alpha, 0.2}, {ema, 0.9}, {gamma, 0}}, .step0_text = "depends on zw - zl",
     .per_pair = loss_alpha_dpo, .fold = fold_margin},
    {.name = "aot", .formula = "-ls(beta (sort(zw - zl) - sort(rw - rl))), smoothed", .paper = "arXiv 2406.05882",
     .use = "the whole distribution of margins should improve, not every pair",
     .needs = kBatch, .options = {{beta, 0.01}, {label_smoothing, 0}, {gamma, 0}}, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_aot},
    {.name = "aot_unpaired", .formula = "-ls(beta (sort(x1) - sort(x2))), smoothed", .paper = "arXiv 2406.05882",
     .use = "good and bad answers that do not share prompts",
     .needs = kBatch, .options = {{beta, 0.01}, {label_smoothing, 0}, {gamma, 0}}, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_aot_unpaired},

    // The policy's own log-probabilities.
    {.name = "simpo", .formula = "-ls(beta (zw - zl) - target_margin)", .paper = "arXiv 2405.14734",
     .use = "no memory or time for a reference",
     .needs = kPolicyLengths, .default_normalise = mean, .options = {{beta, 2.5}, {target_margin, 1.375}},
     .step0_text = "depends on zw - zl", .per_pair = loss_simpo},
    {.name = "alphapo", .formula = "-ls(beta (r(zw) - r(zl)) - target_margin), r(z) = (1 - e^(-alpha z))/alpha", .paper = "arXiv 2501.03884",
     .use = "SimPO with a reward shape between log and power",
     .needs = kPolicyLengths, .default_normalise = mean, .options = {{beta, 2.5}, {target_margin, 1.375}, {alpha, 0.1}},
     .step0_text = "depends on zw, zl", .per_pair = loss_alphapo},
    {.name = "sft", .formula = "-zw; on means every token counts the same", .paper = "maximum likelihood",
     .use = "part of a mix that keeps the chosen answers likely",
     .needs = kPolicyLengths, .default_normalise = mean, .step0_text = "depends on zw", .per_pair = loss_sft, .weigh_by_tokens = true},
    {.name = "orpo", .formula = "-zw - lambda ls(o(zw) - o(zl)), o(z) = z - ln(1 - e^z)", .paper = "arXiv 2403.07691",
     .use = "supervised tuning and preference in one run",
     .needs = kPolicyLengths, .default_normalise = mean, .options = {{lambda, 0.1}}, .step0_text = "depends on zw, zl", .per_pair = loss_orpo},
    {.name = "cpo", .formula = "-ls(beta (zw - zl)) + alpha nll(w), nll per token", .paper = "arXiv 2401.08417",
     .use = "translation-like tasks without a reference",
     .needs = kPolicyLengths, .options = {{beta, 0.1}, {alpha, 1}}, .step0_text = "depends on zw, zl", .per_pair = loss_cpo},
    {.name = "slic_hf", .formula = "relu(1 - zw + zl) - lambda zw", .paper = "arXiv 2305.10425",
     .use = "hinge on plain log-probabilities with a likelihood term",
     .needs = kPolicy, .options = {{lambda, 0.1}}, .step0_text = "depends on zw, zl", .per_pair = loss_slic_hf},
    {.name = "adadpo", .formula = "-ls(b x1 - beta x2), b = beta min(sg(e^(zw - zl)), clip)", .paper = "arXiv 2605.28440",
     .use = "DPO whose chosen side weighs by the policy's own odds",
     .needs = kRatiosLengths, .default_normalise = mean, .options = {{beta, 0.1}, {clip, 2}, {gamma, 0}},
     .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_adadpo},

    // Token-level inputs.
    {.name = "tdpo1", .formula = "-ls(beta (D - (K_l - K_w))), K = sum over tokens of KL(reference || policy)", .paper = "arXiv 2404.11999",
     .use = "the divergence from the reference matters at every token",
     .needs = kTokenKl, .options = {{beta, 0.1}, {gamma, 0}}, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_tdpo1},
    {.name = "tdpo2", .formula = "-ls(beta (D - alpha (K_l - sg(K_w))))", .paper = "arXiv 2404.11999",
     .use = "as tdpo1; the chosen answer is free to move",
     .needs = kTokenKl, .options = {{beta, 0.1}, {alpha, 0.5}, {gamma, 0}}, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_tdpo2},
    {.name = "epsilon_dpo", .formula = "-ls(b D), b = beta/(1 + epsilon s), s in {-1, 0, 1} from margins at logits f +- epsilon (f - f_ref)", .paper = "arXiv 2502.13177",
     .use = "beta chosen per pair by how the margin reacts to the distance from the reference",
     .needs = {.running_state = true, .reference_logits = true}, .options = {{beta, 0.01}, {epsilon, 0.01}, {gamma, 0}},
     .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_epsilon_dpo, .fold = fold_beta_scale},
    {.name = "tis_dpo", .formula = "-ls(beta (X_w - X_l)), X = sum over tokens of weight (log p - log p_ref)", .paper = "arXiv 2410.04350",
     .use = "tokens differ in importance; a recipe trains the two models that tell which by DPO, on the pairs and on the pairs turned round",
     .needs = {.token_values = true}, .options = {{beta, 0.1}, {gamma, 0}}, .step0_text = "ln 2", .step0 = ln2, .per_pair = loss_tis_dpo},
};

const std::vector<LossPreset> kPresets = {
    {.name = "dpo", .origin = "the usual name of sigmoid", .terms = {{.row = "sigmoid"}}},
    {.name = "sigmoid_norm", .origin = "sigmoid on means", .terms = {{.row = "sigmoid", .normalise = mean}}},
    {.name = "lpo-published", .origin = "settings of the released LPO training scripts",
     .terms = {{.row = "lpo-ste", .normalise = mean, .options = {{beta, 0.2}, {r1, 1}, {r2, 0.2}, {gamma, 10}}}}},
    {.name = "lpo-arguments", .origin = "argument defaults of the published LPO code (its positive term, 5, is off by default)",
     .terms = {{.row = "lpo-ste", .normalise = sum, .options = {{beta, 0.2}, {r1, 1}, {r2, 0.8}, {gamma, 0}}}}},
    {.name = "lpo-sweep", .origin = "published text and maths sweep: r2 is one of 0.1 0.2 1 2",
     .terms = {{.row = "lpo-ste", .normalise = mean, .options = {{beta, 0.2}, {r1, 1}, {gamma, 10}}}}, .required = {r2}},
    {.name = "lpo-asr", .origin = "published table for speech recognition: r2 is one of 1 2 3; the rest is not stated there",
     .terms = {{.row = "lpo-ste"}}, .required = {r2}},
    {.name = "mpo", .origin = "arXiv 2411.10442: 0.8 sigmoid + 0.2 bco_pair + 1 sft",
     .terms = {{.row = "sigmoid", .weight = 0.8}, {.row = "bco_pair", .weight = 0.2, .options = {{beta, 0.1}}}, {.row = "sft"}}},
    {.name = "irpo", .origin = "arXiv 2404.19733: sigmoid + 1 sft", .terms = {{.row = "sigmoid"}, {.row = "sft"}}},
    {.name = "rpo", .origin = "arXiv 2405.16436: sigmoid + 0.005 sft", .terms = {{.row = "sigmoid"}, {.row = "sft", .weight = 0.005}}},
};
// clang-format on

}  // namespace

std::span<const LossRow> losses() { return kTable; }
std::span<const LossPreset> loss_presets() { return kPresets; }

const LossRow* find_loss(std::string_view name) {
    for (const LossRow& row : kTable)
        if (row.name == name) return &row;
    return nullptr;
}

const LossPreset* find_preset(std::string_view name) {
    for (const LossPreset& preset : kPresets)
        if (preset.name == name) return &preset;
    return nullptr;
}

std::vector<std::string> loss_kinds() {
    std::vector<std::string> names;
    for (const LossRow& row : kTable) names.emplace_back(row.name);
    for (const LossPreset& preset : kPresets) names.emplace_back(preset.name);
    return names;
}

std::optional<double> loss_step0(const ResolvedTerm& term) {
    return term.row->step0 ? term.row->step0(term) : std::nullopt;
}

}  // namespace linvox
