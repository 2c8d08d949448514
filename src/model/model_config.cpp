#include "src/model/model_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace linvox {
namespace {

using nlohmann::json;

struct Architecture {
    const char* name;        // ModelConfig::architecture and config.json's model_type
    const char* class_name;  // config.json's architectures[0]
    bool qkv_bias, qk_norm;
};
constexpr std::array kArchitectures = {Architecture{"llama", "LlamaForCausalLM", false, false},
                                       Architecture{"qwen2", "Qwen2ForCausalLM", true, false},
                                       Architecture{"qwen3", "Qwen3ForCausalLM", false, true}};

const Architecture* find_architecture(const std::string& name) {
    for (const Architecture& row : kArchitectures)
        if (name == row.name || name == row.class_name) return &row;
    return nullptr;
}

/// Typed access to config.json; every complaint names the file and the key.
class Reader {
public:
    Reader(const json& document, std::string where) : document_(document), where_(std::move(where)) {
        LINVOX_REQUIRE(document_.is_object(), DataError, "{}: must be a JSON object", where_);
    }
    bool has(const char* key) const { return document_.contains(key) && !document_[key].is_null(); }
    const json& at(const char* key) const { return document_[key]; }
    const std::string& where() const { return where_; }

    std::int64_t integer(const char* key) const {
        require(key, has(key) && document_[key].is_number_integer(), "a whole number");
        return document_[key].get<std::int64_t>();
    }
    std::int64_t integer(const char* key, std::int64_t fallback) const {
        return has(key) ? integer(key) : fallback;
    }
    double number(const char* key, double fallback) const {
        if (!has(key)) return fallback;
        require(key, document_[key].is_number(), "a number");
        return document_[key].get<double>();
    }
    bool boolean(const char* key, bool fallback) const {
        if (!has(key)) return fallback;
        require(key, document_[key].is_boolean(), "true or false");
        return document_[key].get<bool>();
    }
    std::string text(const char* key, const std::string& fallback) const {
        if (!has(key)) return fallback;
        require(key, document_[key].is_string(), "a string");
        return document_[key].get<std::string>();
    }
    /// A setting this decoder computes in one way only.
    void refuse_unless(const char* key, bool supported, const char* reason) const {
        LINVOX_REQUIRE(supported, DataError, "{}: \"{}\" is {}: {}", where_, key,
                       document_.value(key, json()).dump(), reason);
    }

private:
    void require(const char* key, bool good, const char* what) const {
        LINVOX_REQUIRE(good, DataError, "{}: \"{}\" must be {}, it is {}", where_, key, what,
                       document_.contains(key) ? document_[key].dump() : "missing");
    }
    const json& document_;
    std::string where_;
};

const Architecture& read_architecture(const Reader& reader) {
    std::string name = reader.text("model_type", "");
    if (reader.has("architectures") && reader.at("architectures").is_array() &&
        !reader.at("architectures").empty() && reader.at("architectures")[0].is_string())
        name = reader.at("architectures")[0].get<std::string>();
    const Architecture* row = find_architecture(name);
    LINVOX_REQUIRE(row, DataError,
                   "{}: architecture '{}' is not one of LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM",
                   reader.where(), name);
    return *row;
}

void refuse_other_features(const Reader& reader) {
    const std::string activation = reader.text("hidden_act", "silu");
    reader.refuse_unless("hidden_act", activation == "silu", "only silu is computed");
    const bool window = reader.boolean("use_sliding_window", false) && reader.has("sliding_window");
    reader.refuse_unless("use_sliding_window", !window, "sliding-window attention is not computed");
    if (reader.has("layer_types") && reader.at("layer_types").is_array())
        for (const auto& type : reader.at("layer_types"))
            reader.refuse_unless("layer_types", type == "full_attention", "only full_attention is computed");
    reader.refuse_unless("attention_bias", !reader.boolean("attention_bias", false),
                         "a bias on the attention's output is not computed");
    reader.refuse_unless("mlp_bias", !reader.boolean("mlp_bias", false), "MLP biases are not computed");
    reader.refuse_unless("partial_rotary_factor", reader.number("partial_rotary_factor", 1.0) == 1.0,
                         "only rotation of whole heads is computed");
    reader.refuse_unless("quantization_config", !reader.has("quantization_config"),
                         "quantised weights are not read; use the float checkpoint");
}

/// "rope_scaling" (with rope_theta beside it), or "rope_parameters", which holds both.
void read_rope(const Reader& reader, ModelConfig& config) {
    config.rope_theta = reader.number("rope_theta", 10000.0);
    const char* key = reader.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
    if (!reader.has(key)) return;
    const Reader rope(reader.at(key), fmt::format("{}: {}", reader.where(), key));
    config.rope_theta = rope.number("rope_theta", config.rope_theta);
    const std::string type = rope.text("rope_type", rope.text("type", "default"));
    if (type == "default") return;
    LINVOX_REQUIRE(type == "llama3", DataError, "{}: rope type '{}' is not one of default, llama3",
                   rope.where(), type);
    for (const char* number : {"factor", "low_freq_factor", "high_freq_factor"})
        LINVOX_REQUIRE(rope.number(number, -1.0) > 0.0, DataError, "{}: \"{}\" must be a positive number",
                       rope.where(), number);
    config.rope_llama3 = Llama3RopeScaling{rope.number("factor", 0), rope.number("low_freq_factor", 0),
                                           rope.number("high_freq_factor", 0),
                                           rope.integer("original_max_position_embeddings")};
}

std::vector<std::int64_t> read_eos(const Reader& reader) {
    if (!reader.has("eos_token_id")) return {};
    const json& eos = reader.at("eos_token_id");
    if (eos.is_number_integer()) return {eos.get<std::int64_t>()};
    LINVOX_REQUIRE(eos.is_array(), DataError, "{}: \"eos_token_id\" must be an id or a list of ids, it is {}",
                   reader.where(), eos.dump());
    std::vector<std::int64_t> ids;
    for (const json& id : eos) {
        LINVOX_REQUIRE(id.is_number_integer(), DataError, "{}: \"eos_token_id\" holds {}, not an id",
                       reader.where(), id.dump());
        ids.push_back(id.get<std::int64_t>());
    }
    return ids;
}

}  // namespace

ModelConfig model_config_defaults(const std::string& architecture) {
    const Architecture* row = find_architecture(architecture);
    LINVOX_REQUIRE(row, UserError, "architecture '{}' is not one of llama, qwen2, qwen3", architecture);
    ModelConfig config;
    config.architecture = row->name;
    config.qkv_bias = row->qkv_bias;
    config.qk_norm = row->qk_norm;
    return config;
}

void check(const ModelConfig& config) {
    const Architecture* row = find_architecture(config.architecture);
    LINVOX_REQUIRE(row, UserError, "model: architecture '{}' is not one of llama, qwen2, qwen3",
                   config.architecture);
    LINVOX_REQUIRE(row->qkv_bias == config.qkv_bias && row->qk_norm == config.qk_norm, UserError,
                   "model: {} has qkv_bias = {} and qk_norm = {}, got {} and {}", row->name, row->qkv_bias,
                   row->qk_norm, config.qkv_bias, config.qk_norm);
    const std::pair<const char*, std::int64_t> sizes[] = {
        {"vocab_size", config.vocab_size},
        {"hidden_size", config.hidden_size},
        {"num_hidden_layers", config.num_layers},
        {"num_attention_heads", config.num_heads},
        {"num_key_value_heads", config.num_kv_heads},
        {"head_dim", config.head_dim},
        {"intermediate_size", config.intermediate_size},
        {"max_position_embeddings", config.max_position_embeddings}};
    for (const auto& [name, size] : sizes)
        LINVOX_REQUIRE(size > 0 && size <= (std::int64_t{1} << 31), UserError,
                       "model: {} must be between 1 and 2^31, it is {}", name, size);
    LINVOX_REQUIRE(config.num_heads % config.num_kv_heads == 0, UserError,
                   "model: {} attention heads cannot share {} key heads; the first must be a multiple",
                   config.num_heads, config.num_kv_heads);
    LINVOX_REQUIRE(config.head_dim % 2 == 0, UserError,
                   "model: head_dim must be even (rotary positions turn pairs), it is {}", config.head_dim);
    LINVOX_REQUIRE(config.rope_theta > 0.0 && config.rms_norm_eps > 0.0, UserError,
                   "model: rope_theta and rms_norm_eps must be positive, they are {} and {}",
                   config.rope_theta, config.rms_norm_eps);
}

ModelConfig model_config_from_json(const json& document, const std::string& where) {
    const Reader reader(document, where);
    const Architecture& row = read_architecture(reader);
    refuse_other_features(reader);
    ModelConfig config = model_config_defaults(row.name);
    config.vocab_size = reader.integer("vocab_size");
    config.hidden_size = reader.integer("hidden_size");
    config.num_layers = reader.integer("num_hidden_layers");
    config.num_heads = reader.integer("num_attention_heads");
    config.num_kv_heads = reader.integer("num_key_value_heads", config.num_heads);
    const std::int64_t head_dim =
        row.qk_norm ? 128 : (config.num_heads > 0 ? config.hidden_size / config.num_heads : 0);
    config.head_dim = reader.integer("head_dim", head_dim);
    config.intermediate_size = reader.integer("intermediate_size");
    read_rope(reader, config);
    config.rms_norm_eps = reader.number("rms_norm_eps", 1e-6);
    config.tie_word_embeddings = reader.boolean("tie_word_embeddings", false);
    config.max_position_embeddings = reader.integer("max_position_embeddings");
    if (reader.has("bos_token_id")) config.bos_token_id = reader.integer("bos_token_id");
    config.eos_token_ids = read_eos(reader);
    try {
        check(config);
    } catch (const UserError& problem) {
        throw DataError(fmt::format("{}: {}", where, problem.what()));
    }
    return config;
}

json model_config_to_json(const ModelConfig& config) {
    check(config);
    json document = {{"architectures", {find_architecture(config.architecture)->class_name}},
                     {"model_type", config.architecture},
                     {"vocab_size", config.vocab_size},
                     {"hidden_size", config.hidden_size},
                     {"num_hidden_layers", config.num_layers},
                     {"num_attention_heads", config.num_heads},
                     {"num_key_value_heads", config.num_kv_heads},
                     {"head_dim", config.head_dim},
                     {"intermediate_size", config.intermediate_size},
                     {"hidden_act", "silu"},
                     {"rope_theta", config.rope_theta},
                     {"rms_norm_eps", config.rms_norm_eps},
                     {"tie_word_embeddings", config.tie_word_embeddings},
                     {"max_position_embeddings", config.max_position_embeddings},
                     {"attention_dropout", 0.0},
                     {"use_cache", true}};
    if (config.architecture != "qwen2") document["attention_bias"] = false;
    if (config.architecture != "llama") document["use_sliding_window"] = false;
    if (config.rope_llama3)
        document["rope_scaling"] = {
            {"rope_type", "llama3"},
            {"factor", config.rope_llama3->factor},
            {"low_freq_factor", config.rope_llama3->low_freq_factor},
            {"high_freq_factor", config.rope_llama3->high_freq_factor},
            {"original_max_position_embeddings", config.rope_llama3->original_max_position_embeddings}};
    if (config.bos_token_id) document["bos_token_id"] = *config.bos_token_id;
    if (config.eos_token_ids.size() == 1)
        document["eos_token_id"] = config.eos_token_ids[0];
    else if (!config.eos_token_ids.empty())
        document["eos_token_id"] = config.eos_token_ids;
    return document;
}

}  // namespace linvox
