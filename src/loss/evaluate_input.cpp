#include "src/loss/evaluate_input.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/loss/inputs.h"
#include "src/loss/loss_table.h"
#include "src/loss/token_level.h"

namespace linvox {
namespace {

using nlohmann::json;
using Names = std::vector<std::string>;

const Names kTermFields = {"loss", "options", "normalise", "f_divergence", "unit_scale", "weight"};
const Names kScoreFields = {"policy_chosen",      "policy_rejected", "reference_chosen",
                            "reference_rejected", "chosen_tokens",   "rejected_tokens"};
const Names kOtherFields = {"id", "ld_alpha", "wpo", "wpo_clamp", "token_values", "state"};
const Names kTokenFields = {"policy_chosen",      "policy_rejected", "reference_chosen",
                            "reference_rejected", "chosen_weights",  "rejected_weights"};
const Names kStateFields = {"step", "seed", "reward_shift", "margin_mean", "margin_std", "beta_scale"};

void refuse_unknown(const json& object, const Names& known, std::string_view where) {
    LINVOX_REQUIRE(object.is_object(), DataError, "{} must be an object, got {}", where, object.dump());
    for (const auto& [key, unused] : object.items()) {
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        const std::string near = nearest_name(key, known);
        throw DataError(fmt::format("unknown field \"{}\" in {}{}", key, where,
                                    near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
    }
}

at::Tensor numbers(const json& value, std::string_view name) {
    const json list = value.is_array() ? value : json::array({value});
    LINVOX_REQUIRE(!list.empty(), DataError, "\"{}\" is an empty list", name);
    std::vector<double> out;
    for (const json& item : list) {
        LINVOX_REQUIRE(item.is_number(), DataError, "\"{}\" must be a number or a list of numbers, got {}",
                       name, item.dump());
        out.push_back(item.get<double>());
    }
    return at::tensor(out, at::kDouble);
}

at::Tensor optional_numbers(const json& object, const std::string& name) {
    return object.contains(name) ? numbers(object.at(name), name) : at::Tensor{};
}

template <typename T>
T member(const json& object, const char* name, T otherwise) try {
    return object.value(name, otherwise);
} catch (const json::exception&) {
    throw DataError(fmt::format("\"{}\" has the wrong type: {}", name, object.at(name).dump()));
}

LossTerm read_term(const json& object) {
    LINVOX_REQUIRE(object.contains("loss"), DataError,
                   "\"loss\" is missing; `linvox losses` lists the names");
    LossTerm term;
    term.kind = member<std::string>(object, "loss", "");
    term.weight = member<double>(object, "weight", 1.0);
    term.normalise = member<std::string>(object, "normalise", "");
    term.f_divergence = member<std::string>(object, "f_divergence", "reverse_kl");
    term.unit_scale = member<bool>(object, "unit_scale", false);
    const json options = object.value("options", json::object());
    Names known;
    for (const LossOptionInfo& info : loss_options()) known.emplace_back(info.key);
    refuse_unknown(options, known, "\"options\"");
    for (const LossOptionInfo& info : loss_options())
        if (const auto found = options.find(std::string(info.key)); found != options.end()) {
            LINVOX_REQUIRE(found->is_number(), DataError, "option \"{}\" must be a number, got {}", info.key,
                           found->dump());
            term.set(info.option, found->get<double>());
        }
    return term;
}

LossConfig read_config(const json& line) {
    LossConfig config;
    if (line.contains("loss") && line.at("loss").is_array()) {
        std::vector<LossTerm> terms;
        for (const json& item : line.at("loss")) {
            refuse_unknown(item, kTermFields, "an entry of \"loss\"");
            terms.push_back(read_term(item));
        }
        LINVOX_REQUIRE(!terms.empty(), DataError, "\"loss\" is an empty list");
        config.main = terms.front();
        config.mix.assign(terms.begin() + 1, terms.end());
    } else {
        config.main = read_term(line);
    }
    config.ld_alpha = member<double>(line, "ld_alpha", 1.0);
    config.wpo = member<bool>(line, "wpo", false);
    config.wpo_clamp = member<bool>(line, "wpo_clamp", true);
    const Names problems = check_loss_config(config);
    LINVOX_REQUIRE(problems.empty(), DataError, "{}", join(problems, "; "));
    return config;
}

void read_sums(const json& line, LossLine& out) {
    PairScores& s = out.scores;
    for (const char* name : {"policy_chosen", "policy_rejected"})
        LINVOX_REQUIRE(line.contains(name), DataError, "\"{}\" is missing", name);
    std::vector<std::pair<const char*, at::Tensor*>> fields = named_extras(out.extras);
    const std::vector<at::Tensor*> tensors = {&s.policy_chosen,      &s.policy_rejected, &s.reference_chosen,
                                              &s.reference_rejected, &s.chosen_tokens,   &s.rejected_tokens};
    for (std::size_t i = 0; i < tensors.size(); ++i) fields.push_back({kScoreFields[i].c_str(), tensors[i]});
    const std::int64_t pairs = numbers(line.at("policy_chosen"), "policy_chosen").size(0);
    for (const auto& [name, tensor] : fields) {
        if (!line.contains(name)) continue;
        *tensor = numbers(line.at(name), name);
        LINVOX_REQUIRE(tensor->size(0) == pairs, DataError,
                       "\"{}\" has {} value(s), \"policy_chosen\" has {}; all fields must have one length",
                       name, tensor->size(0), pairs);
    }
    out.is_batch = line.at("policy_chosen").is_array();
}

// Sums and counts of one answer from its tokens.
struct Answer {
    at::Tensor policy, reference, count, weighted, weight_sum;
};

Answer sum_tokens(const json& values, const std::string& side, const at::Tensor& limit_A, double ld_alpha) {
    const at::Tensor policy_N = numbers(values.at("policy_" + side), "policy_" + side);
    const at::Tensor answer_N = at::zeros({policy_N.size(0)}, at::kLong);
    const auto same_length = [&](const std::string& name) {
        const at::Tensor value_N = optional_numbers(values, name);
        LINVOX_REQUIRE(!value_N.defined() || value_N.sizes() == policy_N.sizes(), DataError,
                       "token_values: \"{}\" has {} token(s), \"policy_{}\" has {}", name, value_N.size(0),
                       side, policy_N.size(0));
        return value_N;
    };
    const WeightedSums own = length_desensitised(policy_N, answer_N, limit_A, ld_alpha);
    Answer out{.policy = own.sum_A, .count = own.weight_A};
    const at::Tensor reference_N = same_length("reference_" + side);
    if (!reference_N.defined()) return out;
    out.reference = length_desensitised(reference_N, answer_N, limit_A, ld_alpha).sum_A;
    const at::Tensor weight_N = same_length(side + "_weights");
    if (!weight_N.defined()) return out;
    const WeightedSums weighted = weighted_logratios(policy_N, reference_N, weight_N, answer_N, 1);
    out.weighted = weighted.sum_A;
    out.weight_sum = weighted.weight_A;
    return out;
}

void read_token_values(const json& line, LossLine& out) {
    const json& values = line.at("token_values");
    refuse_unknown(values, kTokenFields, "\"token_values\"");
    for (const std::string& name : kScoreFields)
        LINVOX_REQUIRE(!line.contains(name), DataError, "give either \"{}\" or \"token_values\"", name);
    for (const char* name : {"policy_chosen", "policy_rejected"})
        LINVOX_REQUIRE(values.contains(name), DataError, "\"token_values\" needs \"{}\"", name);
    const std::int64_t limit = std::min(numbers(values.at("policy_chosen"), "policy_chosen").size(0),
                                        numbers(values.at("policy_rejected"), "policy_rejected").size(0));
    const at::Tensor limit_A = at::full({1}, limit, at::kLong);
    const Answer chosen = sum_tokens(values, "chosen", limit_A, out.config.ld_alpha);
    const Answer rejected = sum_tokens(values, "rejected", limit_A, out.config.ld_alpha);
    out.scores = {chosen.policy,      rejected.policy, chosen.reference,
                  rejected.reference, chosen.count,    rejected.count};
    for (const auto& [name, tensor] : named_extras(out.extras)) *tensor = optional_numbers(line, name);
    if (chosen.weighted.defined()) {
        out.extras.chosen_weighted_logratio = chosen.weighted;
        out.extras.chosen_weight_sum = chosen.weight_sum;
    }
    if (rejected.weighted.defined()) {
        out.extras.rejected_weighted_logratio = rejected.weighted;
        out.extras.rejected_weight_sum = rejected.weight_sum;
    }
}

LossState read_state(const json& line, std::size_t terms) {
    LossState state;
    const json given = line.value("state", json::object());
    refuse_unknown(given, kStateFields, "\"state\"");
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

void require_inputs(LossLine& out, const std::vector<ResolvedTerm>& terms) {
    PairScores& s = out.scores;
    const bool counted = s.chosen_tokens.defined() && s.rejected_tokens.defined();
    for (const ResolvedTerm& term : terms)
        LINVOX_REQUIRE(counted || (term.normalise == Normalise::sum && !term.row->needs.lengths), DataError,
                       "\"chosen_tokens\" and \"rejected_tokens\" must be given: {} {} needs them",
                       term.row->name, term.normalise == Normalise::mean ? "on means" : "");
    if (!counted) s.chosen_tokens = s.rejected_tokens = at::full(s.policy_chosen.sizes(), 1.0, at::kDouble);
    const Names missing = missing_inputs(terms, out.config, s, out.extras);
    LINVOX_REQUIRE(missing.empty(), DataError, "{}; add the field", join(missing, "; "));
    LINVOX_REQUIRE(s.reference_chosen.defined() == s.reference_rejected.defined(), DataError,
                   "\"reference_chosen\" and \"reference_rejected\" belong together; one is missing");
}

}  // namespace

LossLine read_loss_line(const json& line) {
    LossLine out;
    Names known = kTermFields;
    known.insert(known.end(), kScoreFields.begin(), kScoreFields.end());
    known.insert(known.end(), kOtherFields.begin(), kOtherFields.end());
    for (const auto& [name, unused] : named_extras(out.extras)) known.emplace_back(name);
    refuse_unknown(line, known, "the line");
    out.config = read_config(line);
    const bool has_tokens = line.contains("token_values");
    LINVOX_REQUIRE(has_tokens || out.config.ld_alpha == 1.0, DataError,
                   "\"ld_alpha\" weighs single tokens: give \"token_values\" in place of sums");
    if (has_tokens) {
        read_token_values(line, out);
    } else {
        read_sums(line, out);
    }
    const std::vector<ResolvedTerm> terms = resolve_loss(out.config);
    out.state = read_state(line, terms.size());
    require_inputs(out, terms);
    return out;
}

}  // namespace linvox
