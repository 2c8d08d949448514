#include "src/model/add_rows.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/List.h>
#include <ATen/ops/_index_put_impl.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

namespace linvox {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct TakeRows : torch::autograd::Function<TakeRows> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& source, const at::Tensor& index_N) {
        context->save_for_backward({index_N});
        context->saved_data["shape"] = source.sizes().vec();
        return source.index_select(0, index_N);
    }
    static variable_list backward(AutogradContext* context, variable_list grads) {
        at::Tensor sum = at::zeros(context->saved_data["shape"].toIntVector(), grads[0].options());
        add_rows(sum, context->get_saved_variables()[0], grads[0]);
        return {sum, at::Tensor()};
    }
};

}  // namespace

void add_rows(at::Tensor& sum, const at::Tensor& index_N, const at::Tensor& rows) {
    if (!sum.is_cuda()) {
        sum.index_add_(0, index_N, rows);
        return;
    }
    const c10::List<std::optional<at::Tensor>> places({std::optional<at::Tensor>(index_N)});
    at::_index_put_impl_(sum, places, rows.to(sum.scalar_type()), /*accumulate=*/true, /*unsafe=*/true);
}

at::Tensor take_rows(const at::Tensor& source, const at::Tensor& index_N) {
    return TakeRows::apply(source, index_N);
}

}  // namespace linvox
