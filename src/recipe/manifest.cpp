#include "src/recipe/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxProblems = 20;
constexpr std::array kSplits = {"train", "valid", "test"};

std::string text_field(const nlohmann::json& record, const char* key, bool required) {
    const auto found = record.find(key);
    if (found == record.end()) {
        LINVOX_REQUIRE(!required, DataError, "needs the field \"{}\"", key);
        return "";
    }
    LINVOX_REQUIRE(found->is_string(), DataError, "\"{}\" must be a string, got {}", key, found->dump());
    std::string value = found->get<std::string>();
    LINVOX_REQUIRE(!required || !trim(value).empty(), DataError, "\"{}\" must not be empty", key);
    return value;
}

/// Also used as a file name, so it may not lead elsewhere.
void check_id(const std::string& id) {
    const bool good = std::all_of(id.begin(), id.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c >= 0x80;
    });
    LINVOX_REQUIRE(good && id[0] != '.', DataError,
                   "\"id\" must be letters, digits, '_', '-' or '.', and not begin with '.'; got '{}'", id);
}

fs::path audio_path(const fs::path& folder, const std::string& value) {
    const fs::path relative = fs::path(value).lexically_normal();
    LINVOX_REQUIRE(!relative.is_absolute() && *relative.begin() != "..", DataError,
                   "\"audio\" must stay inside the manifest's folder, got '{}'", value);
    const fs::path path = folder / relative;
    LINVOX_REQUIRE(fs::exists(path), DataError, "\"audio\" names '{}', which does not exist", value);
    LINVOX_REQUIRE(fs::is_regular_file(path), DataError, "\"audio\" names '{}', which is not a file", value);
    const fs::path inside = fs::canonical(path).lexically_relative(fs::canonical(folder));
    LINVOX_REQUIRE(*inside.begin() != "..", DataError,
                   "\"audio\" must stay inside the manifest's folder; '{}' is a link that leaves it", value);
    return path;
}

Clip read_clip(const nlohmann::json& record, const fs::path& folder) {
    Clip clip;
    clip.id = text_field(record, "id", true);
    check_id(clip.id);
    clip.text = text_field(record, "text", true);
    clip.split = text_field(record, "split", true);
    LINVOX_REQUIRE(std::find(kSplits.begin(), kSplits.end(), clip.split) != kSplits.end(), DataError,
                   "\"split\" must be train, valid or test, got '{}'", clip.split);
    clip.speaker = text_field(record, "speaker", false);
    clip.lang = text_field(record, "lang", false);
    clip.audio = audio_path(folder, text_field(record, "audio", true));
    return clip;
}

}  // namespace

std::vector<Clip> read_manifest(const fs::path& manifest) {
    LINVOX_REQUIRE(fs::exists(manifest), DataError,
                   "{}: the manifest does not exist; check data.manifest in the recipe", manifest.string());
    const fs::path folder = fs::absolute(manifest).parent_path();
    std::vector<Clip> clips;
    std::vector<std::string> problems;
    std::unordered_map<std::string, std::size_t> line_of;
    const auto add = [&](const nlohmann::json& record, std::size_t line) {
        Clip clip = read_clip(record, folder);
        const auto [first, fresh] = line_of.emplace(clip.id, line);
        LINVOX_REQUIRE(fresh, DataError, "id '{}' stands on line {} already; ids must be unique", clip.id,
                       first->second);
        clips.push_back(std::move(clip));
    };
    for_each_json_line(manifest, [&](const nlohmann::json& record, std::size_t line) {
        try {
            add(record, line);
        } catch (const DataError& error) {
            if (problems.size() < kMaxProblems)
                problems.push_back(fmt::format("  {}:{}: {}", manifest.string(), line, error.what()));
        }
    });
    LINVOX_REQUIRE(problems.empty(), DataError, "problems in the manifest (at most {} shown):\n{}",
                   kMaxProblems, join(problems, "\n"));
    LINVOX_REQUIRE(!clips.empty(), DataError, "{}: holds no clip", manifest.string());
    const bool any_train =
        std::any_of(clips.begin(), clips.end(), [](const Clip& c) { return c.split == "train"; });
    LINVOX_REQUIRE(any_train, DataError, "{}: no clip has \"split\": \"train\"", manifest.string());
    return clips;
}

}  // namespace linvox
