#include "src/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace linvox {

void ScheduleConfig::visit(ConfigVisitor& v) {
    v.choice("kind", kind, "shape of the learning rate after warm-up", {"cosine", "linear", "constant"});
    v.field("warmup_steps", warmup_steps, "steps of linear warm-up", Range{0, 1e9});
    v.field("final_ratio", final_ratio, "learning rate at the end, in parts of the peak", Range{0.0, 1.0});
}

double schedule_factor(const ScheduleConfig& config, std::int64_t step, std::int64_t total_steps) {
    const std::int64_t warmup = std::min(config.warmup_steps, total_steps);
    if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
    if (config.kind == "constant") return 1.0;
    // The last step of the run has the final ratio exactly.
    const std::int64_t span = std::max<std::int64_t>(1, total_steps - 1 - warmup);
    const double progress = std::min(1.0, static_cast<double>(step - warmup) / static_cast<double>(span));
    const double shape =
        config.kind == "cosine" ? 0.5 * (1.0 + std::cos(std::numbers::pi * progress)) : 1.0 - progress;
    return config.final_ratio + (1.0 - config.final_ratio) * shape;
}

}  // namespace linvox
