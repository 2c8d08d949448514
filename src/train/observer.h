// Who watches a training run. The trainer tells; console, train.jsonl and tests listen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace linvox {

/// One optimiser step, or one evaluation after it.
struct StepReport {
    std::int64_t step = 0;  // steps done, from 1; an evaluation before training has 0
    std::int64_t total_steps = 0;
    double epoch = 0.0;
    double seconds = 0.0;                  // spent in this run of the program
    std::map<std::string, double> values;  // loss, grad_norm, learning_rate, ...; eval_* of an evaluation
};

struct Observer {
    std::function<void(const StepReport&)> on_step;
    std::function<void(const StepReport&)> on_evaluation;
    std::function<void(const std::filesystem::path& directory, std::int64_t step)> on_checkpoint;
    std::function<void(std::int64_t steps_done)> on_end;
};

/// One JSON line per step and per evaluation, flushed as it comes; a value that is not finite is null.
/// Lines of steps after `resume_step` (work lost with a killed run) are cut; 0 starts a new file.
Observer jsonl_observer(const std::filesystem::path& path, std::int64_t resume_step = 0);

}  // namespace linvox
