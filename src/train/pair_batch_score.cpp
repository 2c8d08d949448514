#include "src/train/pair_batch_score.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "src/base/error.h"
#include "src/loss/loss_table.h"
#include "src/loss/token_level.h"
#include "src/model/add_rows.h"
#include "src/model/device.h"
#include "src/model/score_tokens.h"

// B pairs, A answers and N scored tokens of the batch, M scored tokens of one side of all pairs

namespace linvox {
namespace {

/// The scored tokens of one side of every pair: their places in the batch, and the pair of each. A chosen
/// answer stands there once per pair, because its limit depends on the pair.
struct SideTokens {
    at::Tensor token_M, pair_M;
};

at::Tensor long_tensor(const std::vector<std::int64_t>& values) {
    at::Tensor tensor =
        at::empty({static_cast<std::int64_t>(values.size())}, at::TensorOptions().dtype(at::kLong));
    std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int64_t>());
    return tensor;
}

at::Tensor float_tensor(const std::vector<float>& values) {
    at::Tensor tensor =
        at::empty({static_cast<std::int64_t>(values.size())}, at::TensorOptions().dtype(at::kFloat));
    std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<float>());
    return tensor;
}

SideTokens side_tokens(const PairSet& set, const PairBatch& batch, std::int64_t PairIndex::*side) {
    std::vector<std::int64_t> begin_of{0};  // of every answer of the batch
    for (const std::size_t member : batch.members)
        for (const TokenSequence& answer : set.groups[member].answers)
            begin_of.push_back(begin_of.back() + answer.scored_count());
    std::vector<std::int64_t> token, pair;
    for (std::size_t b = 0; b < batch.pairs.size(); ++b) {
        const auto answer = static_cast<std::size_t>(batch.pairs[b].*side);
        for (std::int64_t n = begin_of[answer]; n < begin_of[answer + 1]; ++n) {
            token.push_back(n);
            pair.push_back(static_cast<std::int64_t>(b));
        }
    }
    return {long_tensor(token), long_tensor(pair)};
}

/// The reference's values in the order of the batch's scored tokens, float32 on the host, [N].
at::Tensor stored_token_values(const PairSet& set, const PairBatch& batch) {
    std::vector<float> values;
    for (const std::size_t member : batch.members)
        for (const ReferenceScore& score : set.reference[member])
            values.insert(values.end(), score.token_logprobs.begin(), score.token_logprobs.end());
    LINVOX_ASSERT(static_cast<std::int64_t>(values.size()) == batch.batch.label_N.numel(),
                  "the reference holds {} token values of a batch with {}", values.size(),
                  batch.batch.label_N.numel());
    return float_tensor(values);
}

/// The contrast in the order of the batch's scored tokens, float32 on the host, [N].
at::Tensor contrast_values(const PairSet& set, const PairBatch& batch, const TokenContrast& contrast) {
    std::vector<float> values;
    for (const std::size_t member : batch.members) {
        const SequenceGroup& group = set.groups[member];
        for (const TokenSequence& answer : group.answers) {
            const auto found = contrast.find(answer_digest(group.prompt_ids, answer));
            LINVOX_REQUIRE(found != contrast.end() &&
                               static_cast<std::int64_t>(found->second.size()) == answer.scored_count(),
                           DataError, "record '{}': the contrastive models have not scored these tokens",
                           set.records[member].info.id);
            values.insert(values.end(), found->second.begin(), found->second.end());
        }
    }
    return float_tensor(values);
}

/// One batch under its models, and the quantities made from it.
class BatchScorer {
public:
    BatchScorer(const Decoder& policy, const Decoder* live, const PairSet& set, const PairBatch& batch,
                const PairScoring& scoring)
        : policy_(policy),
          live_(live),
          set_(set),
          batch_(batch),
          scoring_(scoring),
          reads_(loss_reads(scoring.loss)) {
        ScoreConfig score = scoring.score;
        score.keep_hidden = reads_.policy_distribution || reads_.reference_logits();
        own_ = score_answers(policy, batch.batch, score);
        if (live) {
            const at::NoGradGuard no_grad;
            other_ = score_answers(*live, batch.batch, score);
        }
        answer_N_ = on_device(batch.batch.answer_N, own_.logprob_N.device());
    }

    PairScores scores() const {
        PairScores scores = pair_scores(set_, batch_, own_.logprob_sum_A);
        if (live_) {
            scores.reference_chosen = side(other_.logprob_sum_A, &PairIndex::chosen);
            scores.reference_rejected = side(other_.logprob_sum_A, &PairIndex::rejected);
        }
        if (scoring_.loss.ld_alpha != 1.0) desensitise(scores);
        return scores;
    }

    PairExtras extras() const {
        PairExtras extras =
            pair_extras(set_, batch_, scoring_.task_score, own_.logprob_sum_A.options().requires_grad(false));
        if (reads_.policy_distribution) {
            const at::Tensor squares_N = head_log_sum_squares(head_rows_of(policy_, own_), scoring_.score);
            const at::Tensor weight_A =
                on_policy_weights(own_.logprob_N, squares_N, answer_N_, batch_.batch.answer_count);
            extras.chosen_on_policy = side(weight_A, &PairIndex::chosen);
            extras.rejected_on_policy = side(weight_A, &PairIndex::rejected);
        }
        if (reads_.contrastive_weights) add_weighted_logratios(extras);
        if (!reads_.reference_logits()) return extras;
        LINVOX_ASSERT(live_, "a loss that reads the reference's logits needs its model");
        const HeadRows own = head_rows_of(policy_, own_), other = head_rows_of(*live_, other_);
        if (reads_.divergence) add_divergence(extras, own, other);
        if (reads_.extrapolation) add_extrapolation(extras, own, other);
        return extras;
    }

    std::vector<PairStatistic> statistics() const {
        std::vector<PairStatistic> found;
        if (!scoring_.score.statistics) return found;
        const HeadStatistics& own = own_.statistics;
        for (const auto& [name, value_N] : {std::pair{"logits", own.logit_mean_N},
                                            {"entropy", own.entropy_N},
                                            {"mean_token_accuracy", own.top1_N}}) {
            const at::Tensor mean_A =
                answer_sums(value_N, answer_N_, batch_.batch.answer_count) / own_.token_count_A;
            found.push_back({name, side(mean_A, &PairIndex::chosen), side(mean_A, &PairIndex::rejected)});
        }
        return found;
    }

private:
    at::Tensor side(const at::Tensor& value_A, std::int64_t PairIndex::*member) const {
        return take_rows(value_A, on_device(answer_numbers(batch_.pairs, member), value_A.device()));
    }

    /// The reference's log-probability of every scored token, [N]; undefined without a reference.
    at::Tensor reference_values() const {
        if (live_) return other_.logprob_N;
        if (set_.reference.empty()) return {};
        return stored_token_values(set_, batch_).to(own_.logprob_N.options().requires_grad(false));
    }

    /// TIS-DPO: what is likelier under the model of chosen answers counts more in a chosen answer and less in
    /// a rejected one.
    void add_weighted_logratios(PairExtras& extras) const {
        LINVOX_ASSERT(scoring_.contrast, "a loss that weighs tokens needs the contrastive models' scores");
        const auto options = own_.logprob_N.options().requires_grad(false);
        const at::Tensor contrast_N = contrast_values(set_, batch_, *scoring_.contrast).to(options);
        const at::Tensor zero_N = at::zeros_like(contrast_N), reference_N = reference_values();
        const auto weigh = [&](double sign, std::int64_t PairIndex::*member, at::Tensor& ratio_B,
                               at::Tensor& weight_B) {
            const WeightedSums sums =
                weighted_logratios(own_.logprob_N, reference_N, tis_token_weights(contrast_N, zero_N, sign),
                                   answer_N_, batch_.batch.answer_count);
            ratio_B = side(sums.sum_A, member);
            weight_B = side(sums.weight_A, member);
        };
        weigh(1.0, &PairIndex::chosen, extras.chosen_weighted_logratio, extras.chosen_weight_sum);
        weigh(-1.0, &PairIndex::rejected, extras.rejected_weighted_logratio, extras.rejected_weight_sum);
    }

    /// LD-DPO: the same token weights on both sides of every log-ratio.
    void desensitise(PairScores& scores) const {
        const double alpha = scoring_.loss.ld_alpha;
        const auto options = own_.logprob_N.options().requires_grad(false);
        const auto whole = options.dtype(at::kLong);
        const at::Tensor limit_B =
            at::minimum(scores.chosen_tokens, scores.rejected_tokens).detach().to(whole);
        const at::Tensor reference_N = reference_values();
        const auto sums = [&](std::int64_t PairIndex::*member, at::Tensor& policy_B,
                              at::Tensor& reference_B) {
            const SideTokens tokens = side_tokens(set_, batch_, member);
            const at::Tensor token_M = tokens.token_M.to(whole), pair_M = tokens.pair_M.to(whole);
            const auto weighted = [&](const at::Tensor& value_N) {
                return length_desensitised(value_N.index_select(0, token_M), pair_M, limit_B, alpha).sum_A;
            };
            policy_B = weighted(own_.logprob_N);
            if (reference_N.defined()) reference_B = weighted(reference_N);
        };
        sums(&PairIndex::chosen, scores.policy_chosen, scores.reference_chosen);
        sums(&PairIndex::rejected, scores.policy_rejected, scores.reference_rejected);
        scores.chosen_tokens = chosen_token_counts(set_, batch_.pairs, alpha).to(options);
        scores.rejected_tokens = rejected_token_counts(set_, batch_.pairs, alpha).to(options);
    }

    void add_divergence(PairExtras& extras, const HeadRows& own, const HeadRows& other) const {
        const at::Tensor kl_A =
            answer_sums(head_kl(own, other, scoring_.score), answer_N_, batch_.batch.answer_count);
        extras.chosen_kl = side(kl_A, &PairIndex::chosen);
        extras.rejected_kl = side(kl_A, &PairIndex::rejected);
    }

    void add_extrapolation(PairExtras& extras, const HeadRows& own, const HeadRows& other) const {
        double step = 0.0;
        for (const ResolvedTerm& term : resolve_loss(scoring_.loss))
            if (term.row->name == "epsilon_dpo") step = term[LossOption::epsilon];
        const at::Tensor label_N = batch_.batch.label_N.to(answer_N_.device());
        const auto margin = [&](double e) {
            const at::Tensor sum_A =
                answer_sums(head_extrapolated_logprobs(own, other, label_N, e, scoring_.score), answer_N_,
                            batch_.batch.answer_count);
            return side(sum_A, &PairIndex::chosen) - side(sum_A, &PairIndex::rejected);
        };
        extras.margin_plus = margin(step);
        extras.margin_minus = margin(-step);
    }

    const Decoder& policy_;
    const Decoder* live_;
    const PairSet& set_;
    const PairBatch& batch_;
    const PairScoring& scoring_;
    LossReads reads_;
    SequenceScore own_, other_;
    at::Tensor answer_N_;
};

}  // namespace

LossReads loss_reads(const LossConfig& loss) {
    LossReads reads{.reference_tokens = loss.ld_alpha != 1.0, .policy_distribution = loss.wpo};
    for (const ResolvedTerm& term : resolve_loss(loss)) {
        const LossNeeds& needs = term.row->needs;
        if (needs.token_values && needs.reference_logits) reads.divergence = true;
        if (!needs.token_values && needs.reference_logits) reads.extrapolation = true;
        if (needs.token_values && !needs.reference_logits)
            reads.contrastive_weights = reads.reference_tokens = true;
    }
    return reads;
}

TokenContrast token_contrast(const ReferenceScores& positive, const ReferenceScores& negative) {
    TokenContrast contrast;
    for (const auto& [key, score] : positive) {
        const auto other = negative.find(key);
        const std::size_t count = score.token_logprobs.size();
        LINVOX_ASSERT(other != negative.end() && count > 0 && other->second.token_logprobs.size() == count,
                      "two contrastive models scored different tokens");
        std::vector<float>& values = contrast[key];
        for (std::size_t i = 0; i < count; ++i)
            values.push_back(score.token_logprobs[i] - other->second.token_logprobs[i]);
    }
    return contrast;
}

ScoredPairs score_pairs(const Decoder& policy, const Decoder* live, const PairSet& set,
                        const PairBatch& batch, const PairScoring& scoring) {
    const BatchScorer scorer(policy, live, set, batch, scoring);
    return {scorer.scores(), scorer.extras(), scorer.statistics()};
}

}  // namespace linvox
