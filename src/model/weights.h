// Weights are plain tensors, named once, by the names Hugging Face uses. Loading, saving, counting,
// parameter groups and gradients all walk the same visit.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>

namespace linvox {

/// Called once per weight with its full name ("model.layers.0.self_attn.q_proj.weight"). Assigning to
/// `weight` replaces it in the model.
using WeightVisitor = std::function<void(const std::string& name, at::Tensor& weight)>;
using ConstWeightVisitor = std::function<void(const std::string& name, const at::Tensor& weight)>;

}  // namespace linvox
