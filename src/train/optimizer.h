// AdamW (Loshchilov and Hutter, arXiv 1711.05101) over a plain list of tensors, and gradient
// clipping by the global norm. Not torch::optim: no closures, no groups beyond decay or none, and a
// state that is a map of tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "src/config/visitor.h"
#include "src/model/safetensors.h"
#include "src/train/moments8.h"

namespace linvox {

struct AdamWConfig {
    double learning_rate = 1e-3;
    double beta1 = 0.9, beta2 = 0.95;
    double epsilon = 1e-8;
    double weight_decay = 0.05;
    double clip_norm = 1.0;       // 0: no clipping
    std::string moments = "f32";  // f32, 8bit
    void visit(ConfigVisitor& v);
};

/// A weight that is trained: a leaf tensor, float32 or (with 8-bit moments) bfloat16, whose grad() the
/// backward pass fills.
struct TrainedParameter {
    std::string name;
    at::Tensor value;
    bool decay = true;  // false for norms and biases
};

/// Decay for matrices only: tensors of fewer than two dimensions (norms, biases) go without.
TrainedParameter trained_parameter(std::string name, at::Tensor value);

class AdamW {
public:
    /// Throws BugError when a tensor is no leaf or of another dtype, a name repeats or the list is empty.
    AdamW(std::vector<TrainedParameter> parameters, const AdamWConfig& config);

    /// Divides every gradient by `divisor`, then scales them so that their global L2 norm is at most
    /// `max_norm` (0 or below: no limit); bfloat16 ones are left as they are and scaled where step() reads
    /// them, for they would be rounded again. Returns the norm after the division and before the clipping,
    /// as a 0-dim tensor on the parameters' device, so that the caller decides when to wait for it.
    at::Tensor clip_grad_norm(double max_norm, double divisor = 1.0);

    /// One update; parameters whose grad() is undefined are left alone, moments included.
    void step(double learning_rate);
    void zero_grad();

    std::int64_t steps_done() const { return steps_done_; }
    const std::vector<TrainedParameter>& parameters() const { return parameters_; }

    /// Moments and step counts: "NAME.exp_avg", "NAME.exp_avg_sq", "NAME.step" per parameter (for 8-bit ones
    /// also "NAME.exp_avg_scale", "NAME.exp_avg_sq_scale"), and "steps_done". The tensors share memory with
    /// the optimiser; copy or save them at once.
    TensorMap state() const;
    /// DataError naming the tensor that is missing or has another shape.
    void load_state(const TensorMap& state);

private:
    /// What is remembered of one parameter; `narrow` has no tensors where the moments are float32.
    struct Memory {
        at::Tensor exp_avg, exp_avg_sq, step;
        Moments8 narrow;
    };
    static std::vector<std::pair<std::string, at::Tensor>> tensors_of(const Memory& memory);
    void step_narrow(double learning_rate);

    std::vector<TrainedParameter> parameters_;
    std::vector<Memory> memory_;  // of each parameter
    AdamWConfig config_;
    std::int64_t steps_done_ = 0;
    at::Tensor narrow_scale_;  // of bfloat16 gradients in the next step, 0-dim; undefined: 1
};

}  // namespace linvox
