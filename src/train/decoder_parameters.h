// A decoder's weights as the optimiser wants them.
#pragma once

#include <vector>

#include "src/model/decoder.h"
#include "src/train/optimizer.h"

namespace linvox {

/// Names and tensors of a decoder's weights, sharing its storage; turns their gradients on.
std::vector<TrainedParameter> trained_parameters(Decoder& decoder);

}  // namespace linvox
