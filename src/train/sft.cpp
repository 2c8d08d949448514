#include "src/train/sft.h"

#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/model/device.h"
#include "src/model/lora.h"
#include "src/train/decoder_parameters.h"
#include "src/train/precision.h"
#include "src/train/sft_source.h"

namespace linvox {
namespace {

std::map<std::string, std::string> sft_identity(const SftData& data, const SftConfig& config) {
    std::map<std::string, std::string> identity = data.identity;
    identity["settings"] = fmt::format(
        "steps {} token_budget {} accumulate {} dropout {} noise {} precision {} seed {} lr {} betas {} {} "
        "decay {} "
        "clip {} "
        "schedule {} {} {} ema {}",
        config.steps, config.token_budget, config.accumulate, config.dropout, config.input_noise,
        resolved_precision(config.precision), config.seed, config.optimiser.learning_rate,
        config.optimiser.beta1, config.optimiser.beta2, config.optimiser.weight_decay,
        config.optimiser.clip_norm, config.schedule.kind, config.schedule.warmup_steps,
        config.schedule.final_ratio, config.ema_decay);
    if (config.optimiser.moments != "f32") identity["moments"] = config.optimiser.moments;
    if (config.weights != "f32") identity["weights"] = config.weights;
    identity["softmax_range"] = describe(data.softmax);
    if (config.lora.rank > 0) identity["lora"] = describe(config.lora);
    if (!config.freeze.empty()) identity["freeze"] = join(config.freeze, " ");
    return identity;
}

}  // namespace

void SftConfig::visit(ConfigVisitor& v, bool from_weights) {
    if (from_weights)
        v.field("steps", steps, "optimiser steps; 0, only with model.start: the checkpoint as it is",
                Range{0, 1e9});
    else
        v.field("steps", steps, "optimiser steps", Range{1, 1e9});
    v.field("token_budget", token_budget, "tokens of a micro-batch", Range{1, 1e9});
    v.field("accumulate", accumulate, "micro-batches per optimiser step", Range{1, 1e6});
    v.field("dropout", dropout, "probability of a zeroed activation", Range{0.0, 0.95});
    v.field("input_noise", input_noise, "share of input codes replaced by random ones; labels stay",
            Range{0.0, 0.95});
    visit_precision(v, precision);
    visit_kept_weights(v, weights);
    v.field("activation_checkpointing", activation_checkpointing,
            "compute every layer again in backward: less memory, more time");
    if (from_weights) {
        v.section("lora", lora, "adapters instead of whole weights");
        v.field("freeze", freeze, "weights that are not trained, by name: model.embed_tokens.*, *.mlp.*");
    }
    v.section("optimiser", optimiser, "AdamW");
    v.section("schedule", schedule, "learning rate over the run");
    v.field("evaluate_every", evaluate_every, "steps between validations; 0: none", Range{0, 1e9});
    v.field("patience", patience, "validations without a new best before stopping; 0: never", Range{0, 1e6});
    v.field("ema_decay", ema_decay, "mean of the weights over steps, evaluated and kept; 0: off",
            Range{0.0, 0.999999});
    v.field("checkpoint_every", checkpoint_every, "steps between checkpoints; 0: only on a stop request",
            Range{0, 1e9});
}

std::vector<std::string> problems_of(const SftConfig& config) {
    std::vector<std::string> problems = kept_weights_problems(
        config.weights, config.precision, config.optimiser.moments, config.lora.rank, "sft");
    if (config.weights == "bf16" && config.ema_decay > 0)
        problems.push_back(
            "sft.ema_decay means weights finer than bf16 holds; set it to 0 with sft.weights = 'bf16'");
    return problems;
}

TrainResult train_sft(Decoder& decoder, const SftData& data, const SftConfig& config, const TrainRun& run) {
    if (const auto problems = problems_of(config); !problems.empty()) throw ConfigError(join(problems, "\n"));
    if (config.weights == "bf16") narrow_weights(decoder);
    if (config.lora.rank > 0)
        add_lora(decoder, config.lora, mix_seed(static_cast<std::uint64_t>(config.seed), "sft lora"));
    decoder = on_device(decoder, compute_device());
    SftSource source(decoder, data, config);
    const bool validates = !data.validation.empty() && config.evaluate_every > 0;
    TrainTask task;
    task.what = "sft";
    task.parameters = trained_parameters(decoder, config.freeze);
    task.begin_epoch = [&](std::int64_t epoch) { return source.begin_epoch(epoch); };
    task.micro_count = [&](std::int64_t index) { return source.micro_count(index); };
    task.forward = [&](std::int64_t index, std::int64_t micro, std::int64_t step) {
        return source.forward(index, micro, step);
    };
    task.after_step = [&] { source.after_step(); };
    task.split = [&] { return source.split(); };
    task.record_ids = [&](std::int64_t index, std::int64_t micro) { return source.record_ids(index, micro); };
    if (validates) task.evaluate = [&] { return source.evaluate(); };
    task.extra_state = [&] { return source.state(); };
    task.load_extra = [&](const TensorMap& state) { source.load_state(state); };
    task.identity = sft_identity(data, config);
    TrainerConfig trainer{
        .total_steps = config.steps, .optimiser = config.optimiser, .schedule = config.schedule};
    trainer.evaluate_every = validates ? config.evaluate_every : 0;
    trainer.patience = validates ? config.patience : 0;
    trainer.ema_decay = config.ema_decay;
    trainer.checkpoint_every = config.checkpoint_every;
    const TrainResult result = train(task, trainer, run);
    for (const TrainedParameter& parameter : task.parameters) parameter.value.set_requires_grad(false);
    decoder = on_device(decoder, at::kCPU);
    return result;
}

}  // namespace linvox
