// save_model_like of model_directory.h: a model written in the form of the directory it came from.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"
#include "src/model/model_directory.h"
#include "src/model/safetensors.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// Keeps the order of keys, which read_json does not; the file was read and checked before.
ordered_json read_in_order(const fs::path& file) { return ordered_json::parse(read_file(file)); }

void write_in_order(const fs::path& file, const ordered_json& document) {
    write_file_atomic(file, document.dump(2) + "\n");
}

/// config.json with the keys that the decoder's config changed; an unchanged one byte for byte.
void write_config(const fs::path& source, const fs::path& target, const ModelConfig& config) {
    const ModelConfig before = read_model_config(source);
    const fs::path file = source / kModelConfigFile;
    if (before == config) return write_file_atomic(target / kModelConfigFile, read_file(file));
    ordered_json document = read_in_order(file);
    const nlohmann::json from = model_config_to_json(before), to = model_config_to_json(config);
    for (const auto& [key, value] : to.items())
        if (!from.contains(key) || from[key] != value) document[key] = value;
    write_in_order(target / kModelConfigFile, document);
}

/// Weights by name, ticked off as the files ask for them.
class WeightsToPlace {
public:
    explicit WeightsToPlace(const Decoder& decoder) : head_is_tied_(decoder.config.tie_word_embeddings) {
        visit_weights(decoder,
                      [&](const std::string& name, const at::Tensor& weight) { by_name_[name] = weight; });
    }
    /// Undefined for what is no weight (old rotary tables): it stays as it was.
    at::Tensor take(const std::string& name) {
        const bool copy_of_embedding = head_is_tied_ && name == "lm_head.weight";
        const auto found = by_name_.find(copy_of_embedding ? "model.embed_tokens.weight" : name);
        if (found == by_name_.end()) return {};
        placed_.insert(found->first);
        return found->second;
    }
    void require_all_placed(const fs::path& source) const {
        for (const auto& [name, weight] : by_name_)
            LINVOX_REQUIRE(placed_.contains(name), DataError,
                           "{}: no file of this directory holds the tensor '{}' of the model to save",
                           source.string(), name);
    }

private:
    std::map<std::string, at::Tensor> by_name_;
    std::set<std::string> placed_;
    bool head_is_tied_;
};

void write_weights(const fs::path& source, const fs::path& target, const Decoder& decoder) {
    WeightsToPlace weights(decoder);
    std::uint64_t bytes = 0;
    for (const fs::path& file : weight_files(source))
        bytes += rewrite_safetensors(
            file, target / file.filename(),
            [&](const std::string& name, const at::Tensor&) { return weights.take(name); });
    weights.require_all_placed(source);
    const fs::path index = source / kModelIndexFile;
    if (fs::exists(source / kModelWeightsFile)) return;
    ordered_json document = read_in_order(index);
    const bool same = !document.contains("metadata") || !document["metadata"].contains("total_size") ||
                      document["metadata"]["total_size"] == bytes;
    if (same) return write_file_atomic(target / kModelIndexFile, read_file(index));
    document["metadata"]["total_size"] = bytes;
    write_in_order(target / kModelIndexFile, document);
}

/// The same weights in another format, which saving makes stale; and what version control keeps for itself.
bool is_left_out(const std::string& name) {
    for (const char* begin : {"pytorch_model", "consolidated", "tf_model", "flax_model", "rust_model"})
        if (name.starts_with(begin)) return true;
    return name.ends_with(".gguf") || name == ".git" || name == ".cache" || name == kModelIndexFile;
}

void copy_rest(const fs::path& source, const fs::path& target) {
    for (const fs::directory_entry& entry : fs::directory_iterator(source)) {
        const std::string name = entry.path().filename().string();
        if (is_left_out(name) || fs::exists(target / name)) continue;
        std::error_code failure;  // links are followed: a snapshot of the hub's cache is made of links
        fs::copy(entry.path(), target / name, fs::copy_options::recursive, failure);
        LINVOX_REQUIRE(!failure, UserError, "{}: cannot be copied to {}: {}", entry.path().string(),
                       target.string(), failure.message());
    }
}

bool lies_inside(const fs::path& inner, const fs::path& outer) {
    const fs::path relative = fs::weakly_canonical(inner).lexically_relative(fs::weakly_canonical(outer));
    return !relative.empty() && *relative.begin() != ".." && relative != ".";
}

}  // namespace

void save_model_like(const fs::path& source, const fs::path& directory, const Decoder& decoder,
                     const std::map<std::string, std::string>& changed) {
    LINVOX_ASSERT(!decoder.has_lora(), "{}: saving a decoder with an adapter", directory.string());
    LINVOX_REQUIRE(!lies_inside(directory, source), UserError,
                   "{}: lies inside the model directory {} that is copied; choose another place",
                   directory.string(), source.string());
    write_directory_atomic(directory, [&](const fs::path& temporary) {
        write_config(source, temporary, decoder.config);
        write_weights(source, temporary, decoder);
        for (const auto& [name, bytes] : changed) write_file_atomic(temporary / name, bytes);
        copy_rest(source, temporary);
    });
}

}  // namespace linvox
