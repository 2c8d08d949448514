// Supervised training of a decoder, from scratch or from given weights: mean nats per scored token.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/config/visitor.h"
#include "src/data/pack.h"
#include "src/model/decoder.h"
#include "src/model/lora_weights.h"
#include "src/model/softmax_range.h"
#include "src/train/trainer.h"

namespace linvox {

struct SftConfig {
    std::int64_t steps = 2400;
    std::int64_t token_budget = 1000;  // of a micro-batch
    std::int64_t accumulate = 1;       // micro-batches per step
    double dropout = 0.1;
    double input_noise = 0.0;               // share of input codes replaced by random ones; labels stay
    std::string precision = "auto";         // of the matrix products: precision.h
    std::string weights = "f32";            // how matrices are kept: precision.h
    bool activation_checkpointing = false;  // compute each layer again in backward: less memory, more time
    LoraConfig lora;                        // rank 0: every weight is trained
    std::vector<std::string> freeze;        // patterns of weight names that are not trained
    AdamWConfig optimiser = {.learning_rate = 2e-3};
    ScheduleConfig schedule;
    std::int64_t evaluate_every = 200;
    std::int64_t patience = 0;
    double ema_decay = 0.0;
    std::int64_t checkpoint_every = 500;
    std::int64_t seed = 0;  // the recipe's; not a key of its own
    /// Weights that exist already may be left as they are (0 steps), adapted, or frozen in part.
    void visit(ConfigVisitor& v, bool from_weights = false);
};

/// The examples of one epoch; deterministic in its arguments, so that a resumed run sees the same.
using EpochExamples = std::function<std::vector<SequenceGroup>(int epoch, Rng& rng)>;

struct SftData {
    EpochExamples epoch;
    std::vector<SequenceGroup> validation;  // fixed; may be empty: no evaluation, no early stop
    SoftmaxRange softmax;
    std::int64_t code_begin = 0, code_end = 0;    // ids that input noise replaces, by others of the range
    std::map<std::string, std::string> identity;  // digests of what the examples are made from
};

/// Every problem between the fields, a sentence each.
std::vector<std::string> problems_of(const SftConfig& config);

/// Trains `decoder` (float32 weights; matrices become bfloat16 with weights = bf16) in place and leaves the
/// best weights in it. With lora.rank > 0 a fresh adapter is laid over it and trained instead: the weights
/// may then be of any dtype and training changes no bit of them. train.jsonl values: loss (nats per scored
/// token), grad_norm, learning_rate, num_tokens (scored, so far); eval_loss and eval_perplexity of the
/// validation examples.
TrainResult train_sft(Decoder& decoder, const SftData& data, const SftConfig& config, const TrainRun& run);

}  // namespace linvox
