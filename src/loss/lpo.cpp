// The LPO family (arXiv 2508.14947), written from its formulas.
//
// All four are 4 beta |u - m| with m = 1/(2 beta), computed as 2 |2 beta u - 1|: the same number, and
// exactly 2 at the reference for every beta, r1 and r2.
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/sigmoid.h>

#include "src/loss/loss_rows.h"

namespace linvox {
namespace {

using enum LossOption;

// abs has gradient 0 at the kink, as the family is defined.
at::Tensor distance_to_target(const at::Tensor& u, const ResolvedTerm& o) {
    return 2.0 * at::abs(2.0 * o[beta] * u - 1.0);
}

}  // namespace

at::Tensor loss_lpo(const PairInputs& in, const ResolvedTerm& o) {
    return distance_to_target(in.x1 - in.x2, o);
}

at::Tensor loss_lpo_r(const PairInputs& in, const ResolvedTerm& o) {
    return distance_to_target(o[r1] * in.x1 - o[r2] * in.x2, o);
}

// lerp, not a weighted sum: both ends have the value of `lpo`, so the result has it to the last bit.
at::Tensor loss_lpo_ste(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor by_chosen = distance_to_target(in.x1 - in.x2.detach(), o);
    const at::Tensor by_rejected = distance_to_target(in.x1.detach() - in.x2, o);
    return at::lerp(by_rejected, by_chosen, o[r1] / (o[r1] + o[r2]));
}

// Published with r1 = 1, r2 = e^x2 / e^x1, which is 0/0 in float32 on sums; the logistic of the margin is
// the same weight and always finite.
at::Tensor loss_lpo_ste_dynamic(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor by_chosen = distance_to_target(in.x1 - in.x2.detach(), o);
    const at::Tensor by_rejected = distance_to_target(in.x1.detach() - in.x2, o);
    return at::lerp(by_rejected, by_chosen, at::sigmoid((in.x1 - in.x2).detach()));
}

}  // namespace linvox
