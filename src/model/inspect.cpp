#include "src/model/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/model/decoder.h"
#include "src/model/model_directory.h"
#include "src/model/safetensors.h"
#include "src/model/score.h"
#include "src/text/codec_range.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Facts and problems in the making: a part that fails leaves a sentence and no facts.
struct Inspection {
    fs::path directory;
    json facts = json::object();
    json problems = json::array();

    void attempt(const std::function<void()>& part) {
        try {
            part();
        } catch (const UserError& problem) {
            problems.push_back(problem.what());
        }
    }
};

void look_at_files(Inspection& found) {
    json files = json::array();
    std::map<std::string, std::int64_t> dtypes;
    for (const fs::path& file : weight_files(found.directory)) {
        const TensorMap tensors = load_safetensors(file);
        for (const auto& [name, tensor] : tensors)
            dtypes[c10::toString(tensor.scalar_type())] += tensor.numel();
        files.push_back({{"name", file.filename().string()},
                         {"bytes", static_cast<std::int64_t>(fs::file_size(file))},
                         {"tensors", tensors.size()}});
    }
    found.facts["files"] = files;
    found.facts["dtypes"] = dtypes;
    if (dtypes.size() > 1)
        found.problems.push_back(
            "the weights are of several dtypes; they are loaded in the one that holds all exactly, so those "
            "of "
            "another become copies in memory");
}

void look_at_config(Inspection& found, std::optional<ModelConfig>& config) {
    config = read_model_config(found.directory);
    found.facts["config"] = model_config_to_json(*config);
    const ParameterCounts count = count_parameters(*config);
    found.facts["parameters"] = {{"embedding", count.embedding}, {"head", count.head},
                                 {"attention", count.attention}, {"mlp", count.mlp},
                                 {"norms", count.norms},         {"total", count.total()}};
    if (!config->eos_token_ids.empty()) found.facts["stop_ids"] = config->eos_token_ids;
    for (const auto id : config->eos_token_ids)
        if (id >= config->vocab_size)
            found.problems.push_back(
                fmt::format("config.json ends answers at the id {}, the embedding has {} rows; name another "
                            "with --stop",
                            id, config->vocab_size));
    const fs::path generation = found.directory / "generation_config.json";
    if (!fs::exists(generation)) return;
    const json document = read_json(generation);
    if (!document.contains("eos_token_id") || document["eos_token_id"].is_null()) return;
    json eos = document["eos_token_id"];
    if (!eos.is_array()) eos = json::array({eos});
    if (eos != json(config->eos_token_ids))
        found.problems.push_back(
            fmt::format("generation_config.json ends answers at {}, config.json at {}; Linvox takes "
                        "config.json's, name others with --stop",
                        eos.dump(), json(config->eos_token_ids).dump()));
}

/// Shapes against the config: the same walk as loading.
void look_at_weights(Inspection& found) { load_model_directory(found.directory); }

json range_json(const CodecRange& range) {
    return {{"pattern", range.pattern}, {"first_id", range.first_id},     {"size", range.size},
            {"streams", range.streams}, {"frame_size", range.frame_size}, {"stop_ids", range.stop_ids}};
}

void look_at_tokenizer(Inspection& found, const std::optional<ModelConfig>& config) {
    const Tokenizer tokenizer = load_tokenizer(found.directory);
    const SpecialIds& special = tokenizer.special_ids();
    found.facts["tokenizer"] = {{"kind", tokenizer.kind()}, {"file", tokenizer.file().filename().string()},
                                {"size", tokenizer.size()}, {"bos", special.bos},
                                {"eos", special.eos},       {"pad", special.pad}};
    const CodecRangeReport codec = find_codec_ranges(tokenizer);
    found.facts["codec"] = json::array();
    for (const CodecRange& range : codec.ranges) {
        found.facts["codec"].push_back(range_json(range));
        if (range.stop_ids.empty() && (!config || config->eos_token_ids.empty()))
            found.problems.push_back(
                fmt::format("no token ends an answer of {}; name it with --stop", range.pattern));
    }
    for (const std::string& problem : codec.problems) found.problems.push_back(problem);
    if (codec.ranges.empty() && config && config->eos_token_ids.empty())
        found.problems.push_back("config.json names no eos_token_id: name what ends an answer with --stop");
    if (!config) return;
    found.facts["vocabulary"] = {{"rows", config->vocab_size},
                                 {"tokens", tokenizer.size()},
                                 {"spare_rows", config->vocab_size - tokenizer.size()}};
    if (tokenizer.size() > config->vocab_size)
        found.problems.push_back(fmt::format(
            "the tokenizer has {} tokens, the embedding {} rows: text with the last ones cannot be "
            "fed; grow the model",
            tokenizer.size(), config->vocab_size));
}

json memory_json(const MemoryEstimate& estimate) {
    return {{"weights", estimate.weights},     {"gradients", estimate.gradients},
            {"optimiser", estimate.optimiser}, {"activations", estimate.activations},
            {"logits", estimate.logits},       {"total", estimate.total()}};
}

void add_memory(Inspection& found, const ModelConfig& config, const InspectOptions& o) {
    const std::int64_t one = o.prompt + o.answer, pair = o.prompt + 2 * o.answer;
    found.facts["memory"] = {
        {"prompt", o.prompt},
        {"answer", o.answer},
        {"batch", o.batch},
        {"rank", o.rank},
        {"sft", memory_json(estimate_memory(config, o.batch * one, o.batch * o.answer, {}))},
        {"align", memory_json(estimate_memory(config, o.batch * pair, o.batch * 2 * o.answer, {}))},
        {"align_bf16",
         memory_json(estimate_memory(config, o.batch * pair, o.batch * 2 * o.answer, {.narrow = true}))},
        {"align_lora",
         memory_json(estimate_memory(config, o.batch * pair, o.batch * 2 * o.answer, {.rank = o.rank}))}};
    if (one > config.max_position_embeddings)
        found.problems.push_back(
            fmt::format("prompt and answer of {} tokens exceed the model's context of {}", one,
                        config.max_position_embeddings));
}

void refuse_other_places(const Inspection& found) {
    LINVOX_REQUIRE(fs::is_directory(found.directory), UserError,
                   "{}: is no directory; inspect takes a model directory with config.json",
                   found.directory.string());
}

}  // namespace

ParameterCounts count_parameters(const ModelConfig& config) {
    ParameterCounts count;
    for (const auto& [name, shape] : weight_shapes(config)) {
        std::int64_t size = 1;
        for (const std::int64_t extent : shape) size *= extent;
        const bool norm = name.ends_with("norm.weight");
        std::int64_t& part = name == "model.embed_tokens.weight"             ? count.embedding
                             : name == "lm_head.weight"                      ? count.head
                             : norm                                          ? count.norms
                             : name.find(".self_attn.") != std::string::npos ? count.attention
                                                                             : count.mlp;
        part += size;
    }
    return count;
}

MemoryEstimate estimate_memory(const ModelConfig& config, std::int64_t tokens, std::int64_t scored,
                               const TrainedAs& trained_as) {
    const std::int64_t rank = trained_as.rank, wide = trained_as.narrow ? 2 : 4;  // bytes
    const std::int64_t D = config.hidden_size, Q = config.query_size(), K = config.key_size(),
                       F = config.intermediate_size;
    const ParameterCounts count = count_parameters(config);
    MemoryEstimate estimate;
    std::int64_t trained = count.total();
    // Adapters on all seven projections: rank times inputs and outputs of each.
    if (rank > 0) trained = config.num_layers * rank * (D + Q + 2 * (D + K) + (Q + D) + 3 * (D + F));
    estimate.weights = (count.total() + (rank > 0 ? trained : 0)) * wide;
    estimate.gradients = trained * wide;
    estimate.optimiser = trained * (trained_as.narrow ? 2 : 8);
    // Kept for backward per token and layer: the residual stream twice, float32 in any case; its norm twice;
    // queries, keys and values (again under qk_norm); attention's result; gate and up.
    std::int64_t values = 2 * D + (Q + 2 * K) * (config.qk_norm ? 3 : 1) + Q + 2 * F;
    // With adapters the product of gate and up is kept, and the frozen projections' own results count too:
    // measured (bench/results/*-checkpoints).
    if (rank > 0) values += 4 * rank + (Q + 2 * K) + 3 * F;
    estimate.activations = config.num_layers * tokens * (2 * D * 4 + values * wide);
    const std::int64_t all = scored * config.vocab_size * 4;
    estimate.logits = 2 * std::min(all, LogitsMemory{}.chunk);
    return estimate;
}

json inspect_model(const fs::path& directory, const InspectOptions& options) {
    Inspection found{directory};
    refuse_other_places(found);
    found.facts["directory"] = directory.string();
    std::optional<ModelConfig> config;
    bool whole = true;
    found.attempt([&] { look_at_config(found, config); });
    found.attempt([&] {
        whole = false;
        look_at_files(found);
        whole = true;
    });
    if (config && whole) found.attempt([&] { look_at_weights(found); });
    found.attempt([&] { look_at_tokenizer(found, config); });
    if (config) add_memory(found, *config, options);
    found.facts["problems"] = found.problems;
    return found.facts;
}

}  // namespace linvox
