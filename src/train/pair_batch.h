// Preference records ready for a loss: groups, reference scores, and the sums of one packed batch.
// Shared by training, evaluation and the gates; pair_batch_score.h runs the models over a batch.
#pragma once

#include <string>
#include <vector>

#include "src/data/pack.h"
#include "src/loss/preference.h"
#include "src/model/decoder.h"
#include "src/model/score.h"
#include "src/train/reference_cache.h"

namespace linvox {

/// Records with everything a step needs looked up once.
struct PairSet {
    std::vector<PreferenceRecord> records;
    std::vector<SequenceGroup> groups;                   // of each record: chosen, then rejected
    std::vector<std::vector<ReferenceScore>> reference;  // of each record's answers; empty without one
    std::int64_t pair_count = 0;
};

/// DataError naming records whose answers the reference lacks, or counts other tokens of. An empty
/// `reference` is for losses that need none, and for a reference that is scored anew in every batch.
PairSet make_pair_set(const std::vector<PreferenceRecord>& records, const ReferenceScores& reference);

/// True when the reference holds the value of every token of every answer, not sums alone.
bool holds_token_values(const PairSet& set);

/// One micro-batch: tensors on the host, indices of its records.
struct PairBatch {
    PackedBatch batch;
    std::vector<PairIndex> pairs;
    std::vector<std::size_t> members;
};
PairBatch make_pair_batch(const PairSet& set, const std::vector<std::size_t>& members, bool weight_by_prompt);

/// Policy sums of the batch's answers laid side by side with the reference's, [B].
PairScores pair_scores(const PairSet& set, const PairBatch& batch, const at::Tensor& policy_sum_A);

/// `task_score` names the metric for losses that need one; "" none. DataError when an answer lacks it.
PairExtras pair_extras(const PairSet& set, const PairBatch& batch, const std::string& task_score,
                       const at::TensorOptions& options);

/// The answer number of one side of every pair, int64 on the host, [B]: &PairIndex::chosen or ::rejected.
at::Tensor answer_numbers(const std::vector<PairIndex>& pairs, std::int64_t PairIndex::*side);

/// float64 on the host, [B]. Scored tokens of an answer; with `ld_alpha` below 1 (LD-DPO) those past the
/// length of the other answer of the pair count ld_alpha each.
at::Tensor pair_weights(const std::vector<PairIndex>& pairs);
at::Tensor chosen_token_counts(const PairSet& set, const std::vector<PairIndex>& pairs,
                               double ld_alpha = 1.0);
at::Tensor rejected_token_counts(const PairSet& set, const std::vector<PairIndex>& pairs,
                                 double ld_alpha = 1.0);

}  // namespace linvox
