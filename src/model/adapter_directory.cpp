#include "src/model/adapter_directory.h"

#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/model/lora.h"
#include "src/model/safetensors.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kAdapterConfig = "adapter_config.json";
constexpr const char* kAdapterWeights = "adapter_model.safetensors";
constexpr std::string_view kPeftPrefix = "base_model.model.";

/// What PEFT can do and this program does not; each must be absent, null, false, empty or as given.
struct PlainSetting {
    const char* key;
    const char* reason;
};
constexpr PlainSetting kPlainSettings[] = {
    {"fan_in_fan_out", "the projections of these models are stored [out, in]"},
    {"lora_bias", "biases of adapters are not computed"},
    {"rank_pattern", "all projections must have one rank"},
    {"alpha_pattern", "all projections must have one alpha"},
    {"layer_replication", "replicated layers are not computed"},
    {"trainable_token_indices", "single trained rows of the embedding are not computed"},
    {"target_parameters", "adapters on bare parameters are not computed"},
    {"megatron_config", "parallel layers of Megatron are not computed"},
    {"loftq_config", "quantised adapters are not computed"},
    {"use_qalora", "quantised adapters are not computed"}};

bool is_plain(const json& value) {
    return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
           ((value.is_object() || value.is_array()) && value.empty());
}

std::string last_part(const std::string& name) { return name.substr(name.rfind('.') + 1); }

std::vector<std::string> read_modules(const json& document, const char* key) {
    std::vector<std::string> names;
    if (!document.contains(key) || !document[key].is_array()) return names;
    for (const json& name : document[key])
        if (name.is_string()) names.push_back(last_part(name.get<std::string>()));
    return names;
}

double read_number(const json& document, const std::string& where, const char* key, double fallback) {
    if (!document.contains(key) || document[key].is_null()) return fallback;
    LINVOX_REQUIRE(document[key].is_number(), DataError, "{}: \"{}\" must be a number, it is {}", where, key,
                   document[key].dump());
    return document[key].get<double>();
}

TensorMap read_adapter_tensors(const fs::path& directory) {
    const fs::path file = directory / kAdapterWeights;
    LINVOX_REQUIRE(fs::exists(file) || !fs::exists(directory / "adapter_model.bin"), DataError,
                   "{}: is pickled and is not read; save the adapter as safetensors",
                   (directory / "adapter_model.bin").string());
    TensorMap tensors;
    for (auto& [name, tensor] : load_safetensors(file)) {
        LINVOX_REQUIRE(name.starts_with(kPeftPrefix), DataError,
                       "{}: tensor '{}' must start with '{}', as PEFT writes it", file.string(), name,
                       kPeftPrefix);
        std::string own = name.substr(kPeftPrefix.size());
        if (own.ends_with("lora_magnitude_vector.weight")) own.resize(own.size() - 7);
        tensors.emplace(own, tensor);
    }
    return tensors;
}

/// Ends of the projections that the file adapts, in the order of the table of lora.cpp.
std::vector<std::string> adapted_modules(const TensorMap& tensors) {
    std::vector<std::string> found;
    for (const std::string& module : LoraConfig{}.target_modules)
        if (std::any_of(tensors.begin(), tensors.end(), [&](const auto& entry) {
                return entry.first.ends_with("." + module + ".lora_A.weight");
            }))
            found.push_back(module);
    return found;
}

/// Drops the adapters that the file has no tensor for: PEFT can adapt some layers only.
void drop_absent(Decoder& decoder, const TensorMap& tensors) {
    for (const AdaptedProjection& at : projections(decoder))
        if (!tensors.contains(fmt::format("model.layers.{}.{}.lora_A.weight", at.layer, at.module)) &&
            !tensors.contains(fmt::format("model.layers.{}.{}.lora_B.weight", at.layer, at.module)))
            *at.pair = {};
}

/// Copies the file's values into the adapter; what is left of `tensors` had no place.
void fill_adapter(Decoder& decoder, TensorMap& tensors, const std::string& file) {
    visit_lora(decoder, [&](const std::string& name, at::Tensor& tensor) {
        const auto found = tensors.find(name);
        LINVOX_REQUIRE(found != tensors.end(), DataError, "{}: tensor '{}{}' is missing", file, kPeftPrefix,
                       name);
        LINVOX_REQUIRE(found->second.sizes() == tensor.sizes(), DataError,
                       "{}: tensor '{}{}': model and adapter_config.json give the shape [{}], the file has "
                       "[{}]; does the adapter belong to this model?",
                       file, kPeftPrefix, name, fmt::join(tensor.sizes(), ", "),
                       fmt::join(found->second.sizes(), ", "));
        tensor.copy_(found->second);
        tensors.erase(found);
    });
}

}  // namespace

LoraConfig lora_config_from_json(const json& document, const std::string& where) {
    LINVOX_REQUIRE(document.is_object(), DataError, "{}: must be a JSON object", where);
    const auto text = [&](const char* key) {
        return document.contains(key) && document[key].is_string() ? document[key].get<std::string>() : "";
    };
    LINVOX_REQUIRE(text("peft_type") == "LORA", DataError, "{}: \"peft_type\" must be LORA, it is '{}'",
                   where, text("peft_type"));
    LINVOX_REQUIRE(text("bias").empty() || text("bias") == "none", DataError,
                   "{}: \"bias\" is '{}'; trained biases are not computed", where, text("bias"));
    for (const PlainSetting& setting : kPlainSettings)
        LINVOX_REQUIRE(!document.contains(setting.key) || is_plain(document[setting.key]), DataError,
                       "{}: \"{}\" is {}; {}", where, setting.key, document[setting.key].dump(),
                       setting.reason);
    LoraConfig config;
    config.rank = static_cast<std::int64_t>(read_number(document, where, "r", 8));
    config.alpha = read_number(document, where, "lora_alpha", 8);
    config.dropout = read_number(document, where, "lora_dropout", 0);
    const auto flag = [&](const char* key) {
        return document.contains(key) && document[key].is_boolean() && document[key].get<bool>();
    };
    config.rslora = flag("use_rslora");
    config.dora = flag("use_dora");
    const auto targets = read_modules(document, "target_modules");
    if (!targets.empty()) config.target_modules = targets;
    config.modules_to_save = read_modules(document, "modules_to_save");
    LINVOX_REQUIRE(config.rank > 0 && config.rank <= 4096, DataError,
                   "{}: \"r\" must be in [1, 4096], it is {}", where, config.rank);
    return config;
}

json lora_config_to_json(const LoraConfig& config, const std::string& base_model) {
    json alpha = config.alpha;
    if (config.alpha == std::floor(config.alpha)) alpha = static_cast<std::int64_t>(config.alpha);
    json document = {{"peft_type", "LORA"},
                     {"task_type", "CAUSAL_LM"},
                     {"base_model_name_or_path", base_model},
                     {"inference_mode", true},
                     {"r", config.rank},
                     {"lora_alpha", alpha},
                     {"lora_dropout", config.dropout},
                     {"target_modules", config.target_modules},
                     {"modules_to_save", nullptr},
                     {"use_rslora", config.rslora},
                     {"use_dora", config.dora},
                     {"bias", "none"},
                     {"fan_in_fan_out", false},
                     {"init_lora_weights", true},
                     {"rank_pattern", json::object()},
                     {"alpha_pattern", json::object()}};
    if (!config.modules_to_save.empty()) document["modules_to_save"] = config.modules_to_save;
    return document;
}

void save_adapter(const fs::path& directory, const Decoder& decoder, const std::string& base_model) {
    LINVOX_ASSERT(decoder.has_lora(), "{}: the decoder has no adapter to save", directory.string());
    TensorMap tensors;
    visit_lora(decoder, [&](const std::string& name, const at::Tensor& tensor) {
        tensors.emplace(std::string(kPeftPrefix) + name, tensor);
    });
    write_directory_atomic(directory, [&](const fs::path& temporary) {
        write_json(temporary / kAdapterConfig, lora_config_to_json(decoder.lora.config, base_model));
        save_safetensors(temporary / kAdapterWeights, tensors, {{"format", "pt"}});
    });
}

void load_adapter(const fs::path& directory, Decoder& decoder) {
    const fs::path config_file = directory / kAdapterConfig;
    LoraConfig config = lora_config_from_json(read_json(config_file), config_file.string());
    const std::string file = (directory / kAdapterWeights).string();
    TensorMap tensors = read_adapter_tensors(directory);
    config.target_modules = adapted_modules(tensors);
    for (const char* module : {"embed_tokens", "lm_head"})  // PEFT saves them unasked after a resize, too
        if (const auto& names = config.modules_to_save;
            std::find(names.begin(), names.end(), module) == names.end() &&
            std::any_of(tensors.begin(), tensors.end(), [&](const auto& entry) {
                return entry.first.ends_with(std::string(module) + ".weight");
            }))
            config.modules_to_save.emplace_back(module);
    try {
        add_lora(decoder, config, /*seed=*/0);
    } catch (const UserError& problem) {
        throw DataError(fmt::format("{}: {}", directory.string(), problem.what()));
    }
    drop_absent(decoder, tensors);
    fill_adapter(decoder, tensors, file);
    LINVOX_REQUIRE(tensors.empty(), DataError, "{}: tensor '{}{}' is no adapter of a {} decoder of {} layers",
                   file, kPeftPrefix, tensors.begin()->first, decoder.config.architecture,
                   decoder.config.num_layers);
}

}  // namespace linvox
