// Large pages for weights that every step reads from end to end.
#pragma once

#include <ATen/core/Tensor.h>

namespace linvox {

/// Asks Linux (6.1 or later) to gather the tensor's memory in pages of 2 MiB: fewer address translations, up
/// to a tenth more bandwidth. Values do not change; where the system cannot, nothing happens.
void use_huge_pages(const at::Tensor& tensor);

}  // namespace linvox
