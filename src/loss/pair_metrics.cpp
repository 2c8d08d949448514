#include "src/loss/pair_metrics.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/loss/inputs.h"
#include "src/loss/loss_table.h"
#include "src/loss/modifiers.h"

namespace linvox {
namespace {

using enum LossOption;

/// Values and weights per pair under a name; the sums leave the device together.
class MeterList {
public:
    explicit MeterList(at::Tensor pair_weight_B) : pair_weight_B_(std::move(pair_weight_B)) {}

    void add(std::string name, const at::Tensor& value_B) { add(std::move(name), value_B, pair_weight_B_); }
    void add(std::string name, const at::Tensor& value_B, const at::Tensor& weight_B) {
        names_.push_back(std::move(name));
        value_.push_back(value_B.detach().to(pair_weight_B_.options()));
        weight_.push_back(weight_B);
    }
    const at::Tensor& pair_weight() const { return pair_weight_B_; }

    std::vector<LossMeter> sums() const {
        const at::Tensor weight_KB = at::stack(weight_);
        const at::Tensor sums_2K =
            at::stack({(at::stack(value_) * weight_KB).sum(1), weight_KB.sum(1)}).to(at::kCPU).contiguous();
        const double* sum = sums_2K.const_data_ptr<double>();
        std::vector<LossMeter> meters;
        for (std::size_t k = 0; k < names_.size(); ++k)
            meters.push_back({names_[k], sum[k], sum[names_.size() + k]});
        return meters;
    }

private:
    at::Tensor pair_weight_B_;
    std::vector<std::string> names_;
    std::vector<at::Tensor> value_, weight_;
};

void add_losses(MeterList& list, const PreferenceLoss& loss, const at::Tensor& tokens_B) {
    const at::Tensor total_B = loss.per_pair_B.detach();
    list.add("loss/preference", loss.positive_B.defined() ? total_B - loss.positive_B.detach() : total_B);
    if (loss.positive_B.defined()) list.add("loss/positive", loss.positive_B);
    std::vector<std::string> names;
    for (const LossPart& part : loss.parts)
        if (part.name != "positive") names.emplace_back(part.name);
    if (names.size() < 2) return;
    for (std::size_t i = 0, k = 0; i < loss.parts.size(); ++i) {
        const LossPart& part = loss.parts[i];
        if (part.name == "positive") continue;
        const auto repeats =
            std::count(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(k++), part.name);
        list.add(
            repeats ? fmt::format("loss/{}_{}", part.name, repeats + 1) : fmt::format("loss/{}", part.name),
            part.per_pair_B, part.weigh_by_tokens ? list.pair_weight() * tokens_B : list.pair_weight());
    }
}

struct Sides {
    at::Tensor chosen_B, rejected_B;
};

void add_rewards(MeterList& list, const ResolvedTerm& main, const Sides& x) {
    if (!main.takes(beta)) return;
    const at::Tensor chosen_B = main[beta] * x.chosen_B, rejected_B = main[beta] * x.rejected_B;
    list.add("rewards/chosen", chosen_B);
    list.add("rewards/rejected", rejected_B);
    list.add("rewards/margins", chosen_B - rejected_B);
    list.add("rewards/accuracies", chosen_B > rejected_B);
}

void add_target(MeterList& list, const ResolvedTerm& main, const Sides& sum, const Sides& per_token) {
    if (!main.row->has_target) return;
    const Sides& x = main.normalise == Normalise::mean ? per_token : sum;
    const at::Tensor x1 = map_log_ratio(x.chosen_B, main.divergence, main[f_alpha]);
    const at::Tensor x2 = map_log_ratio(x.rejected_B, main.divergence, main[f_alpha]);
    const bool scaled = main.row->name == "lpo-r";  // its target is on the scaled coordinates
    const at::Tensor margin_B = scaled ? main[r1] * x1 - main[r2] * x2 : x1 - x2;
    list.add("margin/past_target", margin_B > 1.0 / (2.0 * main[beta]));
}

void add_ratios(MeterList& list, const ResolvedTerm& main, const Sides& sum, const Sides& per_token) {
    list.add("logratio/chosen_sum", sum.chosen_B);
    list.add("logratio/rejected_sum", sum.rejected_B);
    list.add("logratio/chosen_per_token", per_token.chosen_B);
    list.add("logratio/rejected_per_token", per_token.rejected_B);
    list.add("margin/sum", sum.chosen_B - sum.rejected_B);
    list.add("margin/per_token", per_token.chosen_B - per_token.rejected_B);
    add_target(list, main, sum, per_token);
    list.add("displacement/chosen", sum.chosen_B < 0);
    list.add("displacement/both", (sum.chosen_B < 0).logical_and(sum.rejected_B < 0));
}

at::Tensor leaf(const at::Tensor& value_B) { return value_B.detach().clone().set_requires_grad(true); }

at::Tensor gradient(const at::Tensor& leaf_B) {
    return leaf_B.grad().defined() ? leaf_B.grad() : at::zeros_like(leaf_B).detach();
}

}  // namespace

PairPush pair_push(const PairScores& scores, const PairExtras& extras, const LossConfig& config,
                   const LossState& state) {
    const c10::AutoGradMode with_gradient(true);
    PairScores s = scores;
    PairExtras e = extras;
    for (const auto& [name, tensor] : named_extras(e))  // the backward below must not reach the model
        if (tensor->defined()) *tensor = tensor->detach();
    s.policy_chosen = leaf(scores.policy_chosen);
    s.policy_rejected = leaf(scores.policy_rejected);
    LossConfig uncontrolled = config;
    uncontrolled.ratio_target = 0.0;
    const std::vector<ResolvedTerm> terms = resolve_loss(uncontrolled);
    const bool weighted = terms.front().row->name == "tis_dpo";
    if (weighted) {
        e.chosen_weighted_logratio = leaf(extras.chosen_weighted_logratio);
        e.rejected_weighted_logratio = leaf(extras.rejected_weighted_logratio);
    }
    LossState copy = state;
    preference_loss(s, e, uncontrolled, copy).per_pair_B.sum().backward();

    PairPush push{-gradient(s.policy_chosen), gradient(s.policy_rejected)};
    if (weighted) {
        push.chosen_B = push.chosen_B - gradient(e.chosen_weighted_logratio);
        push.rejected_B = push.rejected_B + gradient(e.rejected_weighted_logratio);
    }
    if (terms.front().normalise == Normalise::mean) {  // d/d(mean) = count * d/d(sum)
        const bool by_weight = weighted && e.chosen_weight_sum.defined();
        push.chosen_B =
            push.chosen_B *
            (by_weight ? e.chosen_weight_sum : scores.chosen_tokens).detach().to(push.chosen_B.options());
        push.rejected_B = push.rejected_B * (by_weight ? e.rejected_weight_sum : scores.rejected_tokens)
                                                .detach()
                                                .to(push.rejected_B.options());
    }
    return push;
}

std::vector<LossMeter> pair_metrics(const PairScores& scores, const PairExtras& extras,
                                    const LossConfig& config, const LossState& state,
                                    const PreferenceLoss& loss, const at::Tensor& pair_weight_B) {
    const PairPush push = pair_push(scores, extras, config, state);
    const c10::AutoGradMode no_gradient(false);
    const ResolvedTerm main = resolve_loss(config).front();
    const at::TensorOptions options = scores.policy_chosen.options().dtype(at::kDouble).requires_grad(false);
    const Sides policy{scores.policy_chosen.detach().to(options),
                       scores.policy_rejected.detach().to(options)};
    const Sides tokens{scores.chosen_tokens.detach().to(options),
                       scores.rejected_tokens.detach().to(options)};
    MeterList list(pair_weight_B.defined() ? pair_weight_B.detach().to(options)
                                           : at::ones_like(policy.chosen_B));

    add_losses(list, loss, tokens.chosen_B);
    list.add("logps/chosen", policy.chosen_B);
    list.add("logps/rejected", policy.rejected_B);
    list.add("nll_loss", -policy.chosen_B / tokens.chosen_B, list.pair_weight() * tokens.chosen_B);
    list.add("length/chosen", tokens.chosen_B);
    list.add("length/rejected", tokens.rejected_B);
    if (scores.reference_chosen.defined() && scores.reference_rejected.defined()) {
        const Sides sum{policy.chosen_B - scores.reference_chosen.detach().to(options),
                        policy.rejected_B - scores.reference_rejected.detach().to(options)};
        const Sides per_token{sum.chosen_B / tokens.chosen_B, sum.rejected_B / tokens.rejected_B};
        add_rewards(list, main, sum);
        add_ratios(list, main, sum, per_token);
    } else {
        add_rewards(list, main, policy);  // TRL's convention for losses without a reference
    }
    list.add("push/chosen", push.chosen_B);
    list.add("push/rejected", push.rejected_B);
    return list.sums();
}

}  // namespace linvox
