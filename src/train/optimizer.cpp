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

#include <algorithm>
#include <set>
#include <utility>

#include "src/base/error.h"

namespace linvox {
namespace {

std::string shape_text(const at::Tensor& tensor) {
    return fmt::format("[{}]", fmt::join(tensor.sizes(), ", "));
}

/// The tensor of that name with the shape of `like`, copied into it.
void load_into(const at::Tensor& like, const TensorMap& state, const std::string& name) {
    const auto found = state.find(name);
    LINVOX_REQUIRE(found != state.end(), DataError,
                   "optimiser state: tensor '{}' is missing; the checkpoint belongs to another model", name);
    LINVOX_REQUIRE(
        found->second.sizes() == like.sizes(), DataError,
        "optimiser state: '{}' must have shape {}, found {}; the checkpoint belongs to another model", name,
        shape_text(like), shape_text(found->second));
    like.copy_(found->second);
}

/// L2 norm of a bfloat16 tensor in float32, without a float32 copy of all of it.
at::Tensor norm_of_narrow(const at::Tensor& grad) {
    constexpr std::int64_t kChunk = 1 << 20;
    const at::Tensor flat = grad.contiguous().view({-1});
    std::vector<at::Tensor> parts;
    for (std::int64_t begin = 0; begin < flat.size(0); begin += kChunk)
        parts.push_back(at::linalg_vector_norm(
            flat.slice(0, begin, std::min(begin + kChunk, flat.size(0))).to(at::kFloat), 2));
    return at::linalg_vector_norm(at::stack(parts), 2);
}

/// Of each, on one device, float32.
std::vector<at::Tensor> norms_of_narrow(const std::vector<at::Tensor>& grads) {
    if (grads.empty()) return {};
    if (grads[0].is_cuda()) return at::_foreach_norm(grads, 2, at::kFloat);  // widens as it reads
    std::vector<at::Tensor> norms;
    for (const at::Tensor& grad : grads) norms.push_back(norm_of_narrow(grad));
    return norms;
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
    v.choice("moments", moments, "8bit: the moments of matrices take 2 bytes a weight instead of 8",
             {"f32", "8bit"});
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
        const bool narrow = config.moments == "8bit" && parameter.value.numel() >= kSmallestTensor8;
        const at::ScalarType dtype = parameter.value.scalar_type();
        LINVOX_ASSERT(
            parameter.value.is_leaf() && (dtype == at::kFloat || (narrow && dtype == at::kBFloat16)),
            "parameter '{}' is no float32 leaf, nor a bfloat16 one with 8-bit moments", parameter.name);
        // Where the fused update reads it; the 8-bit one wants it on the host.
        const at::Device counts_on = narrow ? at::Device(at::kCPU) : parameter.value.device();
        Memory memory{.step = at::zeros({}, at::TensorOptions(counts_on).dtype(at::kFloat))};
        if (narrow) {
            memory.narrow = make_moments8(parameter.value);
        } else {
            memory.exp_avg = at::zeros_like(parameter.value.detach());
            memory.exp_avg_sq = at::zeros_like(parameter.value.detach());
        }
        memory_.push_back(std::move(memory));
    }
}

at::Tensor AdamW::clip_grad_norm(double max_norm, double divisor) {
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> grads, narrow;
    for (const TrainedParameter& parameter : parameters_) {
        const at::Tensor& grad = parameter.value.grad();
        if (grad.defined()) (grad.scalar_type() == at::kBFloat16 ? narrow : grads).push_back(grad);
    }
    LINVOX_ASSERT(!grads.empty() || !narrow.empty(), "clip_grad_norm before any backward pass");
    std::vector<at::Tensor> norms = norms_of_narrow(narrow);
    if (!grads.empty())
        for (const at::Tensor& norm : at::_foreach_norm(grads, 2)) norms.push_back(norm);
    const at::Tensor norm = at::linalg_vector_norm(at::stack(norms), 2) / divisor;
    at::Tensor factor = at::full({}, 1.0 / divisor, norm.options());
    // 1e-6 as in PyTorch's clip_grad_norm_, so that golden trajectories agree.
    if (max_norm > 0) factor = (max_norm / (norm + 1e-6)).clamp_max(1.0) / divisor;
    // One pass over the gradients for both factors.
    if (!grads.empty() && (max_norm > 0 || divisor != 1.0)) at::_foreach_mul_(grads, factor);
    if (!narrow.empty()) narrow_scale_ = factor;
    return norm;
}

void AdamW::step(double learning_rate) {
    const at::NoGradGuard no_grad;
    for (const bool decay : {true, false}) {
        std::vector<at::Tensor> values, grads, exp_avg, exp_avg_sq, steps;
        for (std::size_t i = 0; i < parameters_.size(); ++i) {
            if (parameters_[i].decay != decay || !parameters_[i].value.grad().defined()) continue;
            if (!memory_[i].exp_avg.defined()) continue;
            values.push_back(parameters_[i].value);
            grads.push_back(parameters_[i].value.grad());
            exp_avg.push_back(memory_[i].exp_avg);
            exp_avg_sq.push_back(memory_[i].exp_avg_sq);
            steps.push_back(memory_[i].step);
        }
        if (values.empty()) continue;
        at::_foreach_add_(steps, 1);  // the fused op expects the count after this step
        at::_fused_adamw_(values, grads, exp_avg, exp_avg_sq, {}, steps, learning_rate, config_.beta1,
                          config_.beta2, decay ? config_.weight_decay : 0.0, config_.epsilon,
                          /*amsgrad=*/false, /*maximize=*/false);
    }
    step_narrow(learning_rate);
    narrow_scale_.reset();
    ++steps_done_;
}

void AdamW::step_narrow(double learning_rate) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        const TrainedParameter& parameter = parameters_[i];
        if (memory_[i].exp_avg.defined() || !parameter.value.grad().defined()) continue;
        memory_[i].step.add_(1);
        const AdamWStep step{learning_rate,
                             config_.beta1,
                             config_.beta2,
                             config_.epsilon,
                             parameter.decay ? config_.weight_decay : 0.0,
                             static_cast<std::int64_t>(memory_[i].step.item<float>())};
        adamw_step8(parameter.value, parameter.value.grad(), memory_[i].narrow, step,
                    static_cast<std::uint32_t>(i),
                    parameter.value.scalar_type() == at::kBFloat16 ? narrow_scale_ : at::Tensor());
    }
}

void AdamW::zero_grad() {
    for (TrainedParameter& parameter : parameters_) parameter.value.mutable_grad().reset();
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::tensors_of(const Memory& memory) {
    if (memory.exp_avg.defined())
        return {{".exp_avg", memory.exp_avg}, {".exp_avg_sq", memory.exp_avg_sq}, {".step", memory.step}};
    return {{".exp_avg", memory.narrow.exp_avg},
            {".exp_avg_sq", memory.narrow.exp_avg_sq},
            {".exp_avg_scale", memory.narrow.exp_avg_scale},
            {".exp_avg_sq_scale", memory.narrow.exp_avg_sq_scale},
            {".step", memory.step}};
}

TensorMap AdamW::state() const {
    TensorMap state;
    for (std::size_t i = 0; i < parameters_.size(); ++i)
        for (const auto& [name, tensor] : tensors_of(memory_[i])) state[parameters_[i].name + name] = tensor;
    state["steps_done"] = at::full({}, steps_done_, at::TensorOptions().dtype(at::kLong));
    return state;
}

void AdamW::load_state(const TensorMap& state) {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters_.size(); ++i)
        for (auto& [name, tensor] : tensors_of(memory_[i]))
            load_into(tensor, state, parameters_[i].name + name);
    at::Tensor steps_done = at::zeros({}, at::TensorOptions().dtype(at::kLong));
    load_into(steps_done, state, "steps_done");
    steps_done_ = steps_done.item<std::int64_t>();
}

}  // namespace linvox
