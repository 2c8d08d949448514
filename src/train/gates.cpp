#include "src/train/gates.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/loss/loss_table.h"
#include "src/loss/pair_metrics.h"

namespace linvox {
namespace {

GateCheck checked(std::string name, double value, double limit, const std::string& detail) {
    const bool passed = value <= limit;  // NaN fails
    return {std::move(name), value, limit, passed, passed ? "" : detail};
}

/// |log-ratio| per token of every distinct answer.
std::vector<double> ratios_per_token(const PairSet& set, const at::Tensor& sum_A) {
    const at::Tensor sums = sum_A.detach().to(at::kCPU, at::kDouble).contiguous();
    const double* sum = sums.const_data_ptr<double>();
    std::vector<double> ratios;
    for (const auto& answers : set.reference)
        for (const ReferenceScore& reference : answers)
            ratios.push_back(std::abs(*sum++ - reference.logprob_sum) /
                             static_cast<double>(reference.token_count));
    return ratios;
}

/// How far the loss may be off when every per-token log-ratio is within `x_limit`: 1e-6 + x_limit times the
/// slopes at the reference, the positive term's included (its own slope there is 0 by convention).
double loss_limit(const PairScores& scores, const PairExtras& extras, const LossConfig& loss,
                  double x_limit) {
    PairScores at_reference = scores;
    at_reference.policy_chosen = scores.reference_chosen;
    at_reference.policy_rejected = scores.reference_rejected;
    const PairPush push = pair_push(at_reference, extras, loss, LossState{});
    double slope = (push.chosen_B.abs() + push.rejected_B.abs()).mean().item<double>();
    double tokens = 1.0;
    for (const ResolvedTerm& term : resolve_loss(loss)) {
        slope += std::abs(term.weight) * term[LossOption::gamma];
        if (term.normalise == Normalise::sum)
            tokens = std::max(scores.chosen_tokens.max().item<double>(),
                              scores.rejected_tokens.max().item<double>());
    }
    return 1e-6 + x_limit * tokens * slope;
}

}  // namespace

void GateConfig::visit(ConfigVisitor& v) {
    v.choice("step0", step0, "whether policy and reference must agree before the first step", {"on", "off"});
    v.field("records", records, "records that the checks before the first step look at", Range{1, 1e6});
}

std::vector<GateCheck> check_step0(const Decoder& policy, const Decoder* live,
                                   const std::vector<PreferenceRecord>& records,
                                   const ReferenceScores& reference, const PairScoring& scoring,
                                   const Packer& packer) {
    const at::NoGradGuard no_grad;
    const PairSet set = make_pair_set(records, reference);
    std::vector<const SequenceGroup*> groups;
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < set.groups.size(); ++i) {
        groups.push_back(&set.groups[i]);
        members.push_back(i);
    }
    const PairBatch batch{packer(groups), index_pairs(set.records, members, false), members};
    const at::Tensor sum_A = score_answers(policy, batch.batch, scoring.score).logprob_sum_A;
    const std::vector<double> ratios = ratios_per_token(set, sum_A);
    const double largest = *std::max_element(ratios.begin(), ratios.end());
    double mean = 0.0;
    for (const double ratio : ratios) mean += ratio / static_cast<double>(ratios.size());

    const bool narrow =
        scoring.score.forward.compute == Compute::bfloat16 || sum_A.scalar_type() == at::kBFloat16;
    const double x_limit = narrow ? 1e-3 : 1e-5;
    std::vector<GateCheck> checks;
    checks.push_back(
        checked("step0/logratio", narrow ? mean : largest, x_limit,
                "nats per token between policy and reference before the first step; they must be the "
                "same weights scoring the same tokens: score the reference again, or set gate.step0 = "
                "\"off\" when they differ on purpose"));
    const auto [scores, extras, statistics] = score_pairs(policy, live, set, batch, scoring);
    const LossConfig& loss = scoring.loss;
    LossState state;
    const double now = preference_loss(scores, extras, loss, state).per_pair_B.mean().item<double>();
    const double expected = loss_at_reference(scores, extras, loss, LossState{}).mean().item<double>();
    checks.push_back(
        checked("step0/loss", std::abs(now - expected), loss_limit(scores, extras, loss, x_limit),
                fmt::format("the loss starts at {:.6f} where {:.6f} is expected", now, expected)));
    return checks;
}

void require_gates(const std::vector<GateCheck>& checks) {
    std::vector<std::string> failures;
    for (const GateCheck& check : checks)
        if (!check.passed)
            failures.push_back(fmt::format("gate {}: {:.3g} is above {:.3g}: {}", check.name, check.value,
                                           check.limit, check.detail));
    if (!failures.empty())
        throw DataError(join(failures, "\n") +
                        "\nnothing was trained: a run that fails these checks is worthless");
    log_line(fmt::format("gates: {} checks passed", checks.size()));
}

}  // namespace linvox
