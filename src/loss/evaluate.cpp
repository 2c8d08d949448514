#include "src/loss/evaluate.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/loss/evaluate_input.h"
#include "src/loss/loss_table.h"
#include "src/loss/pair_metrics.h"
#include "src/loss/preference.h"

namespace linvox {
namespace {

using nlohmann::json;

json values(const at::Tensor& value_B, bool is_batch) {
    const at::Tensor value = value_B.detach().to(at::kDouble).contiguous();
    json out = json::array();
    for (std::int64_t i = 0; i < value.numel(); ++i) {
        const double number = value.const_data_ptr<double>()[i];
        LINVOX_REQUIRE(std::isfinite(number), DataError, "the loss or its gradient is not finite here ({})",
                       number);
        out.push_back(number);
    }
    return is_batch ? out : out.at(0);
}

using NamedLeaves = std::vector<std::pair<const char*, at::Tensor*>>;

NamedLeaves leaves(PairScores& s, PairExtras& e) {
    NamedLeaves all = {{"policy_chosen", &s.policy_chosen},
                       {"policy_rejected", &s.policy_rejected},
                       {"reference_chosen", &s.reference_chosen},
                       {"reference_rejected", &s.reference_rejected},
                       {"chosen_kl", &e.chosen_kl},
                       {"rejected_kl", &e.rejected_kl},
                       {"chosen_weighted_logratio", &e.chosen_weighted_logratio},
                       {"rejected_weighted_logratio", &e.rejected_weighted_logratio}};
    std::erase_if(all, [](const auto& entry) { return !entry.second->defined(); });
    for (auto& [name, tensor] : all) *tensor = tensor->detach().clone().set_requires_grad(true);
    return all;
}

json describe(const std::vector<ResolvedTerm>& terms) {
    json out = json::array();
    for (const ResolvedTerm& term : terms) {
        json options = json::object();
        for (const auto& [option, unused] : term.row->options)
            options[std::string(loss_option(option).key)] = term[option];
        out.push_back({{"loss", term.row->name},
                       {"weight", term.weight},
                       {"normalise", term.normalise == Normalise::sum ? "sum" : "mean"},
                       {"options", options}});
    }
    return out;
}

// beta * x on sums; the policy's own log-probability where there is no reference.
json rewards(const LossLine& line, const ResolvedTerm& main) {
    if (!main.takes(LossOption::beta)) return nullptr;
    const PairScores& s = line.scores;
    const bool ratios = s.reference_chosen.defined();
    const double b = main[LossOption::beta];
    const at::Tensor chosen_B = b * (ratios ? s.policy_chosen - s.reference_chosen : s.policy_chosen);
    const at::Tensor rejected_B = b * (ratios ? s.policy_rejected - s.reference_rejected : s.policy_rejected);
    return {{"chosen", values(chosen_B, line.is_batch)},
            {"rejected", values(rejected_B, line.is_batch)},
            {"margin", values(chosen_B - rejected_B, line.is_batch)}};
}

}  // namespace

json evaluate_loss_line(const json& input) {
    const c10::AutoGradMode with_gradient(true);
    LossLine line = read_loss_line(input);
    const std::vector<ResolvedTerm> terms = resolve_loss(line.config);
    const NamedLeaves inputs = leaves(line.scores, line.extras);
    LossState state = line.state;
    const PreferenceLoss loss = preference_loss(line.scores, line.extras, line.config, state);
    loss.per_pair_B.sum().backward();

    json out = json::object();
    if (input.contains("id")) out["id"] = input.at("id");
    out["losses"] = describe(terms);
    out["value"] = values(loss.per_pair_B, line.is_batch);
    for (const LossPart& part : loss.parts)
        out["parts"].push_back({{"name", part.name},
                                {"weight", part.weight},
                                {"value", values(part.per_pair_B, line.is_batch)}});
    out["rewards"] = rewards(line, terms.front());
    for (const auto& [name, tensor] : inputs)
        out["gradients"][name] =
            values(tensor->grad().defined() ? tensor->grad() : at::zeros_like(*tensor), line.is_batch);
    const PairPush push = pair_push(line.scores, line.extras, line.config, line.state);
    out["push"] = {{"chosen", values(push.chosen_B, line.is_batch)},
                   {"rejected", values(push.rejected_B, line.is_batch)}};
    return out;
}

}  // namespace linvox
