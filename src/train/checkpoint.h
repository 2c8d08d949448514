// A training run's state on disk: weights, moments, running means and the place in the data.
//
//   checkpoints/step-000500/state.safetensors   tensors, "weight/NAME", "optimiser/NAME.exp_avg", ...
//                           checkpoint.json     step, epoch, best so far, identity
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "src/model/safetensors.h"

namespace linvox {

/// Where a run stands, beside its tensors.
struct Progression {
    std::int64_t step = 0;            // optimiser steps done
    std::int64_t epoch = 0;           // of the next step
    std::int64_t index_in_epoch = 0;  // of the next step
    std::int64_t evaluations_without_best = 0;
    std::int64_t best_step = 0;
    double best_loss = 0.0;
    bool has_best = false;
    bool operator==(const Progression&) const = default;
};

struct Checkpoint {
    Progression progression;
    TensorMap tensors;
    std::map<std::string, std::string> identity;
};

/// Written whole or not at all; older checkpoints beyond `keep` are removed afterwards. Returns its folder.
std::filesystem::path save_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint,
                                      std::int64_t keep);
/// DataError naming file and field when it is damaged.
Checkpoint load_checkpoint(const std::filesystem::path& directory);

/// The newest whole checkpoint under `folder`, or an empty path.
std::filesystem::path newest_checkpoint(const std::filesystem::path& folder);

/// Compares settings that must agree. DataError with all differing fields: "WHERE: FIELD differs: 'A' in
/// the file, 'B' in this run", then the remedy.
void require_equal_identity(const std::map<std::string, std::string>& found,
                            const std::map<std::string, std::string>& expected, const std::string& where,
                            const std::string& remedy);

/// The tensors whose names start with "PREFIX/", without it; and the other way round.
TensorMap with_prefix(const TensorMap& tensors, const std::string& prefix);
TensorMap without_prefix(const TensorMap& tensors, const std::string& prefix);

}  // namespace linvox
