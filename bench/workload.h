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

/// T: the size of a small TTS model, T2 and T4 the same with longer sequences; V: a 0.5 B model with text and
/// codec vocabulary; C: the same, cloning.
const std::vector<Workload>& workloads();

/// Writes the workload called `name` with `records` prompts. UserError for an unknown name.
void write_workload(const std::string& name, std::int64_t records, const std::filesystem::path& folder);

std::vector<PreferenceRecord> read_workload_pairs(const std::filesystem::path& folder);

/// The matrix products of one record, attention left out: every weight but the embedding over all rows, the
/// head over the rows that predict an answer, twice as much again in backward. 1e12 operations.
double training_tflop(const PreferenceRecord& record, const ModelConfig& model);

/// The device in use in products of 2048 x 2048 matrices (8192 x 8192 on a GPU), "f32" or "bf16", the best of
/// five. TFLOP/s.
double peak_tflops(const std::string& precision);

struct TrainBenchmark {
    std::string precision = "f32", moments = "f32", weights = "f32", device = "auto";
    std::int64_t batch_pairs = 8, steps = 4, token_budget = 4096;
    bool activation_checkpointing = false;
};

/// From JSON text with any of these names; UserError for another name.
TrainBenchmark parse_train_benchmark(const std::string& json);

/// The `train` command: trains on the workload in `folder` with DPO (sums, beta 0.1, rate 1e-5, clip 1) and
/// prints one JSON object: seconds, losses, pairs and products (TFLOP, forward and backward) of every step,
/// the machine's peak_tflops, peak memory; and
/// writes `folder`/order.json, the record numbers of each step. The reference is scored before the clock
/// starts.
int train_benchmark(const std::filesystem::path& folder, const TrainBenchmark& settings);

/// The `score` command: log-probabilities of the first `records` pairs on the device in use, five rounds
/// after a warm-up, beside its peak_tflops. Prints one JSON object.
int score_benchmark(const std::filesystem::path& folder, std::int64_t records);

struct GenerateBenchmark {
    std::int64_t rows = 1, tokens = 64, rounds = 5;
    std::string precision = "f32";  // or "bf16"
};

/// The `generate` command: the most probable `tokens` of `rows` sequences at once on the device in use,
/// `rounds` times after a warm-up, beside the steps that its memory's bandwidth allows when every weight is
/// read once a step. Prompts are of one token. Prints one JSON object, with the ids of the first row.
int generate_benchmark(const std::filesystem::path& folder, const GenerateBenchmark& settings);

}  // namespace linvox
