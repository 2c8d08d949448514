// Tensors as the CPU kernels of this folder take them: pointers of a type chosen at run time.
#pragma once

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <cstdint>

#include "src/base/error.h"

namespace linvox {

inline constexpr std::int64_t kRowGrain = 64;  // rows a thread takes at least

/// Null where it is undefined.
template <typename T>
const T* input_pointer(const at::Tensor& tensor) {
    return tensor.defined() ? tensor.const_data_ptr<T>() : nullptr;
}

/// Of a tensor that this file has made, or one that backward only reads.
template <typename T>
T* output_pointer(const at::Tensor& tensor) {
    return const_cast<T*>(input_pointer<T>(tensor));
}

template <typename Work>
void for_dtype(at::ScalarType type, const Work& work) {
    if (type == at::kFloat) return work(float{});
    if (type == at::kDouble) return work(double{});
    if (type == at::kBFloat16) return work(at::BFloat16{});
    throw BugError(fmt::format("no CPU kernel of the decoder computes in {}", c10::toString(type)));
}

inline at::ScalarType arithmetic_type(at::ScalarType type) {
    return type == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace linvox
