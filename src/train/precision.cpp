#include "src/train/precision.h"

#include <fmt/format.h>

#include "src/model/device.h"
#include "src/model/gpu_module.h"
#include "src/model/torch_compat.h"

namespace linvox {

void visit_precision(ConfigVisitor& v, std::string& precision) {
    v.choice("precision", precision,
             "of the matrix products; auto: bf16 where processor or GPU multiply it faster",
             {"auto", "bf16", "f32"});
}

std::string resolved_precision(const std::string& precision) {
    if (precision != "auto") return precision;
    const bool faster = compute_device().is_cuda() ? gpu_multiplies_bfloat16() : bfloat16_is_faster();
    return faster ? "bf16" : "f32";
}

Compute compute_of(const std::string& precision) {
    return resolved_precision(precision) == "bf16" ? Compute::bfloat16 : Compute::as_weights;
}

void visit_kept_weights(ConfigVisitor& v, std::string& weights) {
    v.choice("weights", weights,
             "bf16: matrices and their gradients take 2 bytes a weight instead of 4, updates are rounded by "
             "chance; needs precision = bf16 and, without adapters, optimiser.moments = 8bit",
             {"f32", "bf16"});
}

std::vector<std::string> kept_weights_problems(const std::string& weights, const std::string& precision,
                                               const std::string& moments, std::int64_t lora_rank,
                                               const std::string& where) {
    std::vector<std::string> problems;
    if (weights != "bf16") return problems;
    if (resolved_precision(precision) != "bf16")
        problems.push_back(fmt::format(
            "{0}.weights = 'bf16' are multiplied in bf16; set {0}.precision to 'bf16' (it is '{1}', which "
            "means {2} here)",
            where, precision, resolved_precision(precision)));
    if (moments != "8bit" && lora_rank == 0)
        problems.push_back(fmt::format(
            "{0}.weights = 'bf16' are updated beside 8-bit moments only; set {0}.optimiser.moments to '8bit'",
            where));
    return problems;
}

}  // namespace linvox
