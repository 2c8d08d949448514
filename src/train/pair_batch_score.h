// Runs the models over one packed batch of pairs and lays out what a loss reads: sums, and where the loss
// asks for more, quantities of single tokens and of whole distributions. One path for training, evaluation
// and the gates. The formulas are those of src/loss/token_level.h.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/loss/preference.h"
#include "src/model/decoder.h"
#include "src/model/score.h"
#include "src/train/pair_batch.h"

namespace linvox {

/// What a loss reads beside the sums of policy and reference.
struct LossReads {
    bool reference_tokens = false;     // LD-DPO, TIS-DPO: per-token values of the reference
    bool policy_distribution = false;  // WPO
    bool divergence = false;           // TDPO: KL(reference || policy) per token
    bool extrapolation = false;        // epsilon-DPO: margins under mixed logits
    bool contrastive_weights = false;  // TIS-DPO: token weights from two more models

    /// Logits of the reference: only a model has them, no file does.
    bool reference_logits() const { return divergence || extrapolation; }
};

/// Throws ConfigError when the loss is no valid one.
LossReads loss_reads(const LossConfig& loss);

/// The mean over an answer's scored tokens of what score.h's statistics say, for both sides of every pair,
/// [B].
struct PairStatistic {
    std::string name;  // logits (mean logit), entropy, mean_token_accuracy
    at::Tensor chosen_B, rejected_B;
};

struct ScoredPairs {
    PairScores scores;  // with the policy's gradient unless gradients are off
    PairExtras extras;
    std::vector<PairStatistic> statistics;  // empty unless the score settings ask for them
};

/// TIS-DPO (arXiv 2410.04350): by answer_digest(prompt_ids, answer), how much more likely each scored token
/// is under a model trained towards chosen answers than under one trained towards rejected ones, nats.
using TokenContrast = std::unordered_map<std::string, std::vector<float>>;

/// positive - negative, token by token. BugError when they do not hold the token values of the same answers.
TokenContrast token_contrast(const ReferenceScores& positive, const ReferenceScores& negative);

/// How pairs are scored; `task_score` as in pair_extras.
struct PairScoring {
    ScoreConfig score;
    LossConfig loss;
    std::string task_score;
    std::shared_ptr<const TokenContrast> contrast;  // null: the loss weighs no tokens by it
};

/// Scores the batch under the policy, and under `live` when there is one (gradients off); else the
/// reference is what `set` holds. With ld_alpha below 1 sums and counts are the length-desensitised ones.
/// BugError when the loss reads what neither gives; check() of align.h finds it at load. DataError naming a
/// record whose answers `contrast` lacks.
ScoredPairs score_pairs(const Decoder& policy, const Decoder* live, const PairSet& set,
                        const PairBatch& batch, const PairScoring& scoring);

}  // namespace linvox
