// Checks before the first update, cheap and on the run's own data, that find what makes an alignment
// run worthless without a crash:
//   (a) step 0   policy and reference agree: log-ratios 0, loss equal to its value there. Finds a mask
//                shifted on one side, a stale reference file, two precisions.
//   (b) masks    what is scored is exactly what should be. Finds what both sides share: an inverted or
//                shifted mask, scored prompts, answers that see each other.
//   (c) identity digests and settings: require_equal_identity() of checkpoint.h, used by the reference
//                cache and by checkpoints.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/config/visitor.h"
#include "src/data/pack.h"
#include "src/loss/preference.h"
#include "src/model/decoder.h"
#include "src/model/score.h"
#include "src/train/pair_batch_score.h"
#include "src/train/reference_cache.h"

namespace linvox {

struct GateConfig {
    std::string step0 = "on";  // off: policy and reference differ on purpose
    std::int64_t records = 8;  // looked at by each gate
    void visit(ConfigVisitor& v);
};

/// One check: `value` had to be at most `limit`.
struct GateCheck {
    std::string name;  // "step0/logratio", "mask/labels"
    double value = 0.0, limit = 0.0;
    bool passed = true;
    std::string detail;  // what differed where; "" when passed
};

/// How groups become a batch; tests hand in a broken one.
using Packer = std::function<PackedBatch(const std::vector<const SequenceGroup*>&)>;

/// Gate (a) over the pairs of `records`: |log-ratio| per token to `reference` (largest row in float32, mean
/// of rows in bfloat16), |loss - loss at the reference|. `live` gives the loss what it reads of a reference
/// model beside the scores; null without one.
std::vector<GateCheck> check_step0(const Decoder& policy, const Decoder* live,
                                   const std::vector<PreferenceRecord>& records,
                                   const ReferenceScores& reference, const PairScoring& scoring,
                                   const Packer& packer);

/// Gate (b):
///   mask/labels    rows, labels and counts equal those found by walking the records themselves
///   mask/own       changing one label changes its own answer's score and no other
///   mask/last      the last token of an answer is a label only: as input it changes nothing
///   mask/isolation changing a token of one answer leaves its siblings' scores alone
///   mask/order     another order of records gives the same scores
///   mask/oracle    scores equal a float64 log-softmax over whole, unpacked sequences (1e-4 relative)
std::vector<GateCheck> check_masks(const Decoder& policy, const std::vector<SequenceGroup>& groups,
                                   const ScoreConfig& score, const Packer& packer);

/// Throws DataError listing the checks that failed with value, limit and what to look at; logs one line
/// when all passed.
void require_gates(const std::vector<GateCheck>& checks);

}  // namespace linvox
