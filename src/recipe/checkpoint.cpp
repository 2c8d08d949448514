#include "src/recipe/checkpoint.h"

#include <algorithm>

#include "src/model/model_directory.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

fs::path start_folder(const RunDirectory& run) { return run.stage("sft") / "model"; }

}  // namespace

void CheckpointDataConfig::visit(ConfigVisitor& v) {
    v.path("model", model, "model directory in Hugging Face's form; see docs/models.md");
    v.path("manifest", manifest, "JSON lines with prompt, chosen and rejected, as text or as ids");
    v.field("valid_share", valid_share, "share of the prompts held out to watch and judge", Range{0.0, 0.9});
    v.field("append_end", append_end, "end answers that have no end token with the model's first one");
}

std::vector<fs::path> checkpoint_files(const CheckpointDataConfig& config) {
    std::vector<fs::path> files = {config.manifest};
    if (!fs::is_directory(config.model)) return files;  // the sft stage says so
    for (const auto& entry : fs::directory_iterator(config.model))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin() + 1, files.end());
    return files;
}

Decoder load_start_model(const RunDirectory& run) {
    return cast_decoder(load_model_directory(start_folder(run)), at::kFloat);
}

void save_aligned_model(const RunDirectory& run, const fs::path& directory, const Decoder& decoder) {
    const fs::path start = start_folder(run);
    if (fs::is_symlink(start))
        save_model_like(fs::canonical(start), directory, decoder);
    else
        save_model_directory(directory, decoder);
}

}  // namespace linvox
