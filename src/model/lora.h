// Adapters on a decoder: made fresh, walked by name, taken off, merged into the weights.
// The base weights stay where they are and are never written: the reference of an alignment is the same
// decoder without its adapter.
#pragma once

#include <cstdint>
#include <string>

#include "src/model/decoder.h"

namespace linvox {

/// Throws UserError when the config cannot be laid over a model of this shape.
void check(const LoraConfig& config, const ModelConfig& model);

/// Every setting on one line: what a resumed training must share.
std::string describe(const LoraConfig& config);

/// A fresh adapter that changes nothing yet: A uniform in +-1/sqrt(inputs) as PEFT draws it, B zero, DoRA's
/// magnitudes the row lengths. Adapter tensors are float32 (float64 on a float64 model), on the weights'
/// device. Copies of modules_to_save take their place in `decoder`. BugError when it has an adapter already.
void add_lora(Decoder& decoder, const LoraConfig& config, std::uint64_t seed);

/// Every tensor of the adapter, in a fixed order: "model.layers.0.self_attn.q_proj.lora_A.weight",
/// ".lora_B.weight", ".lora_magnitude_vector", and modules_to_save under their own names.
void visit_lora(Decoder& decoder, const WeightVisitor& visit);
void visit_lora(const Decoder& decoder, const ConstWeightVisitor& visit);

/// The adapted projections: "self_attn.q_proj" in layer `layer`, with weight and adapter.
struct AdaptedProjection {
    std::size_t layer;
    const char* module;
    at::Tensor* weight;
    LoraPair* pair;
};
/// All seven of every layer, adapted or not; for code that fills or reads them by name.
std::vector<AdaptedProjection> projections(Decoder& decoder);

/// The same base tensors, the adapter gone.
Decoder without_lora(const Decoder& decoder);

/// The same base tensors with a copy of the adapter.
Decoder clone_lora(const Decoder& decoder);

/// A decoder whose weights contain the adapter, in the base's dtype; weights without one are shared.
/// Without gradient.
Decoder merged_lora(const Decoder& decoder);

/// |W + scale B A| per row [O], without materialising the sum; no gradient.
at::Tensor adapted_row_norm(const at::Tensor& weight_OI, const LoraPair& pair, double scale);

std::int64_t lora_weight_count(const Decoder& decoder);

}  // namespace linvox
