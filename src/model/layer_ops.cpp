#include "src/model/layer_ops.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "src/model/composite_ops.h"
#include "src/model/flash_attention.h"
#include "src/model/gpu_row_kernels.h"
#include "src/model/kernel_arguments.h"
#include "src/model/parallel_ranges.h"
#include "src/model/plan_holder.h"
#include "src/model/row_kernels.h"

namespace linvox {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// ---- attention

template <typename T>
PackedAttention<T, Accumulator<T>> attention_job(const AttentionPlan& plan, const at::Tensor& qkv,
                                                 const at::Tensor& out, const at::Tensor& log_sum_exp) {
    using A = Accumulator<T>;
    PackedAttention<T, A> job{plan.heads, plan.kv_heads, plan.head_dim, plan.segments};
    job.qkv = input_pointer<T>(qkv);
    job.position = input_pointer<std::int64_t>(plan.position_T);
    job.cosine = input_pointer<A>(plan.cosine_PH);
    job.sine = input_pointer<A>(plan.sine_PH);
    job.out = output_pointer<T>(out);
    job.log_sum_exp = output_pointer<A>(log_sum_exp);
    return job;
}

struct AttentionFunction : Function<AttentionFunction> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv,
                              const c10::intrusive_ptr<PlanHolder>& holder) {
        const AttentionPlan& plan = *holder->plan;
        at::Tensor out = at::empty({qkv.size(0), plan.heads * plan.head_dim}, qkv.options());
        at::Tensor log_sum_exp =
            at::empty({qkv.size(0), plan.heads}, qkv.options().dtype(arithmetic_type(qkv.scalar_type())));
        for_dtype(qkv.scalar_type(), [&](auto zero) {
            const auto job = attention_job<decltype(zero)>(plan, qkv, out, log_sum_exp);
            parallel_items(
                static_cast<std::int64_t>(plan.groups.size()) * plan.kv_heads, [&](std::int64_t item) {
                    attention_forward(job, plan.groups[item / plan.kv_heads], item % plan.kv_heads);
                });
        });
        context->save_for_backward({qkv, out, log_sum_exp});
        context->saved_data["plan"] = c10::IValue::make_capsule(holder);
        return out;
    }

    static variable_list backward(AutogradContext* context, variable_list grads) {
        const auto saved = context->get_saved_variables();
        const auto holder =
            c10::static_intrusive_pointer_cast<PlanHolder>(context->saved_data["plan"].toCapsule());
        const AttentionPlan& plan = *holder->plan;
        const at::Tensor grad_out = grads[0].contiguous();
        at::Tensor grad_qkv = at::empty_like(saved[0]);
        for_dtype(grad_qkv.scalar_type(), [&](auto zero) {
            using T = decltype(zero);
            auto job = attention_job<T>(plan, saved[0], saved[1], saved[2]);
            job.grad_out = input_pointer<T>(grad_out);
            job.grad_qkv = grad_qkv.mutable_data_ptr<T>();
            parallel_items(
                static_cast<std::int64_t>(plan.groups.size()) * plan.kv_heads, [&](std::int64_t item) {
                    attention_backward(job, plan.groups[item / plan.kv_heads], item % plan.kv_heads);
                });
        });
        return {grad_qkv, at::Tensor()};
    }
};

// ---- SwiGLU

struct SwiGluFunction : Function<SwiGluFunction> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& gate_up) {
        context->save_for_backward({gate_up});
        return swiglu_values(gate_up);
    }

    static variable_list backward(AutogradContext* context, variable_list grads) {
        return {swiglu_gradient(context->get_saved_variables()[0], grads[0].contiguous())};
    }
};

// ---- recomputation

struct FunctionHolder : torch::CustomClassHolder {
    explicit FunctionHolder(TensorFunction held) : function(std::move(held)) {}
    TensorFunction function;
};

struct RecomputedFunction : Function<RecomputedFunction> {
    static variable_list forward(AutogradContext* context, const c10::intrusive_ptr<FunctionHolder>& holder,
                                 at::TensorList inputs) {
        context->save_for_backward(inputs.vec());
        context->saved_data["function"] = c10::IValue::make_capsule(holder);
        return holder->function(inputs.vec());
    }

    static variable_list backward(AutogradContext* context, variable_list grads) {
        const auto holder =
            c10::static_intrusive_pointer_cast<FunctionHolder>(context->saved_data["function"].toCapsule());
        variable_list inputs, wanted;
        for (const at::Tensor& saved : context->get_saved_variables()) {
            at::Tensor input = saved.detach();
            if (saved.requires_grad()) wanted.push_back(input.requires_grad_(true));
            inputs.push_back(input);
        }
        variable_list outputs, output_grads;
        {
            const at::AutoGradMode enable(true);
            const variable_list all = holder->function(inputs);
            for (std::size_t i = 0; i < all.size(); ++i)
                if (grads[i].defined()) {
                    outputs.push_back(all[i]);
                    output_grads.push_back(grads[i]);
                }
        }
        const variable_list found =
            torch::autograd::grad(outputs, wanted, output_grads, std::nullopt, false, true);
        variable_list result{at::Tensor()};
        std::size_t next = 0;
        for (const at::Tensor& input : inputs)
            result.push_back(input.requires_grad() ? found[next++] : at::Tensor());
        return result;
    }
};

}  // namespace

at::Tensor packed_attention(const at::Tensor& qkv_TW, const std::shared_ptr<const AttentionPlan>& plan) {
    if (plan->gathering) return flash_attention(qkv_TW, plan);
    if (!qkv_TW.is_cpu()) return packed_attention_composite(qkv_TW, *plan);
    return AttentionFunction::apply(qkv_TW.contiguous(), c10::make_intrusive<PlanHolder>(plan));
}

at::Tensor swiglu(const at::Tensor& gate_up_TW) {
    if (!has_swiglu_kernels(gate_up_TW)) return swiglu_composite(gate_up_TW);
    return SwiGluFunction::apply(gate_up_TW.contiguous());
}

bool has_swiglu_kernels(const at::Tensor& gate_up_TW) {
    return gate_up_TW.is_cpu() || has_gpu_kernels(gate_up_TW);
}

at::Tensor swiglu_values(const at::Tensor& gate_up_TW) {
    const std::int64_t rows = gate_up_TW.size(0), width = gate_up_TW.size(1) / 2;
    at::Tensor out = at::empty({rows, width}, gate_up_TW.options());
    if (out.is_cuda()) {
        gpu_swiglu_forward(gate_up_TW, out);
        return out;
    }
    for_dtype(gate_up_TW.scalar_type(), [&](auto zero) {
        using T = decltype(zero);
        const SwiGlu<T> job{width, input_pointer<T>(gate_up_TW), out.mutable_data_ptr<T>()};
        parallel_ranges(rows, kRowGrain,
                        [&](std::int64_t begin, std::int64_t end) { swiglu_forward(job, begin, end); });
    });
    return out;
}

at::Tensor swiglu_gradient(const at::Tensor& gate_up_TW, const at::Tensor& grad_TF, at::Tensor values_TF) {
    at::Tensor grad_gate_up = at::empty_like(gate_up_TW);
    if (grad_gate_up.is_cuda()) {
        gpu_swiglu_backward(gate_up_TW, grad_TF, grad_gate_up, values_TF);
        return grad_gate_up;
    }
    for_dtype(gate_up_TW.scalar_type(), [&](auto zero) {
        using T = decltype(zero);
        const SwiGlu<T> job{gate_up_TW.size(1) / 2, input_pointer<T>(gate_up_TW),
                            values_TF.defined() ? values_TF.mutable_data_ptr<T>() : nullptr,
                            input_pointer<T>(grad_TF), grad_gate_up.mutable_data_ptr<T>()};
        parallel_ranges(gate_up_TW.size(0), kRowGrain,
                        [&](std::int64_t begin, std::int64_t end) { swiglu_backward(job, begin, end); });
    });
    return grad_gate_up;
}

std::vector<at::Tensor> recomputed(const TensorFunction& function, const std::vector<at::Tensor>& inputs) {
    if (!at::GradMode::is_enabled()) return function(inputs);
    // Autograd takes defined tensors only; the others are put back at their places inside.
    std::vector<at::Tensor> defined;
    for (const at::Tensor& input : inputs)
        if (input.defined()) defined.push_back(input);
    std::vector<bool> present;
    for (const at::Tensor& input : inputs) present.push_back(input.defined());
    auto holder =
        c10::make_intrusive<FunctionHolder>([function, present](const std::vector<at::Tensor>& given) {
            std::vector<at::Tensor> all(present.size());
            std::size_t next = 0;
            for (std::size_t i = 0; i < all.size(); ++i)
                if (present[i]) all[i] = given[next++];
            return function(all);
        });
    return RecomputedFunction::apply(holder, at::TensorList(defined));
}

}  // namespace linvox
