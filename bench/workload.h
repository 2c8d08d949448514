// The workloads that preference trainers are compared on: a model with random weights as a Hugging Face
// directory and pairs of random ids, written for any trainer to read.
//
//   DIR/model/{config.json, model.safetensors}
//   DIR/pairs.jsonl   {"prompt": [ids], "chosen": [ids], "rejected": [[ids], ...]}; answers end with
//   kWorkloadEnd
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "src/data/records.h"
#include "src/model/model_config.h"

namespace linvox {

inline constexpr std::int32_t kWorkloadEnd = 1;

struct Workload {
    std::string name, doc;
    ModelConfig model;
    std::int64_t prompt_tokens = 0, answer_low = 0, answer_high = 0;  // answers: uniform in [low, high]
    std::int64_t rejected = 1;                                        // per prompt
};

/// T: the size of a small TTS model; V: a 0.5 B model with text and codec vocabulary; C: the same, cloning.
const std::vector<Workload>& workloads();

/// Writes the workload called `name` with `records` prompts. UserError for an unknown name.
void write_workload(const std::string& name, std::int64_t records, const std::filesystem::path& folder);

std::vector<PreferenceRecord> read_workload_pairs(const std::filesystem::path& folder);

/// The `train` command: trains on the workload in `folder` with DPO (sums, beta 0.1, rate 1e-5, clip 1) and
/// prints one JSON object: seconds, losses and pairs of every step, peak memory; and writes
/// `folder`/order.json, the record numbers of each step. The reference is scored before the clock starts.
int train_benchmark(const std::filesystem::path& folder, const std::string& precision,
                    std::int64_t batch_pairs, std::int64_t steps);

}  // namespace linvox
