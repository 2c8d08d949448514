// A reference that is a model and may move: TR-DPO (arXiv 2404.09656). Every N optimiser steps the reference
// takes a share of the policy (soft update) or all of it (hard update).
#pragma once

#include <cstdint>
#include <string>

#include "src/model/decoder.h"
#include "src/model/safetensors.h"
#include "src/train/align.h"

namespace linvox {

/// True when the run scores its reference with a model in every batch: it moves, or the loss reads its
/// logits, which no file holds. ConfigError when the loss is no valid one.
bool uses_live_reference(const AlignConfig& config);

/// True when the loss reads per-token values of a reference that comes from a file.
bool needs_stored_token_values(const AlignConfig& config);

/// reference <- share * policy + (1 - share) * reference; 1 copies, 0 changes no bit.
void move_reference(Decoder& reference, const Decoder& policy, double share);

/// What the configuration does after optimiser step `step` (from 1).
void update_reference(Decoder& reference, const Decoder& policy, const AlignConfig& config,
                      std::int64_t step);

/// "none", or "soft 0.6 every 512": what a resumed run must have in common with the saved one.
std::string describe_reference_update(const AlignConfig& config);

/// The weights (of a decoder with an adapter: the adapter) by name, sharing storage; and values copied back
/// in. DataError naming a missing weight.
TensorMap decoder_tensors(const Decoder& decoder);
void restore_decoder(Decoder& decoder, const TensorMap& tensors);

}  // namespace linvox
