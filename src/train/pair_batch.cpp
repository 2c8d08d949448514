#include "src/train/pair_batch.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/model/add_rows.h"
#include "src/model/device.h"

namespace linvox {
namespace {

/// A host tensor [B] out of one number per pair.
template <typename T, typename Value>
at::Tensor per_pair(const std::vector<PairIndex>& pairs, at::ScalarType dtype, const Value& value) {
    at::Tensor tensor_B =
        at::empty({static_cast<std::int64_t>(pairs.size())}, at::TensorOptions().dtype(dtype));
    T* out = tensor_B.mutable_data_ptr<T>();
    for (const PairIndex& pair : pairs) *out++ = value(pair);
    return tensor_B;
}

/// A host tensor in dtype and place of another; nothing waits.
at::Tensor beside(const at::Tensor& host_B, const at::TensorOptions& options) {
    return on_device(host_B.to(c10::typeMetaToScalarType(options.dtype())), options.device());
}

const TokenSequence& chosen_of(const PairSet& set, const PairIndex& pair) {
    return set.groups[pair.record].answers[0];
}
const TokenSequence& rejected_of(const PairSet& set, const PairIndex& pair) {
    return set.groups[pair.record].answers[1 + pair.rejected_number];
}

double desensitised_count(std::int64_t own, std::int64_t other, double ld_alpha) {
    const std::int64_t limit = std::min(own, other);
    return static_cast<double>(limit) + ld_alpha * static_cast<double>(own - limit);
}

double task_score_of(const PreferenceRecord& record, const Candidate& candidate, const std::string& metric) {
    const auto found = candidate.scores.find(metric);
    LINVOX_REQUIRE(found != candidate.scores.end() && found->second, DataError,
                   "record '{}': the loss needs the score '{}' of both answers; judge the candidates with it",
                   record.info.id, metric);
    return *found->second;
}

}  // namespace

PairSet make_pair_set(const std::vector<PreferenceRecord>& records, const ReferenceScores& reference) {
    PairSet set;
    std::vector<std::string> missing;
    for (const PreferenceRecord& record : records) {
        set.records.push_back(record);
        set.groups.push_back(preference_group(record));
        set.pair_count += static_cast<std::int64_t>(record.rejected.size());
        if (reference.empty()) continue;
        std::vector<ReferenceScore> scores;
        for (const TokenSequence& answer : set.groups.back().answers) {
            const auto found = reference.find(answer_digest(record.info.prompt_ids, answer));
            if (found == reference.end()) {
                missing.push_back(record.info.id);
                break;
            }
            LINVOX_REQUIRE(
                found->second.token_count == answer.scored_count(), DataError,
                "record '{}': the reference scored {} tokens of an answer that has {} to score; delete "
                "the reference file to score it again",
                record.info.id, found->second.token_count, answer.scored_count());
            LINVOX_REQUIRE(
                found->second.token_logprobs.empty() ||
                    static_cast<std::int64_t>(found->second.token_logprobs.size()) == answer.scored_count(),
                DataError,
                "record '{}': the reference holds {} token values of an answer that has {} to "
                "score; delete the reference file to score it again",
                record.info.id, found->second.token_logprobs.size(), answer.scored_count());
            scores.push_back(found->second);
        }
        set.reference.push_back(std::move(scores));
    }
    const std::size_t count = missing.size();
    missing.resize(std::min<std::size_t>(count, 5));
    LINVOX_REQUIRE(count == 0, DataError,
                   "the reference lacks answers of {} record(s): {}; run the reference stage on these pairs",
                   count, join(missing, ", "));
    return set;
}

bool holds_token_values(const PairSet& set) {
    for (const auto& answers : set.reference)
        for (const ReferenceScore& score : answers)
            if (score.token_logprobs.empty()) return false;
    return !set.reference.empty();
}

PairBatch make_pair_batch(const PairSet& set, const std::vector<std::size_t>& members,
                          bool weight_by_prompt) {
    std::vector<const SequenceGroup*> groups;
    for (const std::size_t member : members) groups.push_back(&set.groups[member]);
    return {pack(groups), index_pairs(set.records, members, weight_by_prompt), members};
}

PairScores pair_scores(const PairSet& set, const PairBatch& batch, const at::Tensor& policy_sum_A) {
    const auto& pairs = batch.pairs;
    const auto device = policy_sum_A.device();
    PairScores scores;
    const auto options = policy_sum_A.options().requires_grad(false);
    const auto side = [&](std::int64_t PairIndex::*member) {
        return take_rows(policy_sum_A, on_device(answer_numbers(pairs, member), device));
    };
    scores.policy_chosen = side(&PairIndex::chosen);
    scores.policy_rejected = side(&PairIndex::rejected);
    scores.chosen_tokens = beside(chosen_token_counts(set, pairs), options);
    scores.rejected_tokens = beside(rejected_token_counts(set, pairs), options);
    if (set.reference.empty()) return scores;
    const auto reference = [&](const auto& sum_of) {
        return beside(per_pair<double>(pairs, at::kDouble, sum_of), options);
    };
    scores.reference_chosen =
        reference([&](const PairIndex& p) { return set.reference[p.record][0].logprob_sum; });
    scores.reference_rejected = reference(
        [&](const PairIndex& p) { return set.reference[p.record][1 + p.rejected_number].logprob_sum; });
    return scores;
}

PairExtras pair_extras(const PairSet& set, const PairBatch& batch, const std::string& task_score,
                       const at::TensorOptions& options) {
    PairExtras extras;
    if (task_score.empty()) return extras;
    const auto scores = [&](const auto& score_of) {
        return beside(per_pair<double>(batch.pairs, at::kDouble, score_of), options);
    };
    extras.chosen_score = scores([&](const PairIndex& p) {
        const PreferenceRecord& record = set.records[p.record];
        return task_score_of(record, record.chosen, task_score);
    });
    extras.rejected_score = scores([&](const PairIndex& p) {
        const PreferenceRecord& record = set.records[p.record];
        return task_score_of(record, record.rejected[p.rejected_number], task_score);
    });
    return extras;
}

at::Tensor answer_numbers(const std::vector<PairIndex>& pairs, std::int64_t PairIndex::*side) {
    return per_pair<std::int64_t>(pairs, at::kLong, [&](const PairIndex& p) { return p.*side; });
}

at::Tensor pair_weights(const std::vector<PairIndex>& pairs) {
    return per_pair<double>(pairs, at::kDouble, [](const PairIndex& p) { return p.weight; });
}

at::Tensor chosen_token_counts(const PairSet& set, const std::vector<PairIndex>& pairs, double ld_alpha) {
    return per_pair<double>(pairs, at::kDouble, [&](const PairIndex& p) {
        return desensitised_count(chosen_of(set, p).scored_count(), rejected_of(set, p).scored_count(),
                                  ld_alpha);
    });
}

at::Tensor rejected_token_counts(const PairSet& set, const std::vector<PairIndex>& pairs, double ld_alpha) {
    return per_pair<double>(pairs, at::kDouble, [&](const PairIndex& p) {
        return desensitised_count(rejected_of(set, p).scored_count(), chosen_of(set, p).scored_count(),
                                  ld_alpha);
    });
}

}  // namespace linvox
