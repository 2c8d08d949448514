#include "src/model/gpu_types.h"

#include "src/base/error.h"
#include "src/model/gpu_sources.h"

namespace linvox {

const char* gpu_type(const at::Tensor& tensor) {
    switch (tensor.scalar_type()) {
        case at::kFloat:
            return "float";
        case at::kDouble:
            return "double";
        case at::kBFloat16:
            return "bf16";
        default:
            throw BugError(std::string("no GPU kernel computes in ") + c10::toString(tensor.scalar_type()));
    }
}

const GpuModule& decoder_kernels() {
    static const GpuModule module(gpu_kernels_source);
    return module;
}

}  // namespace linvox
