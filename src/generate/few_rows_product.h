// Products of few rows with a large matrix, as decoding needs them: the time goes into reading the weights
// from memory, so every weight is read once for all rows. CPU only, no gradients.
// T rows (tokens), I inputs, O outputs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace linvox {

/// x_TI weight_OI^T + bias_O as [T, O], in the dtype of all three: float32 or bfloat16. Sums are float32 and
/// rounded once. A row's result depends neither on the other rows nor on the number of threads.
/// `bias_O` may be undefined; weight and bias are contiguous.
at::Tensor few_rows_product(const at::Tensor& x_TI, const at::Tensor& weight_OI, const at::Tensor& bias_O);

/// Whether few_rows_product is the faster way for so many rows; above, compute binds and at::linear is.
bool is_few_rows(std::int64_t rows, at::ScalarType dtype);

}  // namespace linvox
