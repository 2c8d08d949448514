#include "src/model/softmax_range.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace linvox {

bool SoftmaxRange::contains(std::int64_t id) const {
    return is_all() || (id >= begin && id < end) ||
           std::find(extra_ids.begin(), extra_ids.end(), id) != extra_ids.end();
}

at::Tensor softmax_rows(const at::Tensor& head_VD, const SoftmaxRange& range) {
    if (range.is_all()) return head_VD;
    const at::Tensor rows_RD = head_VD.slice(0, range.begin, range.end);
    if (range.extra_ids.empty()) return rows_RD;
    const at::Tensor extra = at::tensor(range.extra_ids).to(head_VD.device());
    return at::cat({rows_RD, head_VD.index_select(0, extra)});
}

at::Tensor softmax_columns(const at::Tensor& label_N, const SoftmaxRange& range) {
    at::Tensor column_N = label_N - range.begin;
    for (std::size_t i = 0; i < range.extra_ids.size(); ++i)
        column_N = column_N.masked_fill(label_N == range.extra_ids[i],
                                        range.end - range.begin + static_cast<std::int64_t>(i));
    return column_N;
}

std::string describe(const SoftmaxRange& range) {
    const std::string ids = fmt::format("{}:{}", range.begin, range.end);
    return range.extra_ids.empty() ? ids : fmt::format("{}+{}", ids, fmt::join(range.extra_ids, ","));
}

}  // namespace linvox
