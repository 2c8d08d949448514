#include "src/loss/preference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <utility>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/loss/inputs.h"
#include "src/loss/loss_table.h"
#include "src/loss/modifiers.h"
#include "src/loss/pair_metrics.h"

namespace linvox {
namespace {

std::string shape_text(const at::Tensor& tensor) {
    if (!tensor.defined()) return "undefined";
    std::vector<std::string> sizes;
    for (const std::int64_t size : tensor.sizes()) sizes.push_back(fmt::format("{}", size));
    return join(sizes, "x");
}

void require_shape(const char* name, const at::Tensor& tensor, const at::Tensor& like) {
    LINVOX_ASSERT(tensor.defined() && tensor.sizes() == like.sizes(),
                  "preference_loss: {} must have shape [{}] as policy_chosen, got [{}]", name,
                  shape_text(like), shape_text(tensor));
}

void require_float(const char* name, const at::Tensor& tensor) {
    LINVOX_ASSERT(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble,
                  "preference_loss: {} must be float32 or float64; a narrower type loses nats", name);
}

void require_counts(const char* side, const at::Tensor& count_B) {
    if (!count_B.is_cpu()) return;  // looking would stop the device
    const at::Tensor count = count_B.detach().to(at::kCPU, at::kDouble).contiguous();
    for (std::int64_t i = 0; i < count.numel(); ++i)
        LINVOX_REQUIRE(
            count.const_data_ptr<double>()[i] > 0, DataError,
            "pair {} of the batch: the {} answer must have a scored token, got {:g}; drop the pair", i, side,
            count.const_data_ptr<double>()[i]);
}

void check_scores(const PairScores& s, PairExtras e) {
    const at::Tensor& like = s.policy_chosen;
    LINVOX_ASSERT(like.defined() && like.dim() == 1,
                  "preference_loss: policy_chosen must have one dimension, got [{}]", shape_text(like));
    require_shape("policy_rejected", s.policy_rejected, like);
    require_shape("chosen_tokens", s.chosen_tokens, like);
    require_shape("rejected_tokens", s.rejected_tokens, like);
    require_float("policy_chosen", like);
    require_float("policy_rejected", s.policy_rejected);
    std::vector<std::pair<const char*, at::Tensor*>> optional = named_extras(e);
    at::Tensor reference_chosen = s.reference_chosen, reference_rejected = s.reference_rejected;
    optional.push_back({"reference_chosen", &reference_chosen});
    optional.push_back({"reference_rejected", &reference_rejected});
    for (const auto& [name, tensor] : optional) {
        if (!tensor->defined()) continue;
        require_shape(name, *tensor, like);
        require_float(name, *tensor);
    }
    require_counts("chosen", s.chosen_tokens);
    require_counts("rejected", s.rejected_tokens);
}

// Score gaps a loss can use: mappo's is a weight, odpo takes its logarithm.
void check_gaps(const LossRow& row, const PairExtras& extras) {
    const at::Tensor gap_B =
        (extras.chosen_score - extras.rejected_score).detach().to(at::kCPU, at::kDouble).contiguous();
    for (std::int64_t i = 0; i < gap_B.numel(); ++i) {
        const double gap = gap_B.const_data_ptr<double>()[i];
        LINVOX_REQUIRE(row.name != "mappo" || (gap >= 0 && gap <= 1), DataError,
                       "pair {} of the batch: mappo needs score(chosen) - score(rejected) in [0, 1], got "
                       "{:g}; scale the scores",
                       i, gap);
        LINVOX_REQUIRE(row.name != "odpo" || gap > 0, DataError,
                       "pair {} of the batch: odpo needs score(chosen) > score(rejected), got a gap of {:g}; "
                       "drop the pair",
                       i, gap);
    }
}

// The one place where sums become means, for policy and reference alike; then the f-divergence.
PairInputs normalised_inputs(const PairScores& s, const PairExtras& e, const ResolvedTerm& term,
                             LossState& state, std::size_t index) {
    const at::TensorOptions options = s.policy_chosen.options().requires_grad(false);
    PairInputs in{.chosen_tokens = s.chosen_tokens.detach().to(options),
                  .rejected_tokens = s.rejected_tokens.detach().to(options),
                  .sums = s,
                  .extras = e,
                  .state = state.terms[index],
                  .step = state.step,
                  .seed = state.seed};
    const auto normalise = [&](const at::Tensor& sum_B, const at::Tensor& count_B) {
        return term.normalise == Normalise::mean ? sum_B / count_B : sum_B;
    };
    in.zw = normalise(s.policy_chosen, in.chosen_tokens);
    in.zl = normalise(s.policy_rejected, in.rejected_tokens);
    if (s.reference_chosen.defined() && s.reference_rejected.defined()) {
        in.rw = normalise(s.reference_chosen, in.chosen_tokens);
        in.rl = normalise(s.reference_rejected, in.rejected_tokens);
        in.x1 = map_log_ratio(in.zw - in.rw, term.divergence, term[LossOption::f_alpha]);
        in.x2 = map_log_ratio(in.zl - in.rl, term.divergence, term[LossOption::f_alpha]);
    }
    return in;
}

PreferenceLoss evaluate_terms(const PairScores& scores, const PairExtras& extras, const LossConfig& config,
                              const std::vector<ResolvedTerm>& terms, LossState& state) {
    PreferenceLoss loss;
    at::Tensor pair_weight_B;
    if (config.wpo) pair_weight_B = on_policy_pair_weight(extras, config.wpo_clamp);
    const auto add_part = [&](std::string_view name, double weight, at::Tensor value_B, bool by_tokens) {
        // WPO weighs pairs; a likelihood part has none.
        if (pair_weight_B.defined() && !by_tokens) value_B = pair_weight_B * value_B;
        const at::Tensor share_B = weight * value_B;
        loss.per_pair_B = loss.per_pair_B.defined() ? loss.per_pair_B + share_B : share_B;
        if (name == "positive")
            loss.positive_B = loss.positive_B.defined() ? loss.positive_B + share_B : share_B;
        loss.parts.push_back({name, weight, by_tokens, std::move(value_B)});
    };
    for (std::size_t i = 0; i < terms.size(); ++i) {
        const ResolvedTerm& term = terms[i];
        const PairInputs in = normalised_inputs(scores, extras, term, state, i);
        add_part(term.row->name, term.weight, term.row->per_pair(in, term), term.row->weigh_by_tokens);
        const double gamma = term[LossOption::gamma];
        if (gamma > 0) add_part("positive", term.weight * gamma, at::relu(in.rw - in.zw), false);
    }
    return loss;
}

PairScores with_gradients_scaled(const PairScores& scores, double factor) {
    PairScores out = scores;
    out.policy_chosen = scale_gradient(scores.policy_chosen, factor);
    out.policy_rejected = scale_gradient(scores.policy_rejected, 1.0 / factor);
    return out;
}

at::Tensor part_weight(bool by_tokens, const at::Tensor& chosen_tokens_B, const at::Tensor& pair_weight_B) {
    return by_tokens ? pair_weight_B * chosen_tokens_B.to(pair_weight_B.options()) : pair_weight_B;
}

}  // namespace

PreferenceLoss preference_loss(const PairScores& scores, const PairExtras& extras, const LossConfig& config,
                               LossState& state) {
    check_scores(scores, extras);
    const std::vector<ResolvedTerm> terms = resolve_loss(config);
    const std::vector<std::string> missing = missing_inputs(terms, config, scores, extras);
    LINVOX_ASSERT(missing.empty(), "preference_loss: {}, which is undefined", join(missing, "; "));
    for (const ResolvedTerm& term : terms)
        if (term.row->needs.task_scores) check_gaps(*term.row, extras);
    state.terms.resize(terms.size());
    if (config.ratio_target <= 0) return evaluate_terms(scores, extras, config, terms, state);

    const PairPush push = pair_push(scores, extras, config, state);
    state.push_sums.resize(2);
    state.push_sums[0] += push.chosen_B.sum().item<double>();
    state.push_sums[1] += push.rejected_B.sum().item<double>();
    return evaluate_terms(with_gradients_scaled(scores, ratio_control_factor(config, state)), extras, config,
                          terms, state);
}

std::vector<double> loss_denominators(const LossConfig& config, const at::Tensor& chosen_tokens_B,
                                      const at::Tensor& pair_weight_B) {
    std::vector<double> denominators;
    for (const ResolvedTerm& term : resolve_loss(config)) {
        const at::Tensor weight_B =
            part_weight(term.row->weigh_by_tokens, chosen_tokens_B, pair_weight_B.to(at::kDouble));
        denominators.push_back(weight_B.sum().item<double>());
        if (term[LossOption::gamma] > 0) denominators.push_back(denominators.back());
    }
    return denominators;
}

at::Tensor reduce_loss(const PreferenceLoss& loss, const at::Tensor& chosen_tokens_B,
                       const at::Tensor& pair_weight_B, const std::vector<double>& denominators) {
    LINVOX_ASSERT(denominators.size() == loss.parts.size(), "reduce_loss: {} denominators for {} parts",
                  denominators.size(), loss.parts.size());
    const at::Tensor pair_weight = pair_weight_B.to(loss.per_pair_B.options().requires_grad(false));
    at::Tensor total;
    for (std::size_t i = 0; i < loss.parts.size(); ++i) {
        const LossPart& part = loss.parts[i];
        LINVOX_ASSERT(denominators[i] > 0, "reduce_loss: the weights of part {} add up to {}", part.name,
                      denominators[i]);
        const at::Tensor weight_B = part_weight(part.weigh_by_tokens, chosen_tokens_B, pair_weight);
        const at::Tensor share = (weight_B * part.per_pair_B).sum() * (part.weight / denominators[i]);
        total = total.defined() ? total + share : share;
    }
    return total;
}

void finish_step(const LossConfig& config, LossState& state) {
    const std::vector<ResolvedTerm> terms = resolve_loss(config);
    state.terms.resize(terms.size());
    for (std::size_t i = 0; i < terms.size(); ++i) {
        TermState& term = state.terms[i];
        if (terms[i].row->fold && !term.sums.empty() && term.sums[0] > 0) terms[i].row->fold(term, terms[i]);
        term.sums.assign(term.sums.size(), 0.0);
    }
    // Past a target the pushes change sign; the ratio then says nothing about the wanted balance.
    if (state.push_sums.size() == 2 && state.push_sums[0] > 0 && state.push_sums[1] > 0) {
        const double ratio = state.push_sums[0] / state.push_sums[1];
        state.push_ratio = state.push_ratio > 0
                               ? config.ratio_ema * state.push_ratio + (1.0 - config.ratio_ema) * ratio
                               : ratio;
    }
    state.push_sums.assign(state.push_sums.size(), 0.0);
    ++state.step;
}

at::Tensor loss_at_reference(const PairScores& scores, const PairExtras& extras, const LossConfig& config,
                             const LossState& state) {
    LINVOX_ASSERT(scores.reference_chosen.defined() && scores.reference_rejected.defined(),
                  "loss_at_reference needs reference sums");
    PairScores at_reference = scores;
    at_reference.policy_chosen = scores.reference_chosen.detach();
    at_reference.policy_rejected = scores.reference_rejected.detach();
    PairExtras extras_there = extras;
    for (at::Tensor* weighted :
         {&extras_there.chosen_weighted_logratio, &extras_there.rejected_weighted_logratio})
        if (weighted->defined()) *weighted = at::zeros_like(weighted->detach());
    LossState copy = state;
    return preference_loss(at_reference, extras_there, config, copy).per_pair_B;
}

}  // namespace linvox
