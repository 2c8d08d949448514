// residual_norm of layer_ops.h: one autograd node around the kernels of the CPU or of a GPU.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "src/model/composite_ops.h"
#include "src/model/gpu_row_kernels.h"
#include "src/model/kernel_arguments.h"
#include "src/model/layer_ops.h"
#include "src/model/parallel_ranges.h"

namespace linvox {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kPartialRows = 128;  // rows summed into one partial gradient of a norm weight

template <typename Work>
void for_norm_dtypes(at::ScalarType residual, at::ScalarType branch, const Work& work) {
    if (residual == at::kFloat && branch == at::kBFloat16) return work(float{}, at::BFloat16{});
    LINVOX_ASSERT(residual == branch, "a {} residual stream cannot hold {} branches", c10::toString(residual),
                  c10::toString(branch));
    for_dtype(residual, [&](auto zero) { work(zero, zero); });
}

struct NormSettings : torch::CustomClassHolder {
    double epsilon = 0.0;
    DropoutKey dropout;
};

struct ResidualNormFunction : torch::autograd::Function<ResidualNormFunction> {
    /// x_new, y and inverse_rms of contiguous tensors. An undefined x is 0.
    static NormTensors values(const at::Tensor& x, const at::Tensor& branch, const at::Tensor& weight,
                              const NormSettings& settings) {
        NormTensors job{settings.epsilon, settings.dropout, x, branch, weight};
        job.x_new = at::empty(branch.sizes(), weight.options());
        job.y = at::empty_like(branch);
        job.inverse_rms =
            at::empty({branch.size(0)}, weight.options().dtype(arithmetic_type(weight.scalar_type())));
        branch.is_cuda() ? gpu_residual_norm_forward(job) : cpu_forward(job);
        return job;
    }

    static variable_list forward(AutogradContext* context, const std::optional<at::Tensor>& x,
                                 const at::Tensor& branch, const at::Tensor& weight,
                                 const c10::intrusive_ptr<NormSettings>& settings) {
        const NormTensors job = values(x.value_or(at::Tensor()), branch, weight, *settings);
        context->save_for_backward({job.x_new, job.inverse_rms, weight});
        context->saved_data["settings"] = c10::IValue::make_capsule(settings);
        context->saved_data["has_x"] = x.has_value();
        context->saved_data["branch_dtype"] = static_cast<std::int64_t>(branch.scalar_type());
        return {job.x_new, job.y};
    }

    static variable_list backward(AutogradContext* context, variable_list grads) {
        const auto saved = context->get_saved_variables();
        const at::Tensor &x_new = saved[0], &inverse_rms = saved[1], &weight = saved[2];
        const auto settings =
            c10::static_intrusive_pointer_cast<NormSettings>(context->saved_data["settings"].toCapsule());
        const auto branch_dtype = static_cast<at::ScalarType>(context->saved_data["branch_dtype"].toInt());
        const at::Tensor grad_x_new = grads[0].defined() ? grads[0].contiguous() : grads[0];
        const at::Tensor grad_y = grads[1].defined()
                                      ? grads[1].contiguous()
                                      : at::zeros(x_new.sizes(), x_new.options().dtype(branch_dtype));
        const bool distinct = settings->dropout.threshold != 0 || branch_dtype != x_new.scalar_type();
        NormTensors job{settings->epsilon, settings->dropout, {}, {}, weight, x_new, {}, inverse_rms};
        job.grad_y = grad_y;
        job.grad_x_new = grad_x_new;
        job.grad_x = at::empty_like(x_new);
        if (distinct) job.grad_branch = at::empty_like(grad_y);
        const at::Tensor grad_weight = x_new.is_cuda() ? gpu_residual_norm_backward(job) : cpu_backward(job);
        const bool has_x = context->saved_data["has_x"].toBool();
        return {has_x ? job.grad_x : at::Tensor(), distinct ? job.grad_branch : job.grad_x,
                grad_weight.to(weight.scalar_type()), at::Tensor()};
    }

private:
    static void cpu_forward(const NormTensors& given) {
        for_norm_dtypes(
            given.weight.scalar_type(), given.branch.scalar_type(), [&](auto residual, auto product) {
                const auto job = cpu_job<decltype(residual), decltype(product)>(given);
                parallel_ranges(given.branch.size(0), kRowGrain, [&](std::int64_t begin, std::int64_t end) {
                    residual_norm_forward(job, begin, end);
                });
            });
    }

    static at::Tensor cpu_backward(const NormTensors& given) {
        const std::int64_t rows = given.x_new.size(0), width = given.x_new.size(1);
        const std::int64_t blocks = (rows + kPartialRows - 1) / kPartialRows;
        // Partial sums of fixed blocks, added in order: the same gradient with any number of threads.
        at::Tensor partial = at::zeros({blocks, width}, given.inverse_rms.options());
        for_norm_dtypes(
            given.weight.scalar_type(), given.grad_y.scalar_type(), [&](auto residual, auto product) {
                const auto job = cpu_job<decltype(residual), decltype(product)>(given);
                auto* sums = partial.mutable_data_ptr<Accumulator<decltype(residual)>>();
                parallel_ranges(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t b = begin; b < end; ++b)
                        residual_norm_backward(job, b * kPartialRows, std::min(rows, (b + 1) * kPartialRows),
                                               sums + b * width);
                });
            });
        return partial.sum(0);
    }

    template <typename X, typename Y>
    static ResidualNorm<X, Y> cpu_job(const NormTensors& given) {
        ResidualNorm<X, Y> job{given.weight.size(0), given.epsilon, given.dropout};
        job.x = input_pointer<X>(given.x);
        job.branch = input_pointer<Y>(given.branch);
        job.weight = input_pointer<X>(given.weight);
        job.x_new = output_pointer<X>(given.x_new);
        job.y = output_pointer<Y>(given.y);
        job.inverse_rms = output_pointer<Accumulator<X>>(given.inverse_rms);
        job.grad_y = input_pointer<Y>(given.grad_y);
        job.grad_x_new = input_pointer<X>(given.grad_x_new);
        job.grad_x = output_pointer<X>(given.grad_x);
        job.grad_branch = output_pointer<Y>(given.grad_branch);
        return job;
    }
};

}  // namespace

std::pair<at::Tensor, at::Tensor> residual_norm(const at::Tensor& x_TD, const at::Tensor& branch_TD,
                                                const at::Tensor& weight_D, double epsilon,
                                                const DropoutSite& dropout) {
    if (!branch_TD.is_cpu() && !has_gpu_norm(branch_TD))
        return residual_norm_composite(x_TD, branch_TD, weight_D, epsilon, dropout);
    auto settings = c10::make_intrusive<NormSettings>();
    settings->epsilon = epsilon;
    if (dropout.probability > 0.0)
        settings->dropout = dropout_key(dropout.probability, dropout.seed, dropout.place);
    std::optional<at::Tensor> x;
    if (x_TD.defined()) x = x_TD.contiguous();
    const at::Tensor branch = branch_TD.contiguous(), weight = weight_D.contiguous();
    if (!at::GradMode::is_enabled()) {  // decoding calls this often: no node of a graph
        const NormTensors job =
            ResidualNormFunction::values(x.value_or(at::Tensor()), branch, weight, *settings);
        return {job.x_new, job.y};
    }
    const variable_list outputs = ResidualNormFunction::apply(x, branch, weight, settings);
    return {outputs[0], outputs[1]};
}

}  // namespace linvox
