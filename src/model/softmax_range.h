// The ids that a softmax runs over where not the whole vocabulary may be predicted: codec tokens and what
// ends an answer. V vocabulary, R ids of the range, N labels, D hidden size.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace linvox {

struct SoftmaxRange {
    std::int64_t begin = 0, end = 0;      // half-open; 0, 0: all ids
    std::vector<std::int64_t> extra_ids;  // ids outside it that join: stop ids; none where it is all ids

    bool is_all() const { return begin == 0 && end == 0; }
    bool contains(std::int64_t id) const;
    bool operator==(const SoftmaxRange&) const = default;
};

/// The rows [R, D] of a vocabulary head that belong to the range, those of extra_ids last. A view without
/// extra_ids.
at::Tensor softmax_rows(const at::Tensor& head_VD, const SoftmaxRange& range);

/// Where labels stand among those rows; for labels in the range only.
at::Tensor softmax_columns(const at::Tensor& label_N, const SoftmaxRange& range);

/// "128264:193800" or "128264:193800+128009,128261": the identity of scores.
std::string describe(const SoftmaxRange& range);

}  // namespace linvox
