#include "src/train/trainer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/lerp.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/model/torch_compat.h"

namespace linvox {
namespace {

using Clock = std::chrono::steady_clock;

/// One run of the loop; its members are the run's whole state.
class Loop {
public:
    Loop(const TrainTask& task, const TrainerConfig& config, const TrainRun& run)
        : task_(task), config_(config), run_(run), optimiser_(task.parameters, config.optimiser) {
        LINVOX_ASSERT(config.total_steps > 0, "{}: no steps to train", task.what);
        LINVOX_ASSERT(config.patience == 0 || (task.evaluate && config.evaluate_every > 0),
                      "{}: early stop without evaluations", task.what);
        if (config_.ema_decay > 0) ema_ = copies();
    }

    TrainResult run() {
        if (run_.resume && !run_.checkpoints.empty()) resume();
        if (run_.observers) observers_ = run_.observers(at_.step);
        Progress progress(task_.what, "steps", config_.total_steps);
        if (config_.evaluate_first && at_.step == 0) evaluate();
        // A run that had ended when it was saved stays ended.
        while (at_.step < config_.total_steps && !out_of_patience()) {
            if (stop_requested()) {
                save();
                throw Interrupted{};
            }
            const std::map<std::string, double> values = step();
            progress.update(at_.step, fmt::format("loss {:.4f}", values.at("loss")));
            const bool last = at_.step == config_.total_steps;
            if (task_.evaluate && config_.evaluate_every > 0 &&
                (last || at_.step % config_.evaluate_every == 0))
                evaluate();
            if (config_.checkpoint_every > 0 && !last && at_.step % config_.checkpoint_every == 0) save();
        }
        take_final_weights();
        progress.finish();
        for (const Observer& observer : observers_)
            if (observer.on_end) observer.on_end(at_.step);
        return {at_.step, at_.best_step,
                at_.has_best ? at_.best_loss : std::numeric_limits<double>::infinity(),
                at_.step < config_.total_steps, seconds()};
    }

private:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
    bool out_of_patience() const {
        return config_.patience > 0 && at_.evaluations_without_best >= config_.patience;
    }

    std::map<std::string, at::Tensor> copies() const {
        std::map<std::string, at::Tensor> copied;
        for (const TrainedParameter& parameter : task_.parameters)
            copied[parameter.name] = parameter.value.detach().clone();
        return copied;
    }

    void assign(const std::map<std::string, at::Tensor>& weights) {
        const at::NoGradGuard no_grad;
        for (const TrainedParameter& parameter : task_.parameters) {
            at::Tensor value = parameter.value;
            value.copy_(weights.at(parameter.name));
        }
    }

    struct Accumulated {
        MeterSum meters;
        std::vector<at::Tensor> per_record;
    };

    /// The gradients of all micro-batches of a step.
    Accumulated accumulate() {
        Accumulated sums;
        optimiser_.zero_grad();
        const std::int64_t micros = task_.micro_count(at_.index_in_epoch);
        for (std::int64_t micro = 0; micro < micros; ++micro) {
            const MicroResult result = task_.forward(at_.index_in_epoch, micro, at_.step);
            result.loss_sum.backward();
            sums.meters.add(result);
            sums.per_record.push_back(result.per_record);
        }
        return sums;
    }

    Accumulated accumulate_in_memory() {
        for (;;) {
            try {
                return accumulate();
            } catch (const std::exception& error) {
                if (!is_out_of_memory(error)) throw;
            }
            optimiser_.zero_grad();
            LINVOX_REQUIRE(task_.split && task_.split(), UserError,
                           "{}: step {}: the memory does not suffice, and the micro-batches cannot be split "
                           "further; lower "
                           "token_budget, set activation_checkpointing = true or optimiser.moments = "
                           "\"8bit\" and with it weights = \"bf16\", or leave the longest records out",
                           task_.what, at_.step + 1);
            log_line(fmt::format("{}: step {}: out of memory; going on with {} micro-batches a step",
                                 task_.what, at_.step + 1, task_.micro_count(at_.index_in_epoch)));
        }
    }

    /// Accumulates the micro-batches of one optimiser step and applies it.
    std::map<std::string, double> step() {
        enter_epoch();
        const auto [meters, per_record] = accumulate_in_memory();
        // Gradients of sums, divided once: 1 x 8 and 8 x 1 agree.
        const at::Tensor norm = optimiser_.clip_grad_norm(config_.optimiser.clip_norm, meters.weight());
        std::map<std::string, double> values = meters.read_loss({{"grad_norm", norm}});
        if (!std::isfinite(values["loss"]) || !std::isfinite(values["grad_norm"]))
            throw_not_finite(values["loss"], values["grad_norm"], per_record);
        const double rate = config_.optimiser.learning_rate *
                            schedule_factor(config_.schedule, at_.step, config_.total_steps);
        optimiser_.step(rate);
        values.merge(meters.read_meters());  // while a GPU updates the weights
        values["learning_rate"] = rate;
        if (task_.after_step) task_.after_step();
        update_ema();
        ++at_.step;
        ++at_.index_in_epoch;
        report(values);
        return values;
    }

    void enter_epoch() {
        if (steps_in_epoch_ && at_.index_in_epoch < *steps_in_epoch_) return;
        if (steps_in_epoch_) {
            ++at_.epoch;
            at_.index_in_epoch = 0;
        }
        steps_in_epoch_ = task_.begin_epoch(at_.epoch);
        LINVOX_REQUIRE(*steps_in_epoch_ > 0, DataError, "{}: epoch {} has no example to train on", task_.what,
                       at_.epoch);
    }

    void update_ema() {
        if (config_.ema_decay <= 0) return;
        const at::NoGradGuard no_grad;
        // A short memory at first, so that the random start is forgotten (as in Tarvainen and Valpola 2017).
        const auto done = static_cast<double>(at_.step + 1);
        const double decay = std::min(config_.ema_decay, done / (done + 9.0));
        for (const TrainedParameter& parameter : task_.parameters)
            ema_.at(parameter.name).lerp_(parameter.value.detach(), 1.0 - decay);
    }

    void report(const std::map<std::string, double>& values) const {
        const StepReport step{at_.step, config_.total_steps, epoch_position(), seconds(), values};
        for (const Observer& observer : observers_)
            if (observer.on_step) observer.on_step(step);
    }

    double epoch_position() const {
        const double steps = steps_in_epoch_ ? static_cast<double>(*steps_in_epoch_) : 1.0;
        return static_cast<double>(at_.epoch) + static_cast<double>(at_.index_in_epoch) / steps;
    }

    void evaluate() {
        std::map<std::string, at::Tensor> raw;
        if (!ema_.empty()) {
            raw = copies();
            assign(ema_);
        }
        const Evaluation evaluation = task_.evaluate();
        const bool best =
            std::isfinite(evaluation.loss) && (!at_.has_best || evaluation.loss < at_.best_loss);
        if (best) {
            at_.has_best = true;
            at_.best_loss = evaluation.loss;
            at_.best_step = at_.step;
            at_.evaluations_without_best = 0;
            if (config_.keep_best) best_ = copies();
        } else {
            ++at_.evaluations_without_best;
        }
        if (!raw.empty()) assign(raw);
        StepReport report{at_.step, config_.total_steps, epoch_position(), seconds(), {}};
        report.values["eval_loss"] = evaluation.loss;
        for (const auto& [name, value] : evaluation.values) report.values["eval_" + name] = value;
        for (const Observer& observer : observers_)
            if (observer.on_evaluation) observer.on_evaluation(report);
    }

    void take_final_weights() {
        if (config_.keep_best && !best_.empty())
            assign(best_);
        else if (!ema_.empty())
            assign(ema_);
    }

    void save() {
        if (run_.checkpoints.empty()) return;
        Checkpoint checkpoint{at_, with_prefix(copies(), "weight"), task_.identity};
        checkpoint.tensors.merge(with_prefix(optimiser_.state(), "optimiser"));
        checkpoint.tensors.merge(with_prefix(best_, "best"));
        checkpoint.tensors.merge(with_prefix(ema_, "ema"));
        if (task_.extra_state) checkpoint.tensors.merge(with_prefix(task_.extra_state(), "extra"));
        const auto directory = save_checkpoint(run_.checkpoints, checkpoint, config_.keep_checkpoints);
        for (const Observer& observer : observers_)
            if (observer.on_checkpoint) observer.on_checkpoint(directory, at_.step);
    }

    void resume() {
        const std::filesystem::path directory = newest_checkpoint(run_.checkpoints);
        if (directory.empty()) return;
        const Checkpoint checkpoint = load_checkpoint(directory);
        require_equal_identity(checkpoint.identity, task_.identity, directory.string(),
                               "restore the settings, or delete the checkpoints to start again");
        const auto take = [&](const std::string& prefix, std::map<std::string, at::Tensor>& into) {
            into.clear();
            for (const auto& [name, tensor] : without_prefix(checkpoint.tensors, prefix)) {
                // The file is mapped; the copy lives on the parameters' device and outlives the file.
                into[name] = tensor.to(task_.parameters.front().value.device()).clone();
            }
        };
        std::map<std::string, at::Tensor> weights;
        take("weight", weights);
        for (const TrainedParameter& parameter : task_.parameters)
            LINVOX_REQUIRE(weights.contains(parameter.name), DataError, "{}: weight '{}' is missing",
                           directory.string(), parameter.name);
        assign(weights);
        take("best", best_);
        if (config_.ema_decay > 0) take("ema", ema_);
        optimiser_.load_state(without_prefix(checkpoint.tensors, "optimiser"));
        if (task_.load_extra) task_.load_extra(without_prefix(checkpoint.tensors, "extra"));
        at_ = checkpoint.progression;
        steps_in_epoch_ = task_.begin_epoch(at_.epoch);
        log_line(fmt::format("{}: going on after step {} of {}", task_.what, at_.step, config_.total_steps));
    }

    [[noreturn]] void throw_not_finite(double loss, double norm,
                                       const std::vector<at::Tensor>& per_record) const {
        std::vector<std::string> suspects, all;
        for (std::size_t micro = 0; micro < per_record.size(); ++micro) {
            const auto ids = task_.record_ids
                                 ? task_.record_ids(at_.index_in_epoch, static_cast<std::int64_t>(micro))
                                 : std::vector<std::string>{};
            all.insert(all.end(), ids.begin(), ids.end());
            if (!per_record[micro].defined()) continue;
            const at::Tensor values = per_record[micro].to(at::kCPU, at::kDouble);
            for (std::int64_t i = 0; i < std::min<std::int64_t>(values.size(0), ids.size()); ++i)
                if (!std::isfinite(values[i].item<double>()))
                    suspects.push_back(ids[static_cast<std::size_t>(i)]);
        }
        throw UserError(fmt::format(
            "{}: step {}: loss {} and gradient norm {} must be finite; records: {}; look at these records, "
            "or lower "
            "the learning rate; the weights keep their values of step {}",
            task_.what, at_.step + 1, loss, norm, join(suspects.empty() ? all : suspects, ", "), at_.step));
    }

    const TrainTask& task_;
    const TrainerConfig& config_;
    const TrainRun& run_;
    AdamW optimiser_;
    Progression at_;
    std::optional<std::int64_t> steps_in_epoch_;  // of the epoch begun; empty before the first
    std::map<std::string, at::Tensor> best_, ema_;
    std::vector<Observer> observers_;
    Clock::time_point start_ = Clock::now();
};

}  // namespace

TrainResult train(const TrainTask& task, const TrainerConfig& config, const TrainRun& run) {
    return Loop(task, config, run).run();
}

}  // namespace linvox
