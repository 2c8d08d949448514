// The one training loop: accumulation, clipping, schedule, evaluation, early stop, checkpoints, resume,
// stop on request. It knows no loss and no data: a task hands it micro-batches that return sums.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "src/train/checkpoint.h"
#include "src/train/meter.h"
#include "src/train/observer.h"
#include "src/train/optimizer.h"
#include "src/train/schedule.h"

namespace linvox {

/// What an evaluation says. `loss` selects the best weights; lower is better.
struct Evaluation {
    double loss = 0.0;
    std::map<std::string, double> values;  // reported with "eval_" in front
};

/// What is trained, as functions. All of them are deterministic in their arguments: a resumed run calls
/// begin_epoch again and goes on in its middle.
struct TrainTask {
    std::string what = "train";  // for progress: "sft", "align lpo-ste"
    std::vector<TrainedParameter> parameters;

    /// Prepares epoch `epoch` (from 0) and returns its number of optimiser steps, at least 1.
    std::function<std::int64_t(std::int64_t epoch)> begin_epoch;
    /// Micro-batches of optimiser step `index` of the epoch, at least 1.
    std::function<std::int64_t(std::int64_t index)> micro_count;
    /// The forward pass of one of them; `step` counts optimiser steps over the run, for dropout seeds.
    std::function<MicroResult(std::int64_t index, std::int64_t micro, std::int64_t step)> forward;
    /// Ids of its records, in the order of MicroResult::per_record; for error messages.
    std::function<std::vector<std::string>(std::int64_t index, std::int64_t micro)> record_ids;

    /// Optional. Memory did not suffice for the step, which will be begun again: forgets what the attempt
    /// added and makes the micro-batches of this and all later steps smaller. False when they cannot be.
    std::function<bool()> split;

    std::function<void()> after_step;                  // optional: running means of a loss
    std::function<Evaluation()> evaluate;              // optional
    std::function<TensorMap()> extra_state;            // optional: running means of a loss
    std::function<void(const TensorMap&)> load_extra;  // set together with extra_state

    /// What must be equal for a checkpoint to be resumed: name to digest or setting.
    std::map<std::string, std::string> identity;
};

struct TrainerConfig {
    std::int64_t total_steps = 0;
    AdamWConfig optimiser;
    ScheduleConfig schedule;
    std::int64_t evaluate_every = 0;    // steps; 0: never. The last step is always evaluated.
    bool evaluate_first = false;        // also before the first step
    std::int64_t patience = 0;          // evaluations without a new best before stopping; 0: no early stop
    bool keep_best = true;              // end with the best evaluated weights, else with the last
    double ema_decay = 0.0;             // > 0: evaluate and return an exponential mean of the weights
    std::int64_t checkpoint_every = 0;  // steps; 0: only on a stop request
    std::int64_t keep_checkpoints = 1;
};

/// Where a run lives and who watches it.
struct TrainRun {
    std::filesystem::path checkpoints;  // folder of step-000500 and so on; empty: none are written
    bool resume = false;                // go on from the newest checkpoint, if there is one
    /// Made once the first step of this run is known, so that a log can be cut to it.
    std::function<std::vector<Observer>(std::int64_t resume_step)> observers;
};

struct TrainResult {
    std::int64_t steps = 0;  // done in all, resumed ones included
    std::int64_t best_step = 0;
    double best_loss = std::numeric_limits<double>::infinity();
    bool stopped_early = false;
    double seconds = 0.0;  // of this run of the program
};

/// Trains task.parameters in place. A step that runs out of memory is begun again with smaller micro-batches,
/// to the same gradients.
/// Throws UserError naming the records when loss or gradient is not finite (weights keep their last good
/// values) or when not even one record fits the memory, DataError when a checkpoint belongs to another run
/// (field and both values), Interrupted after saving a checkpoint when stop_requested().
TrainResult train(const TrainTask& task, const TrainerConfig& config, const TrainRun& run);

}  // namespace linvox
