#include "src/model/composite_ops.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>

#include "src/model/row_kernels.h"

namespace linvox {
namespace {

/// 0 or 1/(1-p) per element: the CPU kernels' hash in 64-bit integers, of which 32 bits count.
at::Tensor dropout_scale(const at::Tensor& like, const DropoutKey& key) {
    constexpr std::int64_t low = 0xffffffff;
    const auto mix = [](const at::Tensor& h, int shift) {
        return h.bitwise_xor(h.bitwise_right_shift(shift));
    };
    at::Tensor h = at::arange(like.numel(), like.options().dtype(at::kLong));
    h = (h.bitwise_xor(static_cast<std::int64_t>(key.first)) * 0x9e3779b1LL).bitwise_and(low);
    h = (mix(h, 16).bitwise_xor(static_cast<std::int64_t>(key.second)) * 0x85ebca6bLL).bitwise_and(low);
    h = (mix(h, 13) * 0xc2b2ae35LL).bitwise_and(low);
    const at::Tensor keep = mix(h, 16).ge(static_cast<std::int64_t>(key.threshold)).view(like.sizes());
    return keep.to(like.scalar_type()) * (1.0 / (1.0 - static_cast<double>(key.threshold) * 0x1.0p-32));
}

/// Turns the pairs (j, j + head_dim/2) of [T, heads, head_dim] by the tokens' angles.
at::Tensor rotate(const at::Tensor& x_THE, const at::Tensor& cosine_T1E, const at::Tensor& sine_T1E) {
    const auto halves = x_THE.chunk(2, -1);
    return at::cat(
        {halves[0] * cosine_T1E - halves[1] * sine_T1E, halves[1] * cosine_T1E + halves[0] * sine_T1E}, -1);
}

/// [1, heads, rows, head_dim] of rows [begin, end), key heads repeated for their queries.
at::Tensor head_rows(const at::Tensor& x_THE, std::int64_t begin, std::int64_t end, std::int64_t repeats) {
    at::Tensor rows = x_THE.slice(0, begin, end).transpose(0, 1);
    if (repeats > 1) rows = rows.repeat_interleave(repeats, 0);
    return rows.unsqueeze(0);
}

}  // namespace

std::pair<at::Tensor, at::Tensor> residual_norm_composite(const at::Tensor& x_TD, const at::Tensor& branch_TD,
                                                          const at::Tensor& weight_D, double epsilon,
                                                          const DropoutSite& dropout) {
    at::Tensor x_new = branch_TD.to(weight_D.scalar_type());
    if (dropout.probability > 0.0)
        x_new = x_new * dropout_scale(x_new, dropout_key(dropout.probability, dropout.seed, dropout.place));
    if (x_TD.defined()) x_new = x_TD + x_new;
    const auto wide = x_new.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor x = x_new.to(wide);
    const at::Tensor unit = x * at::rsqrt((x * x).mean(-1, true) + epsilon);
    return {x_new, (unit * weight_D.to(wide)).to(branch_TD.scalar_type())};
}

at::Tensor packed_attention_composite(const at::Tensor& qkv_TW, const AttentionPlan& plan) {
    const std::int64_t tokens = qkv_TW.size(0);
    const auto parts = qkv_TW.view({tokens, plan.heads + 2 * plan.kv_heads, plan.head_dim})
                           .split_with_sizes({plan.heads, plan.kv_heads, plan.kv_heads}, 1);
    const at::Tensor cosine = plan.cosine_PH.index_select(0, plan.position_T).unsqueeze(1);
    const at::Tensor sine = plan.sine_PH.index_select(0, plan.position_T).unsqueeze(1);
    const at::Tensor q = rotate(parts[0], cosine, sine).to(qkv_TW.scalar_type());
    const at::Tensor k = rotate(parts[1], cosine, sine).to(qkv_TW.scalar_type());
    const std::int64_t repeats = plan.heads / plan.kv_heads;
    std::vector<at::Tensor> outs;
    for (const Segment& segment : plan.segments) {
        const std::int64_t own = segment.end - segment.begin,
                           prompt = segment.prompt_end - segment.prompt_begin;
        at::Tensor keys = head_rows(k, segment.begin, segment.end, repeats);
        at::Tensor values = head_rows(parts[2], segment.begin, segment.end, repeats);
        std::optional<at::Tensor> mask;
        if (prompt > 0) {
            keys = at::cat({head_rows(k, segment.prompt_begin, segment.prompt_end, repeats), keys}, 2);
            values =
                at::cat({head_rows(parts[2], segment.prompt_begin, segment.prompt_end, repeats), values}, 2);
            mask = at::ones({own, prompt + own}, qkv_TW.options().dtype(at::kBool)).tril(prompt);
        }
        const at::Tensor out = at::scaled_dot_product_attention(
            head_rows(q, segment.begin, segment.end, 1), keys, values, mask, 0.0, /*is_causal=*/prompt == 0);
        outs.push_back(out.squeeze(0).transpose(0, 1).reshape({own, plan.heads * plan.head_dim}));
    }
    return at::cat(outs, 0);
}

at::Tensor dropped(const at::Tensor& x, const DropoutSite& dropout) {
    if (dropout.probability <= 0.0) return x;
    return x * dropout_scale(x, dropout_key(dropout.probability, dropout.seed, dropout.place));
}

at::Tensor swiglu_composite(const at::Tensor& gate_up_TW) {
    const auto halves = gate_up_TW.chunk(2, -1);
    return at::silu(halves[0]) * halves[1];
}

}  // namespace linvox
