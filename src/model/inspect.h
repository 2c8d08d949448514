// What a model directory holds, and whether it can be trained and sampled from here: facts for people and
// programs, gathered without reading the weights' values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "src/model/model_config.h"

namespace linvox {

/// Lengths that the memory estimate is made for, in tokens, and examples (pairs) of one micro-batch.
struct InspectOptions {
    std::int64_t prompt = 128, answer = 512, batch = 4, rank = 16;
};

/// Keys: directory, config (as config.json of this program), files, dtypes, parameters, tokenizer,
/// vocabulary, codec, stop_ids, memory, problems (a list of sentences; empty: everything works). Keys whose
/// facts cannot be had are absent and a problem says why. UserError when there is no such directory.
nlohmann::json inspect_model(const std::filesystem::path& directory, const InspectOptions& options);

/// The same as lines of text.
std::string inspection_text(const nlohmann::json& facts);

/// Bytes at the peak of one training step on the CPU, by what holds them. `tokens` run through the layers at
/// once, `scored` of them predict one.
struct MemoryEstimate {
    std::int64_t weights = 0, gradients = 0, optimiser = 0, activations = 0, logits = 0;
    std::int64_t total() const { return weights + gradients + optimiser + activations + logits; }
};
/// How the weights are kept and trained.
struct TrainedAs {
    std::int64_t rank = 0;  // 0: all of them, float32 as recipes load them; else adapters on all projections
    bool narrow = false;    // weights = bf16 with 8-bit moments; rank 0 only
};
MemoryEstimate estimate_memory(const ModelConfig& config, std::int64_t tokens, std::int64_t scored,
                               const TrainedAs& trained_as);

/// Weights of a model of this shape, by part.
struct ParameterCounts {
    std::int64_t embedding = 0, head = 0, attention = 0, mlp = 0, norms = 0;
    std::int64_t total() const { return embedding + head + attention + mlp + norms; }
};
ParameterCounts count_parameters(const ModelConfig& config);

}  // namespace linvox
