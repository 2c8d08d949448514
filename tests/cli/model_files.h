// Checkpoints small enough for a test: tensors by formula in the layout of published models.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace linvox::test {

using TensorShapes = std::vector<std::pair<std::string, std::vector<int>>>;

/// A safetensors file of "F32" or "BF16" tensors: element i of tensor k is 0.2 sin(0.7 k + 0.37 i), norms 1
/// more. `first` is k of the first one.
void write_tensors(const std::filesystem::path& file, const TensorShapes& shapes,
                   const std::string& dtype = "F32", std::size_t first = 0);

/// The header of a safetensors file: names, dtypes, shapes and places.
std::string safetensors_header(const std::filesystem::path& file);

/// How a published speech model is laid out.
struct SpeechShape {
    std::string name;          // of its recipe
    std::string architecture;  // "qwen2", "llama"
    bool tied = true;
    bool rope_llama3 = false;
    int shards = 1;
    std::string dtype = "BF16";
    std::vector<std::string> marks;          // control tokens, in order of their ids
    std::vector<std::string> code_patterns;  // "<|s_N|>" with {0, 1, ..}
    int codes = 0;                           // of each pattern
    int spare_rows = 0;                      // rows of the model above the tokenizer's
    std::string end;                         // eos_token_id's token
};

/// A model directory of that layout with generation_config.json, a chat template and a codec folder.
std::filesystem::path write_speech_model(const std::filesystem::path& folder, const SpeechShape& shape);

}  // namespace linvox::test
