// Who watches a training run. The trainer tells; console, train.jsonl and tests listen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace linvox {

/// One optimiser step, or one evaluation or probe after it.
struct StepReport {
    std::int64_t step = 0;  // steps done, from 1; an evaluation before training has 0
    std::int64_t total_steps = 0;
    double epoch = 0.0;
    double seconds = 0.0;                  // spent in this run of the program
    std::map<std::string, double> values;  // loss, grad_norm, ...; eval_* of an evaluation; probe/*
};

/// Something that happened, as words: an alarm that was raised or cleared.
struct TrainEvent {
    std::int64_t step = 0;
    std::string kind, name, state, message;  // "alarm", "displacement", "raised", a sentence
};

struct Observer {
    std::function<void(const StepReport&)> on_step;
    std::function<void(const StepReport&)> on_evaluation;  // also what another observer measured
    std::function<void(const TrainEvent&)> on_event;       // of another observer; the trainer has none
    std::function<void(const std::filesystem::path& directory, std::int64_t step)> on_checkpoint;
    std::function<void(std::int64_t steps_done)> on_end;
};

/// One JSON line per step and per evaluation, flushed as it comes; a value that is not finite is null.
/// An event is a line {step, event: kind, name, state, message}: words only, so that no curve is made of it.
/// Lines of steps after `resume_step` (work lost with a killed run) are cut; 0 starts a new file.
Observer jsonl_observer(const std::filesystem::path& path, std::int64_t resume_step = 0);

/// The reports of such a file in order, events left out; a null is NaN. Empty when the file is missing.
std::vector<StepReport> read_reports(const std::filesystem::path& path);

/// Calls `measure` after every `every`-th step (> 0) and tells `listeners` as an evaluation of that step.
/// A measurement ended by a stop request (Interrupted) is dropped: the trainer saves and stops by itself.
Observer periodic_observer(std::int64_t every, std::function<std::map<std::string, double>()> measure,
                           std::vector<Observer> listeners);

}  // namespace linvox
