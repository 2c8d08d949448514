#include "audio/codec/codec.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "audio/codec/mel_codec.h"
#include "src/base/error.h"
#include "src/base/jsonl.h"

namespace linvox {
namespace {

struct CodecLoader {
    const char* name;
    std::unique_ptr<Codec> (*load)(const std::filesystem::path&);
};

/// Every codec that can be loaded. Explicit, because self-registration is lost in static libraries.
constexpr CodecLoader kLoaders[] = {
    {"melkm",
     [](const std::filesystem::path& directory) -> std::unique_ptr<Codec> {
         return load_mel_codec(directory);
     }},
};

}  // namespace

std::unique_ptr<Codec> load_codec(const std::filesystem::path& directory) {
    const std::filesystem::path path = directory / "codec.json";
    const nlohmann::json description = read_json(path);
    LINVOX_REQUIRE(description.is_object() && description.contains("name") && description["name"].is_string(),
                   UserError, "{}: \"name\" is missing; is this a codec folder?", path.string());
    const std::string name = description["name"].get<std::string>();
    std::string known;
    for (const CodecLoader& loader : kLoaders) {
        if (name == loader.name) return loader.load(directory);
        known += fmt::format(" {}", loader.name);
    }
    throw UserError(fmt::format("{}: codec '{}' is not one of:{}", path.string(), name, known));
}

}  // namespace linvox
