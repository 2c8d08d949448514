// Large pages for weights that every step reads from end to end.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace linvox {

/// Replaces the tensors by contiguous copies that lie one behind the other in memory of 2 MiB pages, where
/// the system has them: fewer address translations, and none of the small pages of a mapped file. Less than 8
/// MiB in all, or tensors of another device, are left as they are.
void move_to_huge_pages(const std::vector<at::Tensor*>& tensors);

}  // namespace linvox
