// From records to packed batches: which records share a micro-batch, and the tensors of one.
//
// A record keeps its prompt once and its answers behind it, and is never split. Budgets count this
// shared form. Layout `flat` repeats the prompt before every answer: the oracle of the tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/data/records.h"
#include "src/model/packed_batch.h"
#include "src/text/token_sequence.h"

namespace linvox {

/// A prompt and its answers: what one record becomes. `prompt_ids` may be empty only when the first
/// token of every answer is given.
struct SequenceGroup {
    std::string id;
    std::vector<std::int32_t> prompt_ids;
    std::vector<TokenSequence> answers;
};

/// Tokens of the shared form: the prompt once, then all answers.
std::int64_t shared_token_count(const SequenceGroup& group);
/// The longest prompt + answer: what must fit into the model's context.
std::int64_t longest_sequence(const SequenceGroup& group);
std::int64_t scored_token_count(const SequenceGroup& group);

enum class Layout { shared, flat };

/// The tensors of one micro-batch, answers in order of groups. A token is scored when it lies outside
/// `given`; the row that predicts it is the one before it in its own sequence, the prompt's last row
/// for the first token of an answer. Throws DataError when an answer has no scored token or a scored
/// token has no predecessor, BugError on an empty list.
PackedBatch pack(const std::vector<const SequenceGroup*>& groups, Layout layout = Layout::shared);
PackedBatch pack(const std::vector<SequenceGroup>& groups, Layout layout = Layout::shared);

/// Which groups form which micro-batch, by index.
using BatchPlan = std::vector<std::vector<std::size_t>>;

struct PackConfig {
    std::int64_t token_budget = 1024;  // shared form
    std::int64_t window = 64;          // groups looked at by best fit
};

/// Takes `order` window by window and fills micro-batches by best fit, longest first in a window.
/// Every index appears exactly once. A group above the budget gets a batch of its own.
/// Deterministic; shuffle `order` for another plan.
BatchPlan plan_batches(const std::vector<SequenceGroup>& groups, const std::vector<std::size_t>& order,
                       const PackConfig& config);
/// 0 .. count-1, shuffled.
std::vector<std::size_t> shuffled_order(std::size_t count, Rng& rng);

/// One pair of a micro-batch: indices into its answers.
struct PairIndex {
    std::int64_t chosen = 0, rejected = 0;  // answer numbers in the batch
    double weight = 1.0;
    std::size_t record = 0;  // index into the records given
    std::size_t rejected_number = 0;
};

/// The group of a preference record: chosen first, then the rejected answers in order.
SequenceGroup preference_group(const PreferenceRecord& record);

/// Pairs of the records `members`, whose groups were packed in that order. `weight_by_prompt` gives
/// each of k pairs the weight 1/k, else 1.
std::vector<PairIndex> index_pairs(const std::vector<PreferenceRecord>& records,
                                   const std::vector<std::size_t>& members, bool weight_by_prompt);

}  // namespace linvox
