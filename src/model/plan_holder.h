// An attention plan as an autograd node can save it.
#pragma once

#include <ATen/core/ivalue.h>

#include <memory>
#include <utility>

#include "src/model/layer_ops.h"

namespace linvox {

struct PlanHolder : torch::CustomClassHolder {
    explicit PlanHolder(std::shared_ptr<const AttentionPlan> shared) : plan(std::move(shared)) {}
    std::shared_ptr<const AttentionPlan> plan;
};

}  // namespace linvox
