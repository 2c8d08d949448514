#include "src/recipe/start_model.h"

#include <fmt/format.h>

#include "src/base/files.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/model/adapter_directory.h"
#include "src/model/lora.h"
#include "src/model/model_directory.h"
#include "src/recipe/probe_watch.h"

namespace linvox {

namespace fs = std::filesystem;

Decoder load_float32(const fs::path& directory) {
    return cast_decoder(load_model_directory(directory), at::kFloat);
}

Decoder initial_decoder(const RecipeConfig& config, std::int64_t vocab_size, std::int64_t bos,
                        std::int64_t stop_id) {
    if (config.model.start.given()) return load_float32(config.model.start.directory);
    ModelConfig shape = config.model.shape;
    shape.vocab_size = vocab_size;
    shape.bos_token_id = bos;
    shape.eos_token_ids = {stop_id};
    return make_decoder(shape, mix_seed(static_cast<std::uint64_t>(config.seed), "weights"));
}

std::int64_t start_context(const RecipeConfig& config) {
    return config.model.start.given()
               ? read_model_config(config.model.start.directory).max_position_embeddings
               : config.model.shape.max_position_embeddings;
}

bool keeps_checkpoint(const RecipeConfig& config) {
    return config.model.start.given() && config.sft.steps == 0;
}

void link_checkpoint(const StageContext& context) {
    const fs::path& model = context.config.model.start.directory;
    const Decoder decoder = load_model_directory(model);
    fs::remove(context.folder / "model");
    fs::create_directory_symlink(fs::canonical(model), context.folder / "model");
    write_file_atomic(context.folder / kLinkedDigestFile, decoder_digest(decoder) + "\n");
    log_line(fmt::format("  {}: {:.2f} M weights, kept as they are", model.string(),
                         static_cast<double>(weight_count(decoder)) / 1e6));
}

void train_start_model(const StageContext& context, Decoder decoder, const SftData& data) {
    const TrainRun run{context.folder / "checkpoints", true, [&](std::int64_t resume_step) {
                           return watch_training(context, context.folder, decoder, resume_step);
                       }};
    const TrainResult result = train_sft(decoder, data, context.config.sft, run);
    if (decoder.has_lora())
        save_adapter(context.folder / "adapter", decoder, context.config.model.start.directory.string());
    save_in_start_form(context.config, context.folder / "model", decoder);
    fs::remove_all(context.folder / "checkpoints");
    log_line(fmt::format("  {} steps, best validation {:.3f} nats per token at step {}", result.steps,
                         result.best_loss, result.best_step));
}

Decoder load_start_model(const RunDirectory& run) { return load_float32(run.stage("sft") / "model"); }

void save_in_start_form(const RecipeConfig& config, const fs::path& directory, const Decoder& decoder) {
    const Decoder merged = merged_lora(decoder);
    if (config.model.start.given())
        save_model_like(config.model.start.directory, directory, merged);
    else
        save_model_directory(directory, merged);
}

}  // namespace linvox
