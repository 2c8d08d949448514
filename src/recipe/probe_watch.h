// Who watches a training run of the recipe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "src/model/decoder.h"
#include "src/recipe/stage.h"
#include "src/train/observer.h"

namespace linvox {

/// train.jsonl in `folder`, and as the recipe says TensorBoard files, alarms and the generation probe of
/// `decoder`, whose weights change under it and which must outlive the observers. Called once the step
/// that the run goes on from is known (TrainRun::observers). With `probe_first` the probe also speaks before
/// the first step: what training starts from.
std::vector<Observer> watch_training(const StageContext& context, const std::filesystem::path& folder,
                                     const Decoder& decoder, std::int64_t resume_step,
                                     bool probe_first = false);

}  // namespace linvox
