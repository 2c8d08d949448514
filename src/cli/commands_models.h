// Commands on model directories rather than recipes: score, generate, import, inspect, grow, merge.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "src/data/answer_ids.h"
#include "src/data/answer_lines.h"
#include "src/generate/sampler.h"
#include "src/model/decoder.h"
#include "src/model/grow.h"
#include "src/model/inspect.h"

namespace linvox {

/// A model directory, an adapter to lay over it, and how its answers are made of ids.
struct ModelArguments {
    std::filesystem::path model, adapter;
    std::string precision = "stored";  // of weights and products: stored, f32, bf16
    std::string chat_template;         // name of one; "": prompts and answers are plain text
    std::string range;                 // "BEGIN:END" of ids
    AnswerIdChoice ids;                // its range comes from the text above
};

Decoder load_decoder(const ModelArguments& arguments);
AnswerIds answer_ids_of(const ModelArguments& arguments, const ModelConfig& config);
LineRules line_rules(const ModelArguments& arguments, const ModelConfig& config, const AnswerIds& ids);

/// UserError unless `out` is free: nothing there, or an empty folder. Saving replaces what a path holds.
void require_free_directory(const std::filesystem::path& out);

struct ScoreArguments {
    ModelArguments model;
    std::filesystem::path data, out;  // out empty: stdout
    bool per_token = false;
    std::int64_t token_budget = 4096;
};
void command_score(const ScoreArguments& arguments);

struct GenerateArguments {
    ModelArguments model;
    std::filesystem::path prompts, out;
    std::int64_t samples = 1, seed = 1;
    SamplingConfig sampling;
};
void command_generate(const GenerateArguments& arguments);

struct ImportArguments {
    std::filesystem::path in, out, model;
    std::vector<std::int32_t> stop_ids;
};
void command_import_vllm(const ImportArguments& arguments);

void command_inspect(const std::filesystem::path& directory, const InspectOptions& options, bool as_json);

struct GrowArguments {
    std::filesystem::path model, out;
    std::string pattern = "<|s_N|>";
    std::vector<std::string> marks;  // special tokens in front of the codec's
    GrowConfig grow;
};
void command_grow(const GrowArguments& arguments);

struct MergeArguments {
    std::filesystem::path model, adapter, out;
};
void command_merge(const MergeArguments& arguments);

}  // namespace linvox
