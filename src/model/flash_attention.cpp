#include "src/model/flash_attention.h"

#include <ATen/Context.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "src/model/device.h"
#include "src/model/gpu_types.h"
#include "src/model/plan_holder.h"

namespace linvox {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr unsigned kThreads = 128;

template <typename T>
at::Tensor placed(const std::vector<T>& values, at::Device device) {
    at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())},
                                  at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
    std::copy(values.begin(), values.end(), tensor.template mutable_data_ptr<T>());
    return on_device(tensor, device);
}

/// Queries [T, heads, head_dim], keys and values [K, kv_heads, head_dim].
struct Turned {
    at::Tensor q, k, v;
};

/// Values that a thread reads at once; half a head must divide.
int pack_of(const AttentionPlan& plan) { return plan.head_dim % 8 == 0 ? 4 : 1; }

Turned turn(const at::Tensor& qkv_TW, const AttentionPlan& plan) {
    const KeyGathering& gathering = *plan.gathering;
    const std::int64_t tokens = qkv_TW.size(0), keys = gathering.row_K.size(0);
    Turned turned{at::empty({tokens, plan.heads, plan.head_dim}, qkv_TW.options()),
                  at::empty({keys, plan.kv_heads, plan.head_dim}, qkv_TW.options()),
                  at::empty({keys, plan.kv_heads, plan.head_dim}, qkv_TW.options())};
    decoder_kernels().launch(fmt::format("rotate_gather<{}, {}>", gpu_type(qkv_TW), pack_of(plan)),
                             tokens + keys, kThreads, gpu_pointer(qkv_TW), gpu_pointer(plan.position_T),
                             gpu_pointer(plan.cosine_PH), gpu_pointer(plan.sine_PH),
                             gpu_pointer(gathering.row_K), gpu_pointer(turned.q), gpu_pointer(turned.k),
                             gpu_pointer(turned.v), tokens, static_cast<int>(plan.heads),
                             static_cast<int>(plan.kv_heads), static_cast<int>(plan.head_dim));
    return turned;
}

at::Tensor turn_back(const Turned& grad, const AttentionPlan& plan) {
    const KeyGathering& gathering = *plan.gathering;
    const std::int64_t tokens = grad.q.size(0);
    at::Tensor grad_qkv =
        at::empty({tokens, (plan.heads + 2 * plan.kv_heads) * plan.head_dim}, grad.q.options());
    decoder_kernels().launch(
        fmt::format("rotate_gather_backward<{}, {}>", gpu_type(grad_qkv), pack_of(plan)), tokens, kThreads,
        gpu_pointer(grad.q), gpu_pointer(grad.k), gpu_pointer(grad.v), gpu_pointer(plan.position_T),
        gpu_pointer(plan.cosine_PH), gpu_pointer(plan.sine_PH), gpu_pointer(gathering.copy_begin_T1),
        gpu_pointer(gathering.copy_K), gpu_pointer(grad_qkv), static_cast<int>(plan.heads),
        static_cast<int>(plan.kv_heads), static_cast<int>(plan.head_dim));
    return grad_qkv;
}

/// Flash attention adds the queries' gradients in any order unless it must not; asked to warn only, as
/// configure_device asks, it takes the liberty.
class InOneOrder {
public:
    InOneOrder() { at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false); }
    ~InOneOrder() { at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true); }
    InOneOrder(const InOneOrder&) = delete;
    InOneOrder& operator=(const InOneOrder&) = delete;
};

struct FlashFunction : torch::autograd::Function<FlashFunction> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv,
                              const c10::intrusive_ptr<PlanHolder>& holder) {
        const AttentionPlan& plan = *holder->plan;
        const KeyGathering& gathering = *plan.gathering;
        const Turned turned = turn(qkv, plan);
        // Causal, the last query beside the last key: a branch sees its whole prompt.
        const auto [out, log_sum_exp, random, unused, mask] = at::_flash_attention_forward(
            turned.q, turned.k, turned.v, gathering.query_begin_S1, gathering.key_begin_S1,
            gathering.longest_query, gathering.longest_key, /*dropout_p=*/0.0, /*is_causal=*/true,
            /*return_debug_mask=*/false);
        context->save_for_backward({turned.q, turned.k, turned.v, out, log_sum_exp, random, unused});
        context->saved_data["plan"] = c10::IValue::make_capsule(holder);
        return out.view({qkv.size(0), plan.heads * plan.head_dim});
    }

    static variable_list backward(AutogradContext* context, variable_list grads) {
        const auto saved = context->get_saved_variables();
        const auto holder =
            c10::static_intrusive_pointer_cast<PlanHolder>(context->saved_data["plan"].toCapsule());
        const KeyGathering& gathering = *holder->plan->gathering;
        const InOneOrder in_one_order;
        const auto [grad_q, grad_k, grad_v] = at::_flash_attention_backward(
            grads[0].contiguous().view(saved[0].sizes()), saved[0], saved[1], saved[2], saved[3], saved[4],
            gathering.query_begin_S1, gathering.key_begin_S1, gathering.longest_query, gathering.longest_key,
            /*dropout_p=*/0.0, /*is_causal=*/true, saved[5], saved[6]);
        return {turn_back({grad_q.contiguous(), grad_k.contiguous(), grad_v.contiguous()}, *holder->plan),
                at::Tensor()};
    }
};

}  // namespace

std::shared_ptr<const KeyGathering> gather_keys(const std::vector<Segment>& segments, std::int64_t tokens,
                                                at::Device device) {
    std::vector<std::int32_t> query_begin{0}, key_begin{0};
    std::vector<std::int64_t> row, copies(static_cast<std::size_t>(tokens) + 1, 0);
    auto gathering = std::make_shared<KeyGathering>();
    for (const Segment& segment : segments) {
        const std::size_t before = row.size();
        for (std::int64_t t = segment.prompt_begin; t < segment.prompt_end; ++t) row.push_back(t);
        for (std::int64_t t = segment.begin; t < segment.end; ++t) row.push_back(t);
        query_begin.push_back(static_cast<std::int32_t>(segment.end));
        key_begin.push_back(static_cast<std::int32_t>(row.size()));
        gathering->longest_query = std::max(gathering->longest_query, segment.end - segment.begin);
        gathering->longest_key =
            std::max(gathering->longest_key, static_cast<std::int64_t>(row.size() - before));
    }
    for (const std::int64_t t : row) ++copies[static_cast<std::size_t>(t) + 1];
    for (std::size_t t = 1; t < copies.size(); ++t) copies[t] += copies[t - 1];
    std::vector<std::int64_t> next(copies.begin(), copies.end() - 1), copy(row.size());
    for (std::size_t k = 0; k < row.size(); ++k)
        copy[static_cast<std::size_t>(next[static_cast<std::size_t>(row[k])]++)] =
            static_cast<std::int64_t>(k);
    gathering->query_begin_S1 = placed(query_begin, device);
    gathering->key_begin_S1 = placed(key_begin, device);
    gathering->row_K = placed(row, device);
    gathering->copy_begin_T1 = placed(copies, device);
    gathering->copy_K = placed(copy, device);
    return gathering;
}

bool has_flash_attention(at::Device device, at::ScalarType product, std::int64_t head_dim) {
    return device.is_cuda() && product == at::kBFloat16 && head_dim % 8 == 0 && head_dim <= 256 &&
           gpu_multiplies_bfloat16();
}

at::Tensor flash_attention(const at::Tensor& qkv_TW, const std::shared_ptr<const AttentionPlan>& plan) {
    return FlashFunction::apply(qkv_TW.contiguous(), c10::make_intrusive<PlanHolder>(plan));
}

}  // namespace linvox
