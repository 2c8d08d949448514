// Tensors as kernels of gpu_module.h take them.
#pragma once

#include <ATen/core/Tensor.h>

#include "src/model/gpu_module.h"

namespace linvox {

/// The type of a tensor's values as kernels name it; BugError for one that they do not know.
const char* gpu_type(const at::Tensor& tensor);

/// Its memory on the GPU, null where it is undefined. Kernels declare which they write.
inline void* gpu_pointer(const at::Tensor& tensor) {
    return tensor.defined() ? const_cast<void*>(tensor.const_data_ptr()) : nullptr;
}

/// The kernels of gpu_kernels.cu.
const GpuModule& decoder_kernels();

}  // namespace linvox
