#include "src/loss/modifiers.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp_max.h>
#include <fmt/format.h>

#include <cmath>

#include "src/base/error.h"
#include "src/loss/loss_rows.h"

namespace linvox {

at::Tensor map_log_ratio(const at::Tensor& x_B, FDivergence divergence, double alpha) {
    switch (divergence) {
        case FDivergence::reverse_kl:
            return x_B;
        case FDivergence::forward_kl:
            return 1.0 - bounded_exp(-x_B);
        case FDivergence::js:
            return std::log(2.0) - minus_log_sigmoid(x_B);
        case FDivergence::alpha:
            return (bounded_exp((alpha - 1.0) * x_B) - 1.0) / (alpha - 1.0);
    }
    throw BugError("unknown f-divergence");
}

at::Tensor on_policy_pair_weight(const PairExtras& extras, bool clamp) {
    const at::Tensor product_B = (extras.chosen_on_policy * extras.rejected_on_policy).detach();
    return clamp ? at::clamp_max(product_B, 1.0) : product_B;
}

at::Tensor scale_gradient(const at::Tensor& value_B, double factor) {
    // value + 0 rather than a sum of two shares: the value stays the same to the last bit.
    const at::Tensor scaled_B = factor * value_B;
    return value_B.detach() + (scaled_B - scaled_B.detach());
}

double ratio_control_factor(const LossConfig& config, const LossState& state) {
    if (config.ratio_target <= 0 || state.push_ratio <= 0) return 1.0;
    return std::sqrt(config.ratio_target / state.push_ratio);
}

}  // namespace linvox
