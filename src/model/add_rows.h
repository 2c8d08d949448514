// Sums of rows by index, without a wait for the device.
#pragma once

#include <ATen/core/Tensor.h>

namespace linvox {

/// sum[index[n]] += rows[n], in place; differentiable in `rows`. As index_add_, whose deterministic form on a
/// GPU reads the indices back first to check them: here they must be in range.
void add_rows(at::Tensor& sum, const at::Tensor& index_N, const at::Tensor& rows);

}  // namespace linvox
