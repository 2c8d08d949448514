#include "src/loss/evaluate.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/loss/loss_table.h"
#include "src/loss/preference.h"
#include "src/loss/token_level.h"

namespace linvox {
namespace {

using nlohmann::json;

std::vector<double> numbers(const json& value, std::string_view name) {
    std::vector<double> out;
    const auto push = [&](const json& item) {
        LINVOX_REQUIRE(item.is_number(), DataError, "\"{}\" must be a number or a list of numbers, got {}", name,
                       item.dump());
        out.push_back(item.get<double>());
    };
    if (value.is_array()) {
        for (const json& item : value) push(item);
        LINVOX_REQUIRE(!out.empty(), DataError, "\"{}\" is an empty list", name);
    } else {
        push(value);
    }
    return out;
}

std::string_view key_name(std::string_view key) { return key; }

template <typename Keys>
void refuse_unknown(const json& object, const Keys& known, std::string_view where) {
    for (const auto& [key, unused] : object.items()) {
        std::vector<std::string> names;
        for (const auto& name : known) names.emplace_back(key_name(name));
        if (std::find(names.begin(), names.end(), key) != names.end()) continue;
        const std::string near = nearest_name(key, names);
        throw DataError(fmt::format("unknown {} \"{}\"{}", where, key,
                                    near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
    }
}

// The batch of one line: every field has the same length, or is one number.
struct Fields {
    const json& line;
    std::int64_t pairs = 0;

    at::Tensor get(const char* name) {
        const auto found = line.find(name);
        if (found == line.end()) return {};
        const std::vector<double> values = numbers(*found, name);
        if (pairs == 0) pairs = static_cast<std::int64_t>(values.size());
        LINVOX_REQUIRE(pairs == static_cast<std::int64_t>(values.size()), DataError,
                       "\"{}\" has {} value(s), the fields before it have {}; all must have one length", name,
                       values.size(), pairs);
        return at::tensor(values, at::kDouble);
    }
    at::Tensor require(const char* name) {
        const at::Tensor value = get(name);
        LINVOX_REQUIRE(value.defined(), DataError, "\"{}\" is missing", name);
        return value;
    }
};

template <typename T>
T member(const json& object, const char* name, T otherwise) try {
    return object.value(name, otherwise);
} catch (const json::exception&) {
    throw DataError(fmt::format("\"{}\" has the wrong type: {}", name, object.at(name).dump()));
}

LossTerm read_term(const json& object) {
    LossTerm term;
    term.kind = member<std::string>(object, "loss", "");
    term.weight = member<double>(object, "weight", 1.0);
    term.normalise = member<std::string>(object, "normalise", "");
    term.f_divergence = member<std::string>(object, "f_divergence", "reverse_kl");
    term.unit_scale = member<bool>(object, "unit_scale", false);
    const json options = object.value("options", json::object());
    LINVOX_REQUIRE(options.is_object(), DataError, "\"options\" must be an object, got {}", options.dump());
    std::vector<std::string_view> known;
    for (const LossOptionInfo& info : loss_options()) {
        known.push_back(info.key);
        if (const auto found = options.find(std::string(info.key)); found != options.end())
            term.set(info.option, numbers(*found, info.key).front());
    }
    refuse_unknown(options, known, "option");
    return term;
}

LossConfig read_config(const json& line) {
    LossConfig config;
    const json& loss = line.contains("loss") ? line.at("loss") : throw DataError("\"loss\" is missing");
    if (loss.is_array()) {
        LINVOX_REQUIRE(!loss.empty(), DataError, "\"loss\" is an empty list");
        std::vector<LossTerm> terms;
        for (const json& item : loss) {
            LINVOX_REQUIRE(item.is_object(), DataError, "an entry of \"loss\" must be an object, got {}", item.dump());
            refuse_unknown(item, std::initializer_list<const char*>{"loss", "weight", "normalise", "f_divergence",
                                                                    "unit_scale", "options"}, "field");
            terms.push_back(read_term(item));
        }
        config.main = terms.front();
        config.mix.assign(terms.begin() + 1, terms.end());
    } else {
        config.main = read_term(line);
    }
    config.ld_alpha = member<double>(line, "ld_alpha", 1.0);
    config.wpo = member<bool>(line, "wpo", false);
    config.wpo_clamp = member<bool>(line, "wpo_clamp", true);
    const std::vector<std::string> problems = check_loss_config(config);
    LINVOX_REQUIRE(problems.empty(), DataError, "{}", join(problems, "; "));
    return config;
}

// Both answers of the one pair, per token.
void fill_from_tokens(const json& values, const LossConfig& config, PairScores& scores, PairExtras& extras) {
    refuse_unknown(values, std::initializer_list<const char*>{"policy_chosen", "policy_rejected", "reference_chosen",
                                                              "reference_rejected", "chosen_weights", "rejected_weights"},
                   "field of token_values");
    const auto get = [&](const std::string& name) {
        return values.contains(name) ? at::tensor(numbers(values.at(name), name), at::kDouble) : at::Tensor{};
    };
    const at::Tensor chosen = get("policy_chosen"), rejected = get("policy_rejected");
    LINVOX_REQUIRE(chosen.defined() && rejected.defined(), DataError,
                   "\"token_values\" needs policy_chosen and policy_rejected");
    const at::Tensor limit_A = at::full({1}, std::min(chosen.size(0), rejected.size(0)), at::kLong);
    const auto side = [&](const at::Tensor& policy_N, const std::string& name, at::Tensor& policy, at::Tensor& reference,
                          at::Tensor& count, at::Tensor& ratio, at::Tensor& weight_sum) {
        const at::Tensor answer_N = at::zeros({policy_N.size(0)}, at::kLong);
        const auto same_length = [&](const at::Tensor& value_N, const std::string& field) {
            LINVOX_REQUIRE(value_N.sizes() == policy_N.sizes(), DataError, "token_values: \"{}\" has {} tokens, \"policy_{}\" has {}",
                           field, value_N.size(0), name, policy_N.size(0));
        };
        const WeightedSums own = length_desensitised(policy_N, answer_N, limit_A, config.ld_alpha);
        policy = own.sum_A;
        count = own.weight_A;
        const at::Tensor reference_N = get("reference_" + name);
        if (!reference_N.defined()) return;
        same_length(reference_N, "reference_" + name);
        reference = length_desensitised(reference_N, answer_N, limit_A, config.ld_alpha).sum_A;
        const at::Tensor weight_N = get(name + "_weights");
        if (!weight_N.defined()) return;
        same_length(weight_N, name + "_weights");
        const WeightedSums weighted = weighted_logratios(policy_N, reference_N, weight_N, answer_N, 1);
        ratio = weighted.sum_A;
        weight_sum = weighted.weight_A;
    };
    side(chosen, "chosen", scores.policy_chosen, scores.reference_chosen, scores.chosen_tokens,
         extras.chosen_weighted_logratio, extras.chosen_weight_sum);
    side(rejected, "rejected", scores.policy_rejected, scores.reference_rejected, scores.rejected_tokens,
         extras.rejected_weighted_logratio, extras.rejected_weight_sum);
}

void fill_sums(const json& line, const std::vector<ResolvedTerm>& terms, PairScores& scores, PairExtras& extras) {
    Fields fields{line};
    scores.policy_chosen = fields.require("policy_chosen");
    scores.policy_rejected = fields.require("policy_rejected");
    scores.reference_chosen = fields.get("reference_chosen");
    scores.reference_rejected = fields.get("reference_rejected");
    scores.chosen_tokens = fields.get("chosen_tokens");
    scores.rejected_tokens = fields.get("rejected_tokens");
    for (const ResolvedTerm& term : terms) {
        const bool counts = term.normalise == Normalise::mean || term.row->needs.lengths;
        LINVOX_REQUIRE(!counts || (scores.chosen_tokens.defined() && scores.rejected_tokens.defined()), DataError,
                       "\"chosen_tokens\" and \"rejected_tokens\" are missing; {} on {} needs them", term.row->name,
                       term.normalise == Normalise::mean ? "means" : "sums");
    }
    const at::Tensor ones = at::full({fields.pairs}, 1.0, at::kDouble);
    if (!scores.chosen_tokens.defined()) scores.chosen_tokens = ones;
    if (!scores.rejected_tokens.defined()) scores.rejected_tokens = ones;
    extras.chosen_score = fields.get("chosen_score");
    extras.rejected_score = fields.get("rejected_score");
    extras.chosen_kl = fields.get("chosen_kl");
    extras.rejected_kl = fields.get("rejected_kl");
    extras.margin_plus = fields.get("margin_plus");
    extras.margin_minus = fields.get("margin_minus");
    extras.chosen_weighted_logratio = fields.get("chosen_weighted_logratio");
    extras.rejected_weighted_logratio = fields.get("rejected_weighted_logratio");
    extras.chosen_weight_sum = fields.get("chosen_weight_sum");
    extras.rejected_weight_sum = fields.get("rejected_weight_sum");
    extras.chosen_on_policy = fields.get("chosen_on_policy");
    extras.rejected_on_policy = fields.get("rejected_on_policy");
}

LossState read_state(const json& line, std::size_t terms) {
    LossState state;
    if (!line.contains("state")) return state;
    const json& given = line.at("state");
    refuse_unknown(given, std::initializer_list<const char*>{"step", "seed", "reward_shift", "margin_mean", "margin_std",
                                                             "beta_scale"}, "field of state");
    state.step = member<std::int64_t>(given, "step", 0);
    state.seed = member<std::uint64_t>(given, "seed", 0);
    TermState term;
    term.reward_shift = member<double>(given, "reward_shift", 0.0);
    term.margin_mean = member<double>(given, "margin_mean", 0.0);
    term.margin_std = member<double>(given, "margin_std", 1.0);
    term.beta_scale = member<double>(given, "beta_scale", 1.0);
    state.terms.assign(terms, term);
    return state;
}

// Missing inputs are the user's here, not a fault of the program.
void require_inputs(const std::vector<ResolvedTerm>& terms, const LossConfig& config, const PairScores& s,
                    const PairExtras& e) {
    const auto need = [](std::string_view who, const at::Tensor& value, std::string_view name) {
        LINVOX_REQUIRE(value.defined(), DataError, "{} needs \"{}\", which is missing", who, name);
    };
    LINVOX_REQUIRE(s.reference_chosen.defined() == s.reference_rejected.defined(), DataError,
                   "give \"reference_chosen\" and \"reference_rejected\" together");
    for (const ResolvedTerm& term : terms) {
        const std::string_view name = term.row->name;
        if (term.row->needs.reference) need(name, s.reference_chosen, "reference_chosen");
        if (term.row->needs.task_scores) {
            need(name, e.chosen_score, "chosen_score");
            need(name, e.rejected_score, "rejected_score");
        }
        if (name == "tdpo1" || name == "tdpo2") {
            need(name, e.chosen_kl, "chosen_kl");
            need(name, e.rejected_kl, "rejected_kl");
        }
        if (name == "epsilon_dpo") {
            need(name, e.margin_plus, "margin_plus");
            need(name, e.margin_minus, "margin_minus");
        }
        if (name == "tis_dpo") {
            need(name, e.chosen_weighted_logratio, "chosen_weighted_logratio");
            need(name, e.rejected_weighted_logratio, "rejected_weighted_logratio");
            if (term.normalise == Normalise::mean) {
                need(name, e.chosen_weight_sum, "chosen_weight_sum");
                need(name, e.rejected_weight_sum, "rejected_weight_sum");
            }
        }
    }
    if (config.wpo) {
        need("wpo", e.chosen_on_policy, "chosen_on_policy");
        need("wpo", e.rejected_on_policy, "rejected_on_policy");
    }
}

json to_json_numbers(const at::Tensor& value_B, bool as_list) {
    const at::Tensor value = value_B.detach().to(at::kDouble).contiguous();
    json out = json::array();
    for (std::int64_t i = 0; i < value.numel(); ++i) out.push_back(value.const_data_ptr<double>()[i]);
    return as_list ? out : out.at(0);
}

json gradients(const std::vector<std::pair<const char*, at::Tensor>>& leaves, bool as_list) {
    json out = json::object();
    for (const auto& [name, leaf_B] : leaves)
        out[name] = to_json_numbers(leaf_B.grad().defined() ? leaf_B.grad() : at::zeros(leaf_B.sizes(), at::kDouble), as_list);
    return out;
}

json describe_terms(const std::vector<ResolvedTerm>& terms) {
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

}  // namespace
}  // namespace linvox
