// One micro-batch of pairs through the models and the loss, and metrics over a whole set.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/train/align.h"
#include "src/train/pair_batch.h"
#include "src/train/pair_batch_score.h"

namespace linvox {

/// What the losses of a step divide by: one number per part of the loss, and the summed pair weights.
struct Denominators {
    std::vector<double> parts;
    double weight = 0.0;
};
Denominators denominators_of(const PairSet& set, const std::vector<std::size_t>& records,
                             const AlignConfig& config);

bool by_prompt(const AlignConfig& config);

struct PairForward {
    const Decoder& policy;
    const Decoder* reference;  // scored in every batch; null: the pair set holds the reference's scores
    const AlignConfig& config;
    PairScoring scoring;

    /// `denominators` of the whole step (or evaluation). Adds to the step's sums in `state`.
    MicroResult operator()(const PairSet& set, const PairBatch& batch, LossState& state,
                           const Denominators& denominators) const;
};
/// `config` and the decoders must outlive it; of `data` it takes the softmax range and the contrast.
PairForward pair_forward(const Decoder& policy, const Decoder* reference, const AlignConfig& config,
                         const AlignData& data);

/// Metrics over a whole set, gradients off.
std::map<std::string, double> evaluate_set(const PairForward& forward, const PairSet& set,
                                           const LossState& state);

}  // namespace linvox
