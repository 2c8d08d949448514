#include "src/train/precision.h"

#include "src/model/torch_compat.h"

namespace linvox {

void visit_precision(ConfigVisitor& v, std::string& precision) {
    v.choice(
        "precision", precision,
        "of the matrix products, weights stay float32; auto: bf16 where the processor multiplies it faster",
        {"auto", "bf16", "f32"});
}

std::string resolved_precision(const std::string& precision) {
    if (precision != "auto") return precision;
    return bfloat16_is_faster() ? "bf16" : "f32";
}

Compute compute_of(const std::string& precision) {
    return resolved_precision(precision) == "bf16" ? Compute::bfloat16 : Compute::as_weights;
}

}  // namespace linvox
