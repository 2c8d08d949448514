// The learning rate over a run: linear warm-up, then cosine, linear or constant.
#pragma once

#include <cstdint>
#include <string>

#include "src/config/visitor.h"

namespace linvox {

struct ScheduleConfig {
    std::string kind = "cosine";  // cosine, linear, constant
    std::int64_t warmup_steps = 50;
    double final_ratio = 0.02;  // learning rate of the last step, in parts of the peak
    void visit(ConfigVisitor& v);
};

/// Factor of the peak learning rate for step `step` (0-based) of `total_steps`. Warm-up is
/// (step + 1) / warmup_steps, so that the first step moves too; a warm-up longer than the run is cut to it.
double schedule_factor(const ScheduleConfig& config, std::int64_t step, std::int64_t total_steps);

}  // namespace linvox
