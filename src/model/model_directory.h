// A model as a Hugging Face directory: config.json beside model.safetensors, or beside shards and
// model.safetensors.index.json. Pickled weights are refused unread.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/model/decoder.h"

namespace linvox {

inline constexpr const char* kModelConfigFile = "config.json";
inline constexpr const char* kModelWeightsFile = "model.safetensors";
inline constexpr const char* kModelIndexFile = "model.safetensors.index.json";

/// Weights on the CPU, memory-mapped and in the files' own dtype; where that is mixed, in the narrowest dtype
/// that holds all of them exactly (those of another dtype become copies). DataError naming file and tensor
/// when one is missing, unknown, or of another shape than config.json says. A stored head of a tied model is
/// accepted when it equals the embedding.
Decoder load_model_directory(const std::filesystem::path& directory);

/// The directory's config.json; its model.safetensors or its shards, each once, in order. DataError.
ModelConfig read_model_config(const std::filesystem::path& directory);
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& directory);

/// config.json and model.safetensors, the directory written atomically (an old one is replaced).
void save_model_directory(const std::filesystem::path& directory, const Decoder& decoder);

/// The decoder's values in the form of the directory `source` it was loaded from: the same shards, tensor
/// names, order and dtypes, the index, config.json with only the changed keys changed, and every other file
/// and folder (tokenizer, chat template, codec) byte for byte. Left out are weights of other formats, which
/// would be stale (pytorch_model*, consolidated*, *.gguf, ...), and .git and .cache. Written atomically;
/// `directory` may be `source`, and must not lie inside it. `changed` holds whole files by name that take the
/// place of the source's: those of a grown tokenizer. BugError for a decoder with an adapter (merge it
/// first); DataError when a weight has no place in the files.
void save_model_like(const std::filesystem::path& source, const std::filesystem::path& directory,
                     const Decoder& decoder, const std::map<std::string, std::string>& changed = {});

/// config.json and model.safetensors into a directory that exists (for callers that fill one themselves).
void write_model_files(const std::filesystem::path& directory, const Decoder& decoder);

/// SHA-256 (hex) over config, names, dtypes, shapes and values. Equal models, equal digests.
std::string decoder_digest(const Decoder& decoder);

}  // namespace linvox
