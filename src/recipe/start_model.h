// The model that alignment starts from: what the sft stage leaves in RUN/stages/sft/model. It is trained
// here, or a checkpoint; a checkpoint that stays as it is stands there as a link.
#pragma once

#include <filesystem>

#include "src/model/decoder.h"
#include "src/recipe/stage.h"
#include "src/train/sft.h"

namespace linvox {

/// The weights of a model directory as float32, whatever it holds: policy and reference are the same numbers.
Decoder load_float32(const std::filesystem::path& directory);

/// The weights that SFT begins with: the checkpoint's, else fresh ones of the recipe's shape with
/// `vocab_size` rows; `bos` and `stop_id` go into a fresh model's config.
Decoder initial_decoder(const RecipeConfig& config, std::int64_t vocab_size, std::int64_t bos,
                        std::int64_t stop_id);

/// Longest sequence of the model in tokens.
std::int64_t start_context(const RecipeConfig& config);

/// Whether the sft stage only links the checkpoint (sft.steps = 0), and that link: the weights are loaded
/// once, so that what cannot be trained is refused here.
bool keeps_checkpoint(const RecipeConfig& config);
void link_checkpoint(const StageContext& context);

/// Trains `decoder` and saves it as the stage's model, and the adapter where one was trained. A stopped run
/// goes on.
void train_start_model(const StageContext& context, Decoder decoder, const SftData& data);

/// What the sft stage left.
Decoder load_start_model(const RunDirectory& run);

/// In the form of the checkpoint that the run started from where there is one, else fresh. An adapter is
/// merged.
void save_in_start_form(const RecipeConfig& config, const std::filesystem::path& directory,
                        const Decoder& decoder);

}  // namespace linvox
