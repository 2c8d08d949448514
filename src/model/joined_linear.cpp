#include "src/model/joined_linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "src/model/layer_ops.h"

namespace linvox {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The parts as one tensor where they lie one behind the other in one storage; else undefined.
at::Tensor as_one(at::TensorList parts) {
    std::vector<std::int64_t> shape = parts[0].sizes().vec();
    std::int64_t next = parts[0].storage_offset(), rows = 0;
    for (const at::Tensor& part : parts) {
        if (!part.is_contiguous() || part.scalar_type() != parts[0].scalar_type() ||
            !part.storage().is_alias_of(parts[0].storage()) || part.storage_offset() != next)
            return {};
        next += part.numel();
        rows += part.size(0);
    }
    shape[0] = rows;
    return at::as_strided(parts[0], shape, parts[0].strides());
}

at::Tensor product(const at::Tensor& x_TI, at::TensorList weights, at::TensorList biases) {
    std::optional<at::Tensor> bias_O;
    if (!biases.empty()) bias_O = joined_rows(biases, x_TI.scalar_type());
    return at::linear(x_TI, joined_rows(weights, x_TI.scalar_type()), bias_O);
}

bool any_trained(at::TensorList tensors) {
    return std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& t) { return t.requires_grad(); });
}

bool all_trained(at::TensorList tensors) {
    return std::all_of(tensors.begin(), tensors.end(), [](const at::Tensor& t) { return t.requires_grad(); });
}

struct JoinedLinear : torch::autograd::Function<JoinedLinear> {
    // `given` is x, or with of_swiglu what x is the swiglu of. The last `bias_count` parameters are biases.
    static at::Tensor forward(AutogradContext* context, const at::Tensor& given, bool of_swiglu,
                              std::int64_t bias_count, at::TensorList parameters) {
        variable_list saved{given};
        saved.insert(saved.end(), parameters.begin(), parameters.end());
        context->save_for_backward(saved);
        context->saved_data["of_swiglu"] = of_swiglu;
        context->saved_data["bias_count"] = bias_count;
        const std::size_t matrices = parameters.size() - static_cast<std::size_t>(bias_count);
        return product(of_swiglu ? swiglu_values(given) : given, parameters.slice(0, matrices),
                       parameters.slice(matrices));
    }

    static variable_list backward(AutogradContext* context, variable_list grads) {
        const variable_list saved = context->get_saved_variables();
        const at::Tensor &given = saved[0], grad_TO = grads[0].contiguous();
        const at::TensorList parameters(saved.data() + 1, saved.size() - 1);
        const std::size_t matrices =
            parameters.size() - static_cast<std::size_t>(context->saved_data["bias_count"].toInt());
        const at::TensorList weights = parameters.slice(0, matrices);
        const bool of_swiglu = context->saved_data["of_swiglu"].toBool();
        variable_list result(3);
        at::Tensor x_TI = of_swiglu ? at::Tensor() : given;
        if (given.requires_grad()) {
            result[0] = at::mm(grad_TO, joined_rows(weights, grad_TO.scalar_type()));
            if (of_swiglu) {
                x_TI = at::empty_like(result[0]);
                result[0] = swiglu_gradient(given, result[0], x_TI);
            }
        } else if (of_swiglu) {
            x_TI = swiglu_values(given);
        }
        add_weight_gradients(result, weights, grad_TO, x_TI);
        add_bias_gradients(result, parameters.slice(matrices), grad_TO);
        return result;
    }

    static void add_weight_gradients(variable_list& result, at::TensorList weights, const at::Tensor& grad_TO,
                                     const at::Tensor& x_TI) {
        // One product keeps a GPU busier than several.
        const bool at_once = grad_TO.is_cuda() && all_trained(weights);
        const at::Tensor joined_OI = at_once ? at::mm(grad_TO.t(), x_TI) : at::Tensor();
        std::int64_t first = 0;
        for (const at::Tensor& weight : weights) {
            const std::int64_t end = first + weight.size(0);
            if (at_once)
                result.push_back(joined_OI.slice(0, first, end).to(weight.scalar_type()));
            else if (weight.requires_grad())
                result.push_back(at::mm(grad_TO.slice(1, first, end).t(), x_TI).to(weight.scalar_type()));
            else
                result.emplace_back();
            first = end;
        }
    }

    static void add_bias_gradients(variable_list& result, at::TensorList biases, const at::Tensor& grad_TO) {
        at::Tensor sum_O;
        if (any_trained(biases))  // a GPU widens as it adds
            sum_O =
                grad_TO.is_cuda() ? at::sum(grad_TO, {0}, false, biases[0].scalar_type()) : grad_TO.sum(0);
        std::int64_t first = 0;
        for (const at::Tensor& bias : biases) {
            const std::int64_t end = first + bias.size(0);
            if (bias.requires_grad())
                result.push_back(sum_O.slice(0, first, end).to(bias.scalar_type()));
            else
                result.emplace_back();
            first = end;
        }
    }
};

at::Tensor joined_product(const at::Tensor& given, const std::vector<at::Tensor>& weights,
                          at::TensorList biases, bool of_swiglu) {
    if (!biases.empty() && !biases[0].defined()) biases = {};
    if (!at::GradMode::is_enabled())
        return product(of_swiglu ? swiglu_values(given) : given, weights, biases);
    std::vector<at::Tensor> parameters = weights;
    parameters.insert(parameters.end(), biases.begin(), biases.end());
    return JoinedLinear::apply(given, of_swiglu, static_cast<std::int64_t>(biases.size()),
                               at::TensorList(parameters));
}

}  // namespace

at::Tensor joined_rows(at::TensorList parts, at::ScalarType dtype) {
    if (parts.size() == 1) return parts[0].to(dtype);
    if (const at::Tensor whole = as_one(parts); whole.defined()) return whole.to(dtype);
    std::vector<std::int64_t> shape = parts[0].sizes().vec();
    shape[0] = 0;
    for (const at::Tensor& part : parts) shape[0] += part.size(0);
    at::Tensor all = at::empty(shape, parts[0].options().dtype(dtype).requires_grad(false));
    std::int64_t first = 0;
    for (const at::Tensor& part : parts) {
        all.slice(0, first, first + part.size(0)).copy_(part);
        first += part.size(0);
    }
    return all;
}

void lay_together(const std::vector<at::Tensor*>& parts) {
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> given;
    for (const at::Tensor* part : parts) {
        if (!part->defined() || part->scalar_type() != parts[0]->scalar_type()) return;
        given.push_back(part->detach());
    }
    if (as_one(given).defined()) return;
    const at::Tensor whole = joined_rows(given, given[0].scalar_type());
    std::int64_t first = 0;
    for (at::Tensor* part : parts) {
        const std::int64_t end = first + part->size(0);
        *part = whole.slice(0, first, end).detach();
        first = end;
    }
}

at::Tensor joined_linear(const at::Tensor& x_TI, const std::vector<at::Tensor>& weights_OI,
                         at::TensorList biases_O) {
    return joined_product(x_TI, weights_OI, biases_O, false);
}

at::Tensor swiglu_linear(const at::Tensor& gate_up_TW, const at::Tensor& weight_DF) {
    return joined_product(gate_up_TW.contiguous(), {weight_DF}, {}, true);
}

}  // namespace linvox
