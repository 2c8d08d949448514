// A decoder's weights as the optimiser wants them.
#pragma once

#include <string>
#include <vector>

#include "src/model/decoder.h"
#include "src/train/optimizer.h"

namespace linvox {

/// Names and tensors of what is trained, sharing storage; turns their gradients on and all others off.
/// That is the adapter where the decoder has one (lora.h), else its weights; without those whose names match
/// a pattern of `freeze` (fnmatch: "model.embed_tokens.*", "*.mlp.*").
/// UserError for a pattern that matches nothing, and when nothing is left to train.
std::vector<TrainedParameter> trained_parameters(Decoder& decoder,
                                                 const std::vector<std::string>& freeze = {});

/// Matrices as bfloat16, one after the other in place of the wide ones; norms, biases and matrices too small
/// for 8-bit moments (moments8.h) stay as they are.
void narrow_weights(Decoder& decoder);

}  // namespace linvox
