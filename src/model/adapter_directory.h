// An adapter as PEFT keeps it: adapter_config.json beside adapter_model.safetensors, tensors named
// "base_model.model." and then as visit_lora names them (huggingface/peft 0.17).
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "src/model/decoder.h"

namespace linvox {

/// Of PEFT's adapter_config.json. DataError starting with `where` for other kinds of adapters and for every
/// setting that changes the result and is not computed here: rank and alpha patterns, trained biases,
/// replicated layers, quantised forms. target_modules are read as the last parts of names; a pattern is left
/// to the tensors of the file.
LoraConfig lora_config_from_json(const nlohmann::json& document, const std::string& where);
nlohmann::json lora_config_to_json(const LoraConfig& config, const std::string& base_model);

/// Both files, the directory written atomically (an old one is replaced). `base_model` is what PEFT will look
/// for: a directory or a name.
void save_adapter(const std::filesystem::path& directory, const Decoder& decoder,
                  const std::string& base_model);

/// Lays the adapter over `decoder`, which has none yet. Adapted is what the file holds tensors for.
/// DataError naming file and tensor when one does not fit the model, lacks its partner or is unknown;
/// adapter_model.bin is refused unread, because it is pickled.
void load_adapter(const std::filesystem::path& directory, Decoder& decoder);

}  // namespace linvox
