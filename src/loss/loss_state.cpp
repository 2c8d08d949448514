// LossState as one list of numbers (for ranks) and as JSON (for checkpoints).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/loss/scores.h"

namespace linvox {

std::vector<double> pending_sums(const LossState& state) {
    std::vector<double> all = state.push_sums;
    for (const TermState& term : state.terms) all.insert(all.end(), term.sums.begin(), term.sums.end());
    return all;
}

void set_pending_sums(LossState& state, const std::vector<double>& sums) {
    std::size_t at = 0;
    const auto take = [&](std::vector<double>& part) {
        for (double& value : part) value = at < sums.size() ? sums[at] : 0.0, ++at;
    };
    take(state.push_sums);
    for (TermState& term : state.terms) take(term.sums);
    LINVOX_ASSERT(at == sums.size(), "{} sums given for a loss state that holds {}", sums.size(), at);
}

nlohmann::json loss_state_to_json(const LossState& state) {
    nlohmann::json terms = nlohmann::json::array();
    for (const TermState& term : state.terms)
        terms.push_back({{"reward_shift", term.reward_shift},
                         {"margin_mean", term.margin_mean},
                         {"margin_std", term.margin_std},
                         {"beta_scale", term.beta_scale},
                         {"sums", term.sums}});
    return {{"terms", terms},
            {"step", state.step},
            {"seed", state.seed},
            {"push_ratio", state.push_ratio},
            {"push_sums", state.push_sums}};
}

LossState loss_state_from_json(const nlohmann::json& json) try {
    LossState state;
    for (const nlohmann::json& item : json.at("terms")) {
        TermState term;
        item.at("reward_shift").get_to(term.reward_shift);
        item.at("margin_mean").get_to(term.margin_mean);
        item.at("margin_std").get_to(term.margin_std);
        item.at("beta_scale").get_to(term.beta_scale);
        item.at("sums").get_to(term.sums);
        state.terms.push_back(std::move(term));
    }
    json.at("step").get_to(state.step);
    json.at("seed").get_to(state.seed);
    json.at("push_ratio").get_to(state.push_ratio);
    json.at("push_sums").get_to(state.push_sums);
    return state;
} catch (const nlohmann::json::exception& error) {
    throw DataError(
        fmt::format("loss state: {}; the checkpoint is damaged or of another version", error.what()));
}

}  // namespace linvox
