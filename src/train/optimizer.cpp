#include "src/train/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <utility>

#include "src/base/error.h"

namespace linvox {
namespace {

std::string shape_text(const at::Tensor& tensor) {
    return fmt::format("[{}]", fmt::join(tensor.sizes(), ", "));
}

/// The tensor of that name with the shape of `like`, copied into it.
void load_into(at::Tensor& like, const TensorMap& state, const std::string& name) {
    const auto found = state.find(name);
    LINVOX_REQUIRE(found != state.end(), DataError,
                   "optimiser state: tensor '{}' is missing; the checkpoint belongs to another model", name);
    LINVOX_REQUIRE(
        found->second.sizes() == like.sizes(), DataError,
        "optimiser state: '{}' must have shape {}, found {}; the checkpoint belongs to another model", name,
        shape_text(like), shape_text(found->second));
    like.copy_(found->second);
}

}  // namespace

void AdamWConfig::visit(ConfigVisitor& v) {
    v.field("learning_rate", learning_rate, "peak learning rate", Range{0.0, 10.0});
    v.field("beta1", beta1, "decay of the first moment", Range{0.0, 0.9999});
    v.field("beta2", beta2, "decay of the second moment", Range{0.0, 0.999999});
    v.field("epsilon", epsilon, "added to the root of the second moment", Range{1e-16, 1.0});
    v.field("weight_decay", weight_decay, "decoupled decay of matrices; norms and biases have none",
            Range{0.0, 1.0});
    v.field("clip_norm", clip_norm, "largest global gradient norm; 0 switches clipping off", Range{0.0, 1e9});
}

TrainedParameter trained_parameter(std::string name, at::Tensor value) {
    const bool decay = value.dim() >= 2;
    return {std::move(name), std::move(value), decay};
}

AdamW::AdamW(std::vector<TrainedParameter> parameters, const AdamWConfig& config)
    : parameters_(std::move(parameters)), config_(config) {
    LINVOX_ASSERT(!parameters_.empty(), "AdamW without parameters");
    std::set<std::string> names;
    for (const TrainedParameter& parameter : parameters_) {
        LINVOX_ASSERT(names.insert(parameter.name).second, "parameter '{}' twice", parameter.name);
        LINVOX_ASSERT(parameter.value.is_leaf() && parameter.value.scalar_type() == at::kFloat,
                      "parameter '{}' is not a float32 leaf", parameter.name);
        exp_avg_.push_back(at::zeros_like(parameter.value.detach()));
        exp_avg_sq_.push_back(at::zeros_like(parameter.value.detach()));
        step_.push_back(at::zeros({}, parameter.value.options().requires_grad(false)));
    }
}

at::Tensor AdamW::clip_grad_norm(double max_norm, double divisor) {
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> grads;
    for (const TrainedParameter& parameter : parameters_)
        if (parameter.value.grad().defined()) grads.push_back(parameter.value.grad());
    LINVOX_ASSERT(!grads.empty(), "clip_grad_norm before any backward pass");
    const at::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(grads, 2)), 2) / divisor;
    // One pass over the gradients for both factors.
    if (max_norm > 0) {
        // 1e-6 as in PyTorch's clip_grad_norm_, so that golden trajectories agree.
        at::_foreach_mul_(grads, (max_norm / (norm + 1e-6)).clamp_max(1.0) / divisor);
    } else if (divisor != 1.0) {
        at::_foreach_mul_(grads, 1.0 / divisor);
    }
    return norm;
}

void AdamW::step(double learning_rate) {
    const at::NoGradGuard no_grad;
    for (const bool decay : {true, false}) {
        std::vector<at::Tensor> values, grads, exp_avg, exp_avg_sq, steps;
        for (std::size_t i = 0; i < parameters_.size(); ++i) {
            if (parameters_[i].decay != decay || !parameters_[i].value.grad().defined()) continue;
            values.push_back(parameters_[i].value);
            grads.push_back(parameters_[i].value.grad());
            exp_avg.push_back(exp_avg_[i]);
            exp_avg_sq.push_back(exp_avg_sq_[i]);
            steps.push_back(step_[i]);
        }
        if (values.empty()) continue;
        at::_foreach_add_(steps, 1);  // the fused op expects the count after this step
        at::_fused_adamw_(values, grads, exp_avg, exp_avg_sq, {}, steps, learning_rate, config_.beta1,
                          config_.beta2, decay ? config_.weight_decay : 0.0, config_.epsilon,
                          /*amsgrad=*/false, /*maximize=*/false);
    }
    ++steps_done_;
}

void AdamW::zero_grad() {
    for (TrainedParameter& parameter : parameters_) parameter.value.mutable_grad().reset();
}

TensorMap AdamW::state() const {
    TensorMap state;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        state[parameters_[i].name + ".exp_avg"] = exp_avg_[i];
        state[parameters_[i].name + ".exp_avg_sq"] = exp_avg_sq_[i];
        state[parameters_[i].name + ".step"] = step_[i];
    }
    state["steps_done"] = at::full({}, steps_done_, at::TensorOptions().dtype(at::kLong));
    return state;
}

void AdamW::load_state(const TensorMap& state) {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        load_into(exp_avg_[i], state, parameters_[i].name + ".exp_avg");
        load_into(exp_avg_sq_[i], state, parameters_[i].name + ".exp_avg_sq");
        load_into(step_[i], state, parameters_[i].name + ".step");
    }
    at::Tensor steps_done = at::zeros({}, at::TensorOptions().dtype(at::kLong));
    load_into(steps_done, state, "steps_done");
    steps_done_ = steps_done.item<std::int64_t>();
}

}  // namespace linvox
