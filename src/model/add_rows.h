// Rows by index, summed and taken, without a wait for the device: the deterministic forms of index_add and of
// index_select's gradient read the indices back from a GPU to check them. Here they must be in range.
#pragma once

#include <ATen/core/Tensor.h>

namespace linvox {

/// sum[index[n]] += rows[n], in place; differentiable in `rows`.
void add_rows(at::Tensor& sum, const at::Tensor& index_N, const at::Tensor& rows);

/// source.index_select(0, index).
at::Tensor take_rows(const at::Tensor& source, const at::Tensor& index_N);

}  // namespace linvox
