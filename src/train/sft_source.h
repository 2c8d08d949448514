// The examples of SFT as the trainer asks for them: an epoch's plan, and the forward pass over a micro-batch
// of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/data/pack.h"
#include "src/model/score.h"
#include "src/train/sft.h"
#include "src/train/trainer.h"

namespace linvox {

/// The functions of a TrainTask (trainer.h). `decoder`, `data` and `config` must outlive it.
class SftSource {
public:
    SftSource(const Decoder& decoder, const SftData& data, const SftConfig& config);

    /// Draws the epoch's examples and packs them; returns its number of optimiser steps.
    std::int64_t begin_epoch(std::int64_t epoch);
    std::int64_t micro_count(std::int64_t index);
    /// Negative log-likelihood summed over the scored tokens of a micro-batch; its weight is their number.
    MicroResult forward(std::int64_t index, std::int64_t micro, std::int64_t step);
    void after_step();
    /// Halves every micro-batch from now on; false when those of the current step hold one example each.
    bool split();
    /// One id per answer, as in per_record.
    std::vector<std::string> record_ids(std::int64_t index, std::int64_t micro);
    TensorMap state() const;
    void load_state(const TensorMap& state);
    Evaluation evaluate() const;

private:
    void enter_step(std::int64_t index);

    const Decoder& decoder_;
    const SftData& data_;
    const SftConfig& config_;
    ScoreConfig score_;
    std::vector<SequenceGroup> groups_;
    BatchPlan plan_;    // the epoch's micro-batches, config.accumulate of them to a step
    BatchPlan micros_;  // of the step that micros_of_ names
    std::int64_t micros_of_ = -1;
    int halvings_ = 0;
    double num_tokens_ = 0.0, pending_tokens_ = 0.0;
};

/// Mean nats per scored token over `groups`; no gradients, no dropout.
double validation_loss(const Decoder& decoder, const std::vector<SequenceGroup>& groups,
                       const ScoreConfig& score, std::int64_t token_budget);

}  // namespace linvox
