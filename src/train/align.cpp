#include "src/train/align.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/base/text.h"
#include "src/model/device.h"
#include "src/model/lora.h"
#include "src/train/align_forward.h"
#include "src/train/align_reference.h"
#include "src/train/align_source.h"
#include "src/train/decoder_parameters.h"
#include "src/train/precision.h"

namespace linvox {
namespace {

std::map<std::string, std::string> align_identity(const AlignConfig& config, const AlignData& data) {
    std::map<std::string, std::string> identity = data.identity;
    identity["loss"] = describe_loss(config.loss);
    identity["settings"] = fmt::format(
        "epochs {} batch_pairs {} token_budget {} pair_weight {} precision {} seed {} lr {} betas {} {} "
        "decay {} clip {} schedule {} {} {}",
        config.epochs, config.batch_pairs, config.token_budget, config.pair_weight,
        resolved_precision(config.precision), config.seed, config.optimiser.learning_rate,
        config.optimiser.beta1, config.optimiser.beta2, config.optimiser.weight_decay,
        config.optimiser.clip_norm, config.schedule.kind, config.schedule.warmup_steps,
        config.schedule.final_ratio);
    // Only where there is one: checkpoints of runs without keep their identity.
    if (config.reference_update != "none") identity["reference_update"] = describe_reference_update(config);
    if (config.optimiser.moments != "f32") identity["moments"] = config.optimiser.moments;
    if (config.weights != "f32") identity["weights"] = config.weights;
    if (config.lora.rank > 0) identity["lora"] = describe(config.lora);
    if (!config.freeze.empty()) identity["freeze"] = join(config.freeze, " ");
    identity["softmax_range"] = describe(data.softmax);
    return identity;
}

void run_gates(const Decoder& policy, const AlignData& data, const AlignConfig& config) {
    const std::size_t count =
        std::min<std::size_t>(data.train.size(), static_cast<std::size_t>(config.gate.records));
    const std::vector<PreferenceRecord> records(data.train.begin(),
                                                data.train.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<SequenceGroup> groups;
    for (const PreferenceRecord& record : records) groups.push_back(preference_group(record));
    const Packer packer = [](const std::vector<const SequenceGroup*>& members) { return pack(members); };
    const PairScoring scoring = pair_scoring(config, data);
    std::vector<GateCheck> checks = check_masks(policy, groups, scoring.score, packer);
    // A live reference starts as the policy; a file of scores, where there is one, must agree with it.
    const Decoder* live = uses_live_reference(config) ? &policy : nullptr;
    if (!data.starts_at_reference || config.gate.step0 == "off") {
        log_line("gate step0: off, because policy and reference differ on purpose");
    } else if (live || !data.reference.empty()) {
        const ReferenceScores reference =
            data.reference.empty()
                ? score_reference(policy, groups, scoring.score, config.token_budget, ReferenceDetail::sums)
                : data.reference;
        const auto step0 = check_step0(policy, live, records, reference, scoring, packer);
        checks.insert(checks.end(), step0.begin(), step0.end());
    }
    require_gates(checks);
}

}  // namespace

TrainResult train_align(Decoder& policy, const AlignData& data, const AlignConfig& config,
                        const TrainRun& run) {
    check(config, data);
    const bool resumes =
        run.resume && !run.checkpoints.empty() && !newest_checkpoint(run.checkpoints).empty();
    if (config.weights == "bf16") narrow_weights(policy);
    if (config.lora.rank > 0 && !policy.has_lora())
        add_lora(policy, config.lora, mix_seed(static_cast<std::uint64_t>(config.seed), "align lora"));
    policy = on_device(policy, compute_device());
    if (!resumes) run_gates(policy, data, config);
    TrainTask task;
    task.what = "align " + config.loss.main.kind;
    task.parameters = trained_parameters(policy, config.freeze);
    AlignSource source(policy, data, config);
    const bool evaluates = !data.held_out.empty() && config.evaluate_every > 0;
    task.begin_epoch = [&](std::int64_t epoch) { return source.begin_epoch(epoch); };
    task.micro_count = [&](std::int64_t index) { return source.micro_count(index); };
    task.forward = [&](std::int64_t index, std::int64_t micro, std::int64_t step) {
        return source.forward(index, micro, step);
    };
    task.split = [&] { return source.split(); };
    task.after_step = [&] { source.after_step(); };
    task.record_ids = [&](std::int64_t index, std::int64_t micro) { return source.record_ids(index, micro); };
    if (evaluates) task.evaluate = [&] { return source.evaluate(); };
    task.extra_state = [&] { return source.state(); };
    task.load_extra = [&](const TensorMap& state) { source.load_state(state); };
    task.identity = align_identity(config, data);
    TrainerConfig trainer{
        .total_steps = source.total_steps(), .optimiser = config.optimiser, .schedule = config.schedule};
    trainer.evaluate_every = evaluates ? config.evaluate_every : 0;
    trainer.evaluate_first = evaluates;
    trainer.patience = config.patience;
    trainer.keep_best = config.keep_best;
    trainer.checkpoint_every = config.checkpoint_every;
    const TrainResult result = train(task, trainer, run);
    for (const TrainedParameter& parameter : task.parameters) parameter.value.set_requires_grad(false);
    policy = on_device(policy, at::kCPU);
    return result;
}

}  // namespace linvox
