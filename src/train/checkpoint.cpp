#include "src/train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"

namespace linvox {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char* kStateFile = "checkpoint.json";
constexpr const char* kTensorFile = "state.safetensors";

/// Folders step-NNNNNN that hold both files, oldest first.
std::vector<fs::path> whole_checkpoints(const fs::path& folder) {
    std::vector<fs::path> found;
    if (!fs::is_directory(folder)) return found;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
        if (!entry.path().filename().string().starts_with("step-")) continue;
        if (fs::exists(entry.path() / kStateFile) && fs::exists(entry.path() / kTensorFile))
            found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

json progression_json(const Progression& p) {
    return {{"step", p.step},
            {"epoch", p.epoch},
            {"index_in_epoch", p.index_in_epoch},
            {"evaluations_without_best", p.evaluations_without_best},
            {"best_step", p.best_step},
            {"best_loss", p.best_loss},
            {"has_best", p.has_best}};
}

Progression progression_from(const json& object) {
    Progression p;
    object.at("step").get_to(p.step);
    object.at("epoch").get_to(p.epoch);
    object.at("index_in_epoch").get_to(p.index_in_epoch);
    object.at("evaluations_without_best").get_to(p.evaluations_without_best);
    object.at("best_step").get_to(p.best_step);
    object.at("best_loss").get_to(p.best_loss);
    object.at("has_best").get_to(p.has_best);
    return p;
}

}  // namespace

fs::path save_checkpoint(const fs::path& folder, const Checkpoint& checkpoint, std::int64_t keep) {
    ensure_directory(folder);
    const fs::path directory = folder / fmt::format("step-{:06}", checkpoint.progression.step);
    write_directory_atomic(directory, [&](const fs::path& temporary) {
        save_safetensors(temporary / kTensorFile, checkpoint.tensors);
        write_json(temporary / kStateFile, {{"format", "linvox-checkpoint"},
                                            {"version", 1},
                                            {"progression", progression_json(checkpoint.progression)},
                                            {"identity", checkpoint.identity}});
    });
    std::vector<fs::path> all = whole_checkpoints(folder);
    for (std::size_t i = 0; i + static_cast<std::size_t>(std::max<std::int64_t>(1, keep)) < all.size(); ++i)
        fs::remove_all(all[i]);
    return directory;
}

Checkpoint load_checkpoint(const fs::path& directory) {
    Checkpoint checkpoint;
    const json document = read_json(directory / kStateFile);
    try {
        LINVOX_REQUIRE(document.at("version") == 1, DataError, "version {} is not known",
                       document.at("version").dump());
        checkpoint.progression = progression_from(document.at("progression"));
        document.at("identity").get_to(checkpoint.identity);
    } catch (const json::exception& error) {
        throw DataError(fmt::format("{}: {}; delete this checkpoint and start again",
                                    (directory / kStateFile).string(), error.what()));
    }
    checkpoint.tensors = load_safetensors(directory / kTensorFile);
    return checkpoint;
}

fs::path newest_checkpoint(const fs::path& folder) {
    const std::vector<fs::path> all = whole_checkpoints(folder);
    return all.empty() ? fs::path() : all.back();
}

void require_equal_identity(const std::map<std::string, std::string>& found,
                            const std::map<std::string, std::string>& expected, const std::string& where,
                            const std::string& remedy) {
    std::set<std::string> fields;
    for (const auto& [field, value] : found) fields.insert(field);
    for (const auto& [field, value] : expected) fields.insert(field);
    const auto value_of = [](const std::map<std::string, std::string>& identity, const std::string& field) {
        const auto value = identity.find(field);
        return value == identity.end() ? std::string("(not stated)") : "'" + value->second + "'";
    };
    std::vector<std::string> problems;
    for (const std::string& field : fields) {
        const std::string in_file = value_of(found, field), in_run = value_of(expected, field);
        if (in_file != in_run)
            problems.push_back(
                fmt::format("{}: {} differs: {} in the file, {} in this run", where, field, in_file, in_run));
    }
    if (!problems.empty()) throw DataError(join(problems, "\n") + "\n" + remedy);
}

TensorMap with_prefix(const TensorMap& tensors, const std::string& prefix) {
    TensorMap renamed;
    for (const auto& [name, tensor] : tensors) renamed[prefix + "/" + name] = tensor;
    return renamed;
}

TensorMap without_prefix(const TensorMap& tensors, const std::string& prefix) {
    TensorMap renamed;
    for (const auto& [name, tensor] : tensors)
        if (name.starts_with(prefix + "/")) renamed[name.substr(prefix.size() + 1)] = tensor;
    return renamed;
}

}  // namespace linvox
