// The two models that tell TIS-DPO (arXiv 2410.04350, its variant by DPO) which tokens matter: one trained
// towards the chosen answers, one towards the rejected ones. Only their scores are kept.
#pragma once

#include <memory>

#include "src/recipe/stage.h"
#include "src/train/align.h"

namespace linvox {

/// Trains both from the start model with DPO on sums and the run's own beta, optimiser and epochs, and scores
/// every answer of `data`. Files in `folder`; a model that was scored before a stop is not trained again.
std::shared_ptr<const TokenContrast> train_contrast(const StageContext& context, const AlignConfig& config,
                                                    const AlignData& data,
                                                    const std::filesystem::path& folder);

}  // namespace linvox
