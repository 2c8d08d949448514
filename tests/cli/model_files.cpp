#include "tests/cli/model_files.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/program.h"

namespace linvox::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

void append_value(std::string& data, float value, const std::string& dtype) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (dtype == "F32") data.append(reinterpret_cast<const char*>(&bits), 4);
    const auto upper = static_cast<std::uint16_t>(bits >> 16);
    if (dtype == "BF16") data.append(reinterpret_cast<const char*>(&upper), 2);
}

constexpr int kWidth = 16, kKeys = 8, kInner = 24, kLayers = 2;

TensorShapes layer_shapes(int layer, bool biases) {
    const std::string at = "model.layers." + std::to_string(layer) + ".";
    TensorShapes shapes = {{at + "input_layernorm.weight", {kWidth}},
                           {at + "mlp.down_proj.weight", {kWidth, kInner}},
                           {at + "mlp.gate_proj.weight", {kInner, kWidth}},
                           {at + "mlp.up_proj.weight", {kInner, kWidth}},
                           {at + "post_attention_layernorm.weight", {kWidth}}};
    for (const char* name : {"k_proj", "o_proj", "q_proj", "v_proj"}) {
        const bool is_key = name[0] == 'k' || name[0] == 'v';
        const std::string projection = at + "self_attn." + name;
        shapes.push_back({projection + ".weight", {is_key ? kKeys : kWidth, kWidth}});
        if (biases && name[0] != 'o') shapes.push_back({projection + ".bias", {is_key ? kKeys : kWidth}});
    }
    return shapes;
}

/// The golden tokenizer of the same family without its own codec tokens, with those of the shape behind it.
json tokenizer_of(const SpeechShape& shape) {
    const std::string family = shape.architecture == "llama" ? "llama3" : "qwen2";
    json tokenizer = json::parse(
        read_text(fs::path(LINVOX_SOURCE_DIR) / "tests/golden/tokenizers" / family / "tokenizer.json"));
    json added = json::array();
    std::vector<std::string> known;
    for (const json& token : tokenizer["added_tokens"]) {
        const std::string text = token["content"];
        if (!text.starts_with("<|") || text.starts_with("<|s_")) continue;
        known.push_back(text);
        added.push_back(token);
    }
    int next = static_cast<int>(tokenizer["model"]["vocab"].size()) + static_cast<int>(known.size());
    const auto add = [&](const std::string& text, bool special) {
        if (std::find(known.begin(), known.end(), text) != known.end()) return;
        added.push_back({{"id", next++},
                         {"content", text},
                         {"single_word", false},
                         {"lstrip", false},
                         {"rstrip", false},
                         {"normalized", false},
                         {"special", special}});
    };
    // As in Llama 3, up to a round number, so that the tests can name ids.
    while (next < 1000) add("<|reserved_" + std::to_string(next) + "|>", true);
    for (const std::string& mark : shape.marks) add(mark, true);
    for (const std::string& pattern : shape.code_patterns)
        for (int code = 0; code < shape.codes; ++code) {
            std::string text = pattern;
            add(text.replace(text.find('N'), 1, std::to_string(code)), false);
        }
    tokenizer["added_tokens"] = added;
    return tokenizer;
}

int id_of(const json& tokenizer, const std::string& text) {
    for (const json& token : tokenizer["added_tokens"])
        if (token["content"] == text) return token["id"];
    return -1;
}

json config_of(const SpeechShape& shape, int rows, int end) {
    json config = {
        {"architectures", {shape.architecture == "llama" ? "LlamaForCausalLM" : "Qwen2ForCausalLM"}},
        {"model_type", shape.architecture},
        {"vocab_size", rows},
        {"hidden_size", kWidth},
        {"num_hidden_layers", kLayers},
        {"num_attention_heads", 2},
        {"num_key_value_heads", 1},
        {"head_dim", kKeys},
        {"intermediate_size", kInner},
        {"hidden_act", "silu"},
        {"rms_norm_eps", 1e-6},
        {"rope_theta", 500000.0},
        {"max_position_embeddings", 512},
        {"eos_token_id", end},
        {"tie_word_embeddings", shape.tied},
        {"torch_dtype", shape.dtype == "BF16" ? "bfloat16" : "float32"}};
    if (shape.rope_llama3)
        config["rope_scaling"] = {{"rope_type", "llama3"},
                                  {"factor", 32.0},
                                  {"low_freq_factor", 1.0},
                                  {"high_freq_factor", 4.0},
                                  {"original_max_position_embeddings", 64}};
    return config;
}

void write_shards(const fs::path& model, const TensorShapes& shapes, const SpeechShape& shape) {
    if (shape.shards == 1) return write_tensors(model / "model.safetensors", shapes, shape.dtype);
    json map = json::object();
    std::size_t bytes = 0;
    for (int s = 0; s < shape.shards; ++s) {
        const std::string file =
            "model-0000" + std::to_string(s + 1) + "-of-0000" + std::to_string(shape.shards) + ".safetensors";
        const std::size_t begin =
            shapes.size() * static_cast<std::size_t>(s) / static_cast<std::size_t>(shape.shards);
        const std::size_t end =
            shapes.size() * static_cast<std::size_t>(s + 1) / static_cast<std::size_t>(shape.shards);
        const TensorShapes part(shapes.begin() + static_cast<std::ptrdiff_t>(begin),
                                shapes.begin() + static_cast<std::ptrdiff_t>(end));
        write_tensors(model / file, part, shape.dtype, begin);
        for (const auto& [name, extents] : part) {
            map[name] = file;
            std::size_t size = shape.dtype == "BF16" ? 2 : 4;
            for (const int extent : extents) size *= static_cast<std::size_t>(extent);
            bytes += size;
        }
    }
    write_text(model / "model.safetensors.index.json",
               json{{"metadata", {{"total_size", bytes}}}, {"weight_map", map}}.dump(2));
}

}  // namespace

void write_tensors(const fs::path& file, const TensorShapes& shapes, const std::string& dtype,
                   std::size_t first) {
    json header;
    std::string data;
    auto k = static_cast<double>(first);
    for (const auto& [name, shape] : shapes) {
        std::size_t count = 1;
        for (const int extent : shape) count *= static_cast<std::size_t>(extent);
        const std::size_t begin = data.size();
        for (std::size_t i = 0; i < count; ++i)
            append_value(data,
                         static_cast<float>(0.2 * std::sin(0.7 * k + 0.37 * static_cast<double>(i)) +
                                            (name.ends_with("norm.weight") ? 1.0 : 0.0)),
                         dtype);
        header[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
        k += 1.0;
    }
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out << text << data;
}

std::string safetensors_header(const fs::path& file) {
    const std::string bytes = read_text(file);
    std::uint64_t length = 0;
    bytes.copy(reinterpret_cast<char*>(&length), sizeof length);
    return bytes.substr(sizeof length, length);
}

fs::path write_speech_model(const fs::path& folder, const SpeechShape& shape) {
    const fs::path model = folder / shape.name;
    fs::create_directories(model / "codec");
    const json tokenizer = tokenizer_of(shape);
    int tokens = 0;
    for (const json& token : tokenizer["added_tokens"]) tokens = std::max(tokens, token["id"].get<int>() + 1);
    const int rows = tokens + shape.spare_rows, end = id_of(tokenizer, shape.end);
    write_text(model / "config.json", config_of(shape, rows, end).dump(2));
    write_text(model / "generation_config.json",
               json{{"eos_token_id", end}, {"top_p", 0.9}}.dump(1) + "\n\n");
    write_text(model / "tokenizer.json", tokenizer.dump());
    write_text(model / "tokenizer_config.json",
               json{{"eos_token", shape.end}, {"tokenizer_class", "PreTrainedTokenizerFast"}}.dump());
    write_text(model / "chat_template.jinja", "{{ messages }}");
    write_text(model / "codec/quantizer.bin", std::string("\0\1\2", 3));
    TensorShapes shapes = {{"model.embed_tokens.weight", {rows, kWidth}}};
    for (int layer = 0; layer < kLayers; ++layer)
        for (auto& entry : layer_shapes(layer, shape.architecture == "qwen2"))
            shapes.push_back(std::move(entry));
    shapes.push_back({"model.norm.weight", {kWidth}});
    if (!shape.tied) shapes.push_back({"lm_head.weight", {rows, kWidth}});
    write_shards(model, shapes, shape);
    return model;
}

}  // namespace linvox::test
