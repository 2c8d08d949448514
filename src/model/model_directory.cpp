#include "src/model/model_directory.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"
#include "src/model/safetensors.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = kModelConfigFile;
constexpr const char* kWeights = kModelWeightsFile;
constexpr const char* kIndex = kModelIndexFile;

/// Where each tensor was found, for messages.
struct Found {
    at::Tensor tensor;
    fs::path file;
};
using FoundMap = std::map<std::string, Found>;

void add_file(FoundMap& found, const fs::path& file) {
    for (auto& [name, tensor] : load_safetensors(file)) {
        const auto [it, added] = found.emplace(name, Found{tensor, file});
        LINVOX_REQUIRE(added, DataError, "{}: tensor '{}' stands in {} too", file.string(), name,
                       it->second.file.string());
    }
}

/// The shard files an index names, each once. Only plain names inside the directory are followed.
std::vector<fs::path> shard_files(const fs::path& directory) {
    const fs::path index = directory / kIndex;
    const nlohmann::json document = read_json(index);
    LINVOX_REQUIRE(
        document.is_object() && document.contains("weight_map") && document["weight_map"].is_object(),
        DataError, "{}: must hold an object \"weight_map\"", index.string());
    std::map<std::string, fs::path> files;
    for (const auto& [tensor, file] : document["weight_map"].items()) {
        LINVOX_REQUIRE(
            file.is_string() && fs::path(file.get<std::string>()).filename() == file.get<std::string>(),
            DataError, "{}: tensor '{}' must name a file of this directory, it names {}", index.string(),
            tensor, file.dump());
        files.emplace(file.get<std::string>(), directory / file.get<std::string>());
    }
    std::vector<fs::path> paths;
    for (const auto& [name, path] : files) {
        LINVOX_REQUIRE(fs::exists(path), DataError, "{}: the shard {} is missing from the directory",
                       index.string(), name);
        paths.push_back(path);
    }
    return paths;
}

/// Pickled weights lying in the directory, for the message that refuses them.
std::vector<std::string> pickled_files(const fs::path& directory) {
    std::vector<std::string> names;
    std::error_code missing;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory, missing)) {
        const std::string end = entry.path().extension().string();
        if (end == ".bin" || end == ".pt" || end == ".pth" || end == ".ckpt" || end == ".pkl")
            names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

[[noreturn]] void refuse_without_weights(const fs::path& directory) {
    const std::vector<std::string> pickled = pickled_files(directory);
    const std::string what =
        pickled.empty()
            ? std::string("no weights")
            : fmt::format("{}, which may be pickled: such files can run code and are never opened",
                          join(pickled, ", "));
    throw DataError(
        fmt::format("{}: holds neither {} nor {} but {}; save the model as safetensors "
                    "(save_pretrained of transformers does)",
                    directory.string(), kWeights, kIndex, what));
}

FoundMap read_weights(const fs::path& directory) {
    FoundMap found;
    for (const fs::path& file : weight_files(directory)) add_file(found, file);
    return found;
}

/// Moves one tensor out of `found` after checking it.
at::Tensor take(FoundMap& found, const fs::path& directory, const std::string& name,
                const std::vector<std::int64_t>& shape) {
    const auto it = found.find(name);
    LINVOX_REQUIRE(it != found.end(), DataError, "{}: tensor '{}' is missing from the weights",
                   directory.string(), name);
    const at::Tensor tensor = it->second.tensor;
    const std::string where = fmt::format("{}: tensor '{}'", it->second.file.string(), name);
    LINVOX_REQUIRE(tensor.sizes() == at::IntArrayRef(shape), DataError,
                   "{}: config.json gives the shape [{}], the file has [{}]", where, fmt::join(shape, ", "),
                   fmt::join(tensor.sizes().vec(), ", "));
    LINVOX_REQUIRE(at::isFloatingType(tensor.scalar_type()), DataError, "{}: {} is no floating-point dtype",
                   where, c10::toString(tensor.scalar_type()));
    found.erase(it);
    return tensor;
}

/// What may stand beside the weights without being one: the copy of a tied head, old rotary tables.
void refuse_rest(const FoundMap& rest, const Decoder& decoder) {
    for (const auto& [name, extra] : rest) {
        const std::string where = fmt::format("{}: tensor '{}'", extra.file.string(), name);
        if (name.ends_with("rotary_emb.inv_freq")) continue;
        if (name == "lm_head.weight" && decoder.config.tie_word_embeddings) {
            LINVOX_REQUIRE(
                at::equal(extra.tensor, decoder.embedding_VD), DataError,
                "{}: differs from the embedding, but config.json ties them; set tie_word_embeddings to "
                "false",
                where);
            continue;
        }
        throw DataError(fmt::format("{}: is no weight of a {} decoder of this config.json", where,
                                    decoder.config.architecture));
    }
}

std::string dtype_name(const Decoder& decoder) {
    switch (decoder.embedding_VD.scalar_type()) {
        case at::kBFloat16:
            return "bfloat16";
        case at::kHalf:
            return "float16";
        case at::kDouble:
            return "float64";
        default:
            return "float32";
    }
}

}  // namespace

std::vector<fs::path> weight_files(const fs::path& directory) {
    if (fs::exists(directory / kWeights)) return {directory / kWeights};
    if (fs::exists(directory / kIndex)) return shard_files(directory);
    refuse_without_weights(directory);
}

ModelConfig read_model_config(const fs::path& directory) {
    const fs::path file = directory / kConfig;
    return model_config_from_json(read_json(file), file.string());
}

Decoder load_model_directory(const fs::path& directory) {
    const ModelConfig config = read_model_config(directory);
    Decoder decoder = empty_decoder(config);
    FoundMap found = read_weights(directory);
    const auto shapes = weight_shapes(config);
    std::optional<at::ScalarType> widest;
    visit_weights(decoder, [&](const std::string& name, at::Tensor& weight) {
        weight = take(found, directory, name, shapes.at(name));
        widest = widest ? c10::promoteTypes(*widest, weight.scalar_type()) : weight.scalar_type();
    });
    refuse_rest(found, decoder);
    visit_weights(decoder, [&](const std::string&, at::Tensor& weight) { weight = weight.to(*widest); });
    return decoder;
}

void write_model_files(const fs::path& directory, const Decoder& decoder) {
    nlohmann::json config = model_config_to_json(decoder.config);
    config["torch_dtype"] = dtype_name(decoder);
    write_json(directory / kConfig, config);
    TensorMap tensors;
    visit_weights(decoder,
                  [&](const std::string& name, const at::Tensor& weight) { tensors.emplace(name, weight); });
    save_safetensors(directory / kWeights, tensors, {{"format", "pt"}});  // transformers asks for this key
}

void save_model_directory(const fs::path& directory, const Decoder& decoder) {
    write_directory_atomic(directory,
                           [&](const fs::path& temporary) { write_model_files(temporary, decoder); });
}

std::string decoder_digest(const Decoder& decoder) {
    Sha256 digest;
    digest.add(model_config_to_json(decoder.config).dump());
    visit_weights(decoder, [&](const std::string& name, const at::Tensor& weight) {
        const at::Tensor values = weight.detach().cpu().contiguous();
        digest.add(fmt::format("\n{} {} [{}]\n", name, c10::toString(values.scalar_type()),
                               fmt::join(values.sizes().vec(), ", ")));
        digest.add({static_cast<const char*>(values.const_data_ptr()), values.nbytes()});
    });
    return digest.hex();
}

}  // namespace linvox
