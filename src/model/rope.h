// Rotary position embedding (arXiv 2104.09864): the angle tables. Heads are turned in pairs (j, j +
// head_dim/2).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "src/model/model_config.h"

namespace linvox {

/// Radians per position of each pair, [head_dim / 2]; with the llama3 scaling where the config has it.
std::vector<double> rope_frequencies(const ModelConfig& config);

/// Cosine and sine tables [positions, head_dim / 2] on the CPU, computed in double.
std::pair<at::Tensor, at::Tensor> rope_tables(const ModelConfig& config, std::int64_t positions,
                                              at::ScalarType dtype);

}  // namespace linvox
