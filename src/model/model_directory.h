// A model as a Hugging Face directory: config.json beside model.safetensors, or beside shards and
// model.safetensors.index.json. Tokenizer and other files are the caller's to copy.
#pragma once

#include <filesystem>
#include <string>

#include "src/model/decoder.h"

namespace linvox {

/// Weights in the file's own dtype (all alike, or DataError), CPU. DataError naming file and tensor when one
/// is missing, unknown, or of another shape than config.json says. A stored head of a tied model is accepted
/// when it equals the embedding.
Decoder load_model_directory(const std::filesystem::path& directory);

/// config.json and model.safetensors, the directory written atomically (an old one is replaced).
void save_model_directory(const std::filesystem::path& directory, const Decoder& decoder);

/// The same two files into a directory that exists (for callers that fill one themselves).
void write_model_files(const std::filesystem::path& directory, const Decoder& decoder);

/// SHA-256 (hex) over config, names, dtypes, shapes and values. Equal models, equal digests.
std::string decoder_digest(const Decoder& decoder);

}  // namespace linvox
