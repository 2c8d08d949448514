// The `precision` key of training: in which dtype matrices are multiplied. Weights, sums, norms and softmax
// are float32 in either case.
#pragma once

#include <string>

#include "src/config/visitor.h"
#include "src/model/decoder.h"

namespace linvox {

/// Declares the key: auto, bf16 or f32.
void visit_precision(ConfigVisitor& v, std::string& precision);

/// bf16 or f32; "auto" is what this processor multiplies faster.
std::string resolved_precision(const std::string& precision);
Compute compute_of(const std::string& precision);

}  // namespace linvox
