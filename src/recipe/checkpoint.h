// The checkpoint recipe: an existing model directory and preference data, without training a model first.
#pragma once

#include <filesystem>
#include <vector>

#include "src/config/visitor.h"
#include "src/model/decoder.h"
#include "src/recipe/run_directory.h"

namespace linvox {

struct CheckpointDataConfig {
    std::filesystem::path model, manifest;
    double valid_share = 0.05;
    bool append_end = true;
    void visit(ConfigVisitor& v);
};

/// Every file of the model directory, so that a changed weight is noticed.
std::vector<std::filesystem::path> checkpoint_files(const CheckpointDataConfig& config);

/// The model that alignment starts from, float32 whatever the checkpoint holds: policy and reference are the
/// same numbers.
Decoder load_start_model(const RunDirectory& run);

/// Saves an aligned model: in the form of the checkpoint it started from where there is one, else fresh.
void save_aligned_model(const RunDirectory& run, const std::filesystem::path& directory,
                        const Decoder& decoder);

}  // namespace linvox
