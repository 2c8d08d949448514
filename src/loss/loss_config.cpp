#include "src/loss/loss_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/loss/loss_table.h"

namespace linvox {
namespace {

using enum LossOption;

const std::vector<LossOptionInfo> kOptions = {
    {beta,
     "beta",
     "inverse temperature of the implicit reward; the target margin is 1/(2 beta)",
     {1e-6, 1e3}},
    {r1, "r1", "weight of raising the chosen answer (lpo-r, lpo-ste)", {1e-9, 1e6}},
    {r2, "r2", "weight of lowering the rejected answer (lpo-r, lpo-ste)", {0, 1e6}},
    {gamma,
     "gamma",
     "weight of the positive term relu(-x1): lifts the chosen answer while it is below the reference",
     {0, 1e6}},
    {label_smoothing, "label_smoothing", "share of preferences taken as wrong", {0, 0.499}},
    {lambda,
     "lambda",
     "dpop: penalty; bdpo: share of the policy in the mixture; orpo, slic_hf: weight of the second term",
     {0, 1e6}},
    {alpha, "alpha", "weight or shape of a second term: see the loss's formula", {-10, 1e3}},
    {eta, "eta", "scale of the score gap (rpo_*)", {0, 1e3}},
    {rho, "rho", "constant part of the target (alpha_dpo)", {-1e3, 1e3}},
    {tau, "tau", "temperature of the blend (discopop)", {1e-6, 1e3}},
    {target_margin, "target_margin", "reward margin wanted (simpo, alphapo)", {-1e3, 1e3}},
    {factor, "factor", "weight of the rejected log-ratio at the start (dpo_shift)", {0, 1}},
    {factor_end, "factor_end", "its weight after factor_steps (dpo_shift)", {0, 1}},
    {factor_steps, "factor_steps", "steps from factor to factor_end; 0 keeps factor (dpo_shift)", {0, 1e9}},
    {ema, "ema", "share of a running mean that stays at every step; 1 freezes it", {0, 1}},
    {keep, "keep", "share of a batch that is trained on (beta_dpo)", {0.01, 1}},
    {clip, "clip", "largest factor on beta (adadpo)", {1e-6, 1e6}},
    {epsilon, "epsilon", "relative change of beta (epsilon_dpo)", {0, 0.5}},
    {f_alpha, "f_alpha", "order of the alpha divergence", {0, 0.99}},
};

const std::vector<std::string> kDivergences = {"reverse_kl", "forward_kl", "js", "alpha"};
constexpr double kDefaultFAlpha = 0.5;

std::size_t index_of(LossOption option) { return static_cast<std::size_t>(option); }

const LossRow* first_row(const std::string& kind) {
    if (const LossPreset* preset = find_preset(kind)) return find_loss(preset->terms.front().row);
    return find_loss(kind);
}

std::optional<double> find_value(const std::vector<std::pair<LossOption, double>>& values,
                                 LossOption option) {
    for (const auto& [key, value] : values)
        if (key == option) return value;
    return std::nullopt;
}

// What an unset option will be, or nothing when the kind does not take it.
std::optional<double> default_value(const LossTerm& term, LossOption option) {
    if (option == f_alpha) return term.f_divergence == "alpha" ? std::optional(kDefaultFAlpha) : std::nullopt;
    const LossPreset* preset = find_preset(term.kind);
    if (!preset) {
        const LossRow* row = find_loss(term.kind);
        return row ? find_value(row->options, option) : std::nullopt;
    }
    for (const LossPreset::Term& part : preset->terms) {
        const auto row_default = find_value(find_loss(part.row)->options, option);
        if (row_default) return find_value(part.options, option).value_or(*row_default);
    }
    return std::nullopt;
}

std::string_view default_normalise(const LossTerm& term) {
    const LossRow* row = first_row(term.kind);
    if (!row) return "sum";
    Normalise normalise = row->default_normalise;
    if (const LossPreset* preset = find_preset(term.kind))
        normalise = preset->terms.front().normalise.value_or(normalise);
    return normalise == Normalise::sum ? "sum" : "mean";
}

ResolvedTerm resolve_row(const LossTerm& term, const LossPreset::Term& part) {
    ResolvedTerm out;
    out.row = find_loss(part.row);
    out.weight = term.weight * part.weight;
    out.normalise = part.normalise.value_or(out.row->default_normalise);
    // The likelihood part of a preset stays a token mean: its own weight is tuned for that.
    const bool follows = !out.row->weigh_by_tokens || term.kind == out.row->name;
    if (!term.normalise.empty() && follows)
        out.normalise = term.normalise == "sum" ? Normalise::sum : Normalise::mean;
    out.unit_scale = term.unit_scale;
    if (out.row->f_divergence) {
        const auto found = std::find(kDivergences.begin(), kDivergences.end(), term.f_divergence);
        out.divergence = static_cast<FDivergence>(found - kDivergences.begin());
    }
    for (const auto& [option, value] : out.row->options)
        out.values[index_of(option)] =
            term.options[index_of(option)].value_or(find_value(part.options, option).value_or(value));
    out.values[index_of(f_alpha)] = term.options[index_of(f_alpha)].value_or(kDefaultFAlpha);
    return out;
}

void resolve_term(const LossTerm& term, std::vector<ResolvedTerm>& out) {
    if (const LossPreset* preset = find_preset(term.kind)) {
        for (const LossPreset::Term& part : preset->terms) out.push_back(resolve_row(term, part));
    } else {
        out.push_back(resolve_row(term, {.row = find_loss(term.kind)->name}));
    }
}

}  // namespace

std::span<const LossOptionInfo> loss_options() { return kOptions; }
const LossOptionInfo& loss_option(LossOption option) { return kOptions[index_of(option)]; }

bool ResolvedTerm::takes(LossOption option) const { return find_value(row->options, option).has_value(); }

LossTerm& LossTerm::set(LossOption option, double value) {
    options[index_of(option)] = value;
    return *this;
}

void LossTerm::visit(ConfigVisitor& v) {
    v.choice("kind", kind, "the loss: a row of docs/losses.md or a preset", loss_kinds());
    v.field("weight", weight, "factor of this loss in the sum", Range{0, 1e6});
    const std::string shown(normalise.empty() ? default_normalise(*this) : std::string_view(normalise));
    std::string chosen = shown;
    v.choice("normalise", chosen,
             "log-probabilities per answer (sum) or per token (mean), for policy and reference",
             {"sum", "mean"});
    if (chosen != shown) normalise = chosen;
    v.choice("f_divergence", f_divergence, "map of the log-ratios", kDivergences);
    v.field("unit_scale", unit_scale, "ipo: times 8 beta^2, so that it starts at 2 as the LPO family does");
    for (const LossOptionInfo& info : kOptions) {
        std::optional<double>& option = options[index_of(info.option)];
        const std::optional<double> usual = default_value(*this, info.option);
        const double before = option.value_or(usual.value_or(0.0));
        double value = before;
        // 0 is printed for an option that is not taken and must read back whatever the kind, so the visitor
        // always allows it; check_loss_config has the true range.
        v.field(info.key, value, info.help, Range{std::min(info.range.low, 0.0), info.range.high});
        if (value != before) option = value;
    }
}

void LossConfig::visit(ConfigVisitor& v) {
    main.visit(v);
    v.field("ld_alpha", ld_alpha, "LD-DPO: weight of tokens past the shorter answer's length; 1 is off",
            Range{0, 1});
    v.field("wpo", wpo, "WPO: weigh every pair by how likely the policy is to write both answers");
    v.field("wpo_clamp", wpo_clamp, "WPO: weights of at most 1");
    v.field("ratio_target", ratio_target,
            "ratio control: wanted push on chosen / push on rejected (the metric r_star); 0 is off",
            Range{0, 1e6});
    v.field("ratio_ema", ratio_ema, "ratio control: share of the running ratio that stays at every step",
            Range{0, 1});
    v.sections("mix", mix, "further losses, added with their own weight and normalisation");
}

std::vector<ResolvedTerm> resolve_loss(const LossConfig& config) {
    const std::vector<std::string> problems = check_loss_config(config);
    LINVOX_REQUIRE(problems.empty(), ConfigError, "{} problem(s) in the loss:\n  {}", problems.size(),
                   join(problems, "\n  "));
    std::vector<ResolvedTerm> terms;
    resolve_term(config.main, terms);
    for (const LossTerm& term : config.mix) resolve_term(term, terms);
    return terms;
}

std::string describe_loss(const LossConfig& config) {
    std::vector<std::string> parts;
    for (const ResolvedTerm& term : resolve_loss(config)) {
        std::vector<std::string> options;
        for (const auto& [option, unused] : term.row->options)
            options.push_back(fmt::format("{} {:g}", loss_option(option).key, term[option]));
        std::string text = term.weight == 1.0 ? "" : fmt::format("{:g} ", term.weight);
        text += fmt::format("{} on {}", term.row->name, term.normalise == Normalise::sum ? "sums" : "means");
        if (term.unit_scale) options.push_back("unit scale");
        if (term.divergence != FDivergence::reverse_kl)
            options.push_back(kDivergences[static_cast<std::size_t>(term.divergence)] + " divergence");
        if (!options.empty()) text += ": " + join(options, ", ");
        parts.push_back(std::move(text));
    }
    if (config.ld_alpha != 1.0) parts.push_back(fmt::format("LD-DPO alpha {:g}", config.ld_alpha));
    if (config.wpo) parts.push_back(config.wpo_clamp ? "WPO weights up to 1" : "WPO weights");
    if (config.ratio_target > 0) parts.push_back(fmt::format("ratio control to {:g}", config.ratio_target));
    return join(parts, " + ");
}

}  // namespace linvox
