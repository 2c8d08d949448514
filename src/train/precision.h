// The `precision` and `weights` keys of training: in which dtype matrices are multiplied, and in which they
// are kept. Sums, norms and softmax are float32 in any case.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/config/visitor.h"
#include "src/model/decoder.h"

namespace linvox {

/// Declares the key: auto, bf16 or f32.
void visit_precision(ConfigVisitor& v, std::string& precision);

/// bf16 or f32; "auto" is what this processor, or the GPU in use, multiplies faster.
std::string resolved_precision(const std::string& precision);
Compute compute_of(const std::string& precision);

/// Declares the key: f32 or bf16.
void visit_kept_weights(ConfigVisitor& v, std::string& weights);

/// What else must be set for weights = bf16; `where` is the section in front of the keys ("align"). Adapters
/// (`lora_rank` > 0) leave the weights alone: any moments will do.
std::vector<std::string> kept_weights_problems(const std::string& weights, const std::string& precision,
                                               const std::string& moments, std::int64_t lora_rank,
                                               const std::string& where);

}  // namespace linvox
