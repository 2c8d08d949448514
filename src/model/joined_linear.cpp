#include "src/model/joined_linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "src/model/layer_ops.h"

namespace linvox {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The matrices one below the other, in one dtype; a copy unless there is one and it has that dtype.
at::Tensor joined(const at::TensorList& weights, at::ScalarType dtype) {
    if (weights.size() == 1) return weights[0].to(dtype);
    std::int64_t rows = 0;
    for (const at::Tensor& weight : weights) rows += weight.size(0);
    at::Tensor all = at::empty({rows, weights[0].size(1)}, weights[0].options().dtype(dtype));
    std::int64_t first = 0;
    for (const at::Tensor& weight : weights) {
        all.slice(0, first, first + weight.size(0)).copy_(weight);
        first += weight.size(0);
    }
    return all;
}

at::Tensor product(const at::Tensor& x_TI, const at::TensorList& weights,
                   const std::optional<at::Tensor>& bias) {
    return at::linear(x_TI, joined(weights, x_TI.scalar_type()), bias);
}

struct JoinedLinear : torch::autograd::Function<JoinedLinear> {
    // `given` is x, or with of_swiglu what x is the swiglu of.
    static at::Tensor forward(AutogradContext* context, const at::Tensor& given,
                              const std::optional<at::Tensor>& bias, bool of_swiglu, at::TensorList weights) {
        variable_list saved{given};
        saved.insert(saved.end(), weights.begin(), weights.end());
        context->save_for_backward(saved);
        context->saved_data["of_swiglu"] = of_swiglu;
        context->saved_data["biased"] = bias.has_value() && bias->requires_grad();
        return product(of_swiglu ? swiglu_values(given) : given, weights, bias);
    }

    static variable_list backward(AutogradContext* context, variable_list grads) {
        const variable_list saved = context->get_saved_variables();
        const at::Tensor &given = saved[0], grad_TO = grads[0].contiguous();
        const at::TensorList weights(saved.data() + 1, saved.size() - 1);
        const bool of_swiglu = context->saved_data["of_swiglu"].toBool();
        variable_list result(3);
        at::Tensor x_TI = of_swiglu ? at::Tensor() : given;
        if (given.requires_grad()) {
            result[0] = at::mm(grad_TO, joined(weights, grad_TO.scalar_type()));
            if (of_swiglu) {
                x_TI = at::empty_like(result[0]);
                result[0] = swiglu_gradient(given, result[0], x_TI);
            }
        } else if (of_swiglu) {
            x_TI = swiglu_values(given);
        }
        if (context->saved_data["biased"].toBool()) result[1] = grad_TO.sum(0);
        add_weight_gradients(result, weights, grad_TO, x_TI);
        return result;
    }

    static void add_weight_gradients(variable_list& result, const at::TensorList& weights,
                                     const at::Tensor& grad_TO, const at::Tensor& x_TI) {
        const bool all = std::all_of(weights.begin(), weights.end(),
                                     [](const at::Tensor& weight) { return weight.requires_grad(); });
        // One product keeps a GPU busier than several.
        const at::Tensor joined_OI = grad_TO.is_cuda() && all ? at::mm(grad_TO.t(), x_TI) : at::Tensor();
        std::int64_t first = 0;
        for (const at::Tensor& weight : weights) {
            const std::int64_t rows = weight.size(0);
            if (joined_OI.defined())
                result.push_back(joined_OI.slice(0, first, first + rows).to(weight.scalar_type()));
            else if (weight.requires_grad())
                result.push_back(
                    at::mm(grad_TO.slice(1, first, first + rows).t(), x_TI).to(weight.scalar_type()));
            else
                result.emplace_back();
            first += rows;
        }
    }
};

at::Tensor joined_product(const at::Tensor& given, const std::vector<at::Tensor>& weights,
                          const at::Tensor& bias, bool of_swiglu) {
    std::optional<at::Tensor> added;
    if (bias.defined()) added = bias;
    if (at::GradMode::is_enabled())
        return JoinedLinear::apply(given, added, of_swiglu, at::TensorList(weights));
    return product(of_swiglu ? swiglu_values(given) : given, weights, added);
}

}  // namespace

at::Tensor joined_linear(const at::Tensor& x_TI, const std::vector<at::Tensor>& weights_OI,
                         const at::Tensor& bias_O) {
    return joined_product(x_TI, weights_OI, bias_O, false);
}

at::Tensor swiglu_linear(const at::Tensor& gate_up_TW, const at::Tensor& weight_DF) {
    return joined_product(gate_up_TW.contiguous(), {weight_DF}, {}, true);
}

}  // namespace linvox
