#include "src/model/add_rows.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/List.h>
#include <ATen/ops/_index_put_impl.h>

namespace linvox {

void add_rows(at::Tensor& sum, const at::Tensor& index_N, const at::Tensor& rows) {
    if (!sum.is_cuda()) {
        sum.index_add_(0, index_N, rows);
        return;
    }
    const c10::List<std::optional<at::Tensor>> places({std::optional<at::Tensor>(index_N)});
    at::_index_put_impl_(sum, places, rows.to(sum.scalar_type()), /*accumulate=*/true, /*unsafe=*/true);
}

}  // namespace linvox
