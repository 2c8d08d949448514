#include "src/loss/inputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/loss/loss_table.h"

namespace linvox {
namespace {

std::vector<const char*> wanted_extras(const ResolvedTerm& term) {
    const std::string_view name = term.row->name;
    if (term.row->needs.task_scores) return {"chosen_score", "rejected_score"};
    if (name == "tdpo1" || name == "tdpo2") return {"chosen_kl", "rejected_kl"};
    if (name == "epsilon_dpo") return {"margin_plus", "margin_minus"};
    if (name != "tis_dpo") return {};
    if (term.normalise == Normalise::sum) return {"chosen_weighted_logratio", "rejected_weighted_logratio"};
    return {"chosen_weighted_logratio", "rejected_weighted_logratio", "chosen_weight_sum",
            "rejected_weight_sum"};
}

}  // namespace

std::vector<std::pair<const char*, at::Tensor*>> named_extras(PairExtras& e) {
    return {{"chosen_score", &e.chosen_score},
            {"rejected_score", &e.rejected_score},
            {"chosen_kl", &e.chosen_kl},
            {"rejected_kl", &e.rejected_kl},
            {"margin_plus", &e.margin_plus},
            {"margin_minus", &e.margin_minus},
            {"chosen_weighted_logratio", &e.chosen_weighted_logratio},
            {"rejected_weighted_logratio", &e.rejected_weighted_logratio},
            {"chosen_weight_sum", &e.chosen_weight_sum},
            {"rejected_weight_sum", &e.rejected_weight_sum},
            {"chosen_on_policy", &e.chosen_on_policy},
            {"rejected_on_policy", &e.rejected_on_policy}};
}

std::vector<std::string> missing_inputs(const std::vector<ResolvedTerm>& terms, const LossConfig& config,
                                        const PairScores& scores, const PairExtras& extras) {
    PairExtras view = extras;
    const auto extra_tensors = named_extras(view);
    std::vector<std::string> missing;
    const auto need = [&](std::string_view who, std::string_view name) {
        const auto found = std::find_if(extra_tensors.begin(), extra_tensors.end(),
                                        [&](const auto& entry) { return name == entry.first; });
        LINVOX_ASSERT(found != extra_tensors.end(), "no input is called {}", name);
        if (!found->second->defined()) missing.push_back(fmt::format("{} needs {}", who, name));
    };
    for (const ResolvedTerm& term : terms) {
        if (term.row->needs.reference && !scores.reference_chosen.defined())
            missing.push_back(fmt::format("{} needs reference_chosen", term.row->name));
        if (term.row->needs.reference && !scores.reference_rejected.defined())
            missing.push_back(fmt::format("{} needs reference_rejected", term.row->name));
        for (const char* name : wanted_extras(term)) need(term.row->name, name);
    }
    if (config.wpo)
        for (const char* name : {"chosen_on_policy", "rejected_on_policy"}) need("wpo", name);
    return missing;
}

}  // namespace linvox
