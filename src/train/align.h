// Preference training: packed pairs, one scoring path for policy and reference, a loss from the table.
// Which loss, the loss core decides; how a run goes, the trainer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/config/visitor.h"
#include "src/data/pack.h"
#include "src/loss/preference.h"
#include "src/model/decoder.h"
#include "src/model/lora_weights.h"
#include "src/model/score.h"
#include "src/train/gates.h"
#include "src/train/meter.h"
#include "src/train/pair_batch_score.h"
#include "src/train/reference_cache.h"
#include "src/train/trainer.h"

namespace linvox {

struct AlignConfig {
    LossConfig loss;
    AdamWConfig optimiser = {.learning_rate = 1.5e-4, .weight_decay = 0.0};
    ScheduleConfig schedule = {.warmup_steps = 10};
    std::int64_t epochs = 4;
    std::int64_t batch_pairs = 8;           // per optimiser step; a record's pairs stay together
    std::int64_t token_budget = 4096;       // of a micro-batch, shared form
    std::string pair_weight = "pair";       // pair (1 each) or prompt (1/k each)
    std::string task_score;                 // metric given to losses that need task scores; "" none
    std::string precision = "f32";          // of the matrix products: precision.h
    std::string weights = "f32";            // how matrices are kept: precision.h
    LoraConfig lora;                        // rank 0: every weight is trained
    std::vector<std::string> freeze;        // patterns of weight names that are not trained
    bool activation_checkpointing = false;  // compute each layer again in backward: less memory, more time
    bool token_statistics = false;  // log entropy, top-1 accuracy and mean logit of the answers' tokens
    std::string reference_update = "none";  // none, soft, hard: TR-DPO, the reference follows the policy
    double reference_alpha = 0.6;           // share of the policy in a soft update
    std::int64_t reference_every = 512;     // optimiser steps between updates
    std::int64_t evaluate_every = 50;
    std::int64_t patience = 0;
    bool keep_best = false;
    std::int64_t checkpoint_every = 200;
    std::int64_t seed = 0;  // the recipe's; not a key of its own
    GateConfig gate;
    void visit(ConfigVisitor& v);
};

struct AlignData {
    std::vector<PreferenceRecord> train, held_out;
    /// Of every answer of both, with token values where the loss reads them. Empty only for a loss without
    /// reference, or when the reference is scored by a model in every batch (it moves, or the loss reads its
    /// logits): the model is then a copy of the start policy.
    ReferenceScores reference;
    /// Of every answer of both: what a loss that weighs tokens (tis_dpo) reads; else null.
    std::shared_ptr<const TokenContrast> contrast;
    SoftmaxRange softmax;                         // the range the reference was scored with
    std::map<std::string, std::string> identity;  // digests: start model, pairs, reference
    bool starts_at_reference = true;  // false: policy and reference differ on purpose; step-0 gate is off
};

/// Every problem between the fields, and between the loss and what the data offer; ConfigError.
void check(const AlignConfig& config, const AlignData& data);

/// The score settings of a run; the reference must be computed with the same ones.
ScoreConfig align_score_config(const AlignConfig& config, const SoftmaxRange& softmax);
PairScoring pair_scoring(const AlignConfig& config, const AlignData& data);

/// Trains `policy` (float32 weights; matrices become bfloat16 with weights = bf16) in place, or with
/// lora.rank > 0 lays a fresh adapter over it and trains that: the weights may then be of any dtype and no
/// bit of them changes. On a GPU (device.h) the weights lie there meanwhile. Runs the gates first (gates.h)
/// unless the run is resumed. train.jsonl values: TRL's names (loss, grad_norm, learning_rate,
/// rewards/chosen, ...) and ours, with mean and 10/50/90 percentiles of logps and logratio per token and in
/// sum; eval_ in front of the held-out ones, which also have grad_norm/{chosen,rejected}, grad/cosine and
/// r_star (push_probe.h). Logratios are to the reference of that step when it moves.
TrainResult train_align(Decoder& policy, const AlignData& data, const AlignConfig& config,
                        const TrainRun& run);

}  // namespace linvox
