// The shape of a decoder, as Hugging Face's config.json states it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace linvox {

/// rope_type "llama3": low frequencies are divided by `factor`, high ones kept, those between blended
/// (arXiv 2407.21783; the four numbers of config.json's rope_scaling).
struct Llama3RopeScaling {
    double factor = 8.0;
    double low_freq_factor = 1.0;
    double high_freq_factor = 4.0;
    std::int64_t original_max_position_embeddings = 8192;
    bool operator==(const Llama3RopeScaling&) const = default;
};

struct ModelConfig {
    std::string architecture = "qwen2";  // "qwen2", "qwen3" or "llama"
    std::int64_t vocab_size = 0;
    std::int64_t hidden_size = 192;
    std::int64_t num_layers = 4;
    std::int64_t num_heads = 3;
    std::int64_t num_kv_heads = 3;
    std::int64_t head_dim = 64;
    std::int64_t intermediate_size = 512;
    double rope_theta = 10000.0;
    std::optional<Llama3RopeScaling> rope_llama3;
    double rms_norm_eps = 1e-6;
    bool tie_word_embeddings = true;
    bool qkv_bias = true;  // qwen2 has it, the others not
    bool qk_norm = false;  // qwen3 has it, the others not
    std::int64_t max_position_embeddings = 4096;
    std::optional<std::int64_t> bos_token_id;
    std::vector<std::int64_t> eos_token_ids;
    bool operator==(const ModelConfig&) const = default;

    std::int64_t query_size() const { return num_heads * head_dim; }
    std::int64_t key_size() const { return num_kv_heads * head_dim; }
};

/// The architectures above with the biases and norms each of them implies.
ModelConfig model_config_defaults(const std::string& architecture);

/// Throws UserError when sizes do not fit together (heads not a multiple of key heads, odd head_dim, ...).
void check(const ModelConfig& config);

/// DataError starting with `where` for a missing or malformed key, and for every setting that would change
/// the result and that this decoder does not compute: other architectures, activations and rope types,
/// sliding windows, biases elsewhere, quantised weights. Keys that change no number are passed over.
ModelConfig model_config_from_json(const nlohmann::json& document, const std::string& where);
nlohmann::json model_config_to_json(const ModelConfig& config);

}  // namespace linvox
