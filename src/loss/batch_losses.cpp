// Losses that read the rest of the batch, or running values of the run.
// TermState::sums holds {count, sum, sum of squares} of the step in progress.
#include <ATen/TensorOperators.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/base/rng.h"
#include "src/loss/loss_rows.h"

namespace linvox {
namespace {

using enum LossOption;

void add_to_sums(TermState& state, const at::Tensor& value_B) {
    const at::Tensor value = value_B.detach().to(at::kDouble);
    state.sums.resize(3);
    state.sums[0] += static_cast<double>(value.numel());
    state.sums[1] += value.sum().item<double>();
    state.sums[2] += (value * value).sum().item<double>();
}

struct Moments {
    double mean = 0.0, std = 0.0;
};

Moments moments(const std::vector<double>& sums) {
    const double mean = sums[1] / sums[0];
    return {mean, std::sqrt(std::max(0.0, sums[2] / sums[0] - mean * mean))};
}

// Moves the running mean and deviation towards those of `sums`.
Moments moved(const TermState& state, const std::vector<double>& sums, double keep_share) {
    const Moments now = moments(sums);
    return {keep_share * state.margin_mean + (1.0 - keep_share) * now.mean,
            keep_share * state.margin_std + (1.0 - keep_share) * now.std};
}

// 1 for the pairs that stay, 0 for the others. Drawing the largest log(weight) + Gumbel noise is drawing
// without replacement in proportion to the weights (Efraimidis and Spirakis).
std::vector<double> draw_pairs(const std::vector<double>& margin, Moments around, double share, Rng rng) {
    std::vector<double> priority(margin.size());
    for (std::size_t i = 0; i < margin.size(); ++i) {
        const double distance = around.std > 0 ? (margin[i] - around.mean) / around.std : 0.0;
        priority[i] = -0.5 * distance * distance - std::log(-std::log(1.0 - rng.uniform()));
    }
    std::vector<std::size_t> order(margin.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return priority[a] > priority[b]; });
    const auto kept =
        std::max<std::size_t>(1, static_cast<std::size_t>(share * double(margin.size()) + 1e-9));
    std::vector<double> mask(margin.size(), 0.0);
    for (std::size_t i = 0; i < kept; ++i) mask[order[i]] = 1.0;
    return mask;
}

std::vector<double> to_doubles(const at::Tensor& value_B) {
    const at::Tensor value = value_B.detach().to(at::kCPU, at::kDouble).contiguous();
    return {value.const_data_ptr<double>(), value.const_data_ptr<double>() + value.numel()};
}

// Each pair against the value of `other` that has the same rank; the order of pairs does not matter.
at::Tensor minus_matched_rank(const at::Tensor& own_B, const at::Tensor& other_B) {
    const at::Tensor rank_B = at::argsort(at::argsort(own_B.detach()));
    return own_B - std::get<0>(at::sort(other_B)).index_select(0, rank_B);
}

}  // namespace

at::Tensor loss_kto_pair(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor kl_chosen = at::relu(in.x1.mean()).detach();
    const at::Tensor kl_rejected = at::relu(in.x2.mean()).detach();
    return 0.5 * (1.0 - at::sigmoid(o[beta] * (in.x1 - kl_rejected))) +
           0.5 * (1.0 - at::sigmoid(o[beta] * (kl_chosen - in.x2)));
}

at::Tensor loss_bco_pair(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor chosen = o[beta] * in.x1, rejected = o[beta] * in.x2;
    add_to_sums(in.state, chosen);
    add_to_sums(in.state, rejected);
    const double shift = in.state.reward_shift;
    return minus_log_sigmoid(chosen - shift) + minus_log_sigmoid(shift - rejected);
}

void fold_reward_shift(TermState& state, const ResolvedTerm& o) {
    state.reward_shift = o[ema] * state.reward_shift + (1.0 - o[ema]) * moments(state.sums).mean;
}

// The published code moves the running values before it uses them; this row sees the whole batch, so it can.
at::Tensor loss_beta_dpo(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor margin = in.x1 - in.x2;
    TermState batch;
    add_to_sums(batch, margin);
    add_to_sums(in.state, margin);
    const Moments around = moved(in.state, batch.sums, o[ema]);
    const std::vector<double> values = to_doubles(margin);
    const std::vector<double> mask =
        draw_pairs(values, around, o[keep], Rng(mix_seed(in.seed, "beta_dpo", in.step)));
    const double kept = std::accumulate(mask.begin(), mask.end(), 0.0);
    const double kept_mean = std::inner_product(values.begin(), values.end(), mask.begin(), 0.0) / kept;
    const double beta_used = std::max(1e-3, o[beta] * (1.0 + o[alpha] * (kept_mean - around.mean)));
    // Scaled so that the mean over the batch is the mean over the pairs that stay.
    const at::Tensor weight_B =
        at::tensor(mask, at::kDouble).to(margin.options()) * (static_cast<double>(mask.size()) / kept);
    return weight_B * minus_log_sigmoid(beta_used * margin);
}

at::Tensor loss_alpha_dpo(const PairInputs& in, const ResolvedTerm& o) {
    const at::Tensor margin = (in.x1 - in.x2).detach();
    add_to_sums(in.state, margin);
    const double std = std::max(in.state.margin_std, 1e-6);
    const at::Tensor target = o[rho] + o[alpha] * (margin - in.state.margin_mean) / std;
    return minus_log_sigmoid(o[beta] * (in.zw - in.zl - target));
}

void fold_margin(TermState& state, const ResolvedTerm& o) {
    const Moments next = moved(state, state.sums, o[ema]);
    state.margin_mean = next.mean;
    state.margin_std = next.std;
}

at::Tensor loss_aot(const PairInputs& in, const ResolvedTerm& o) {
    return smoothed_log_sigmoid(o[beta] * minus_matched_rank(in.zw - in.zl, in.rw - in.rl),
                                o[label_smoothing]);
}

at::Tensor loss_aot_unpaired(const PairInputs& in, const ResolvedTerm& o) {
    return smoothed_log_sigmoid(o[beta] * minus_matched_rank(in.x1, in.x2), o[label_smoothing]);
}

}  // namespace linvox
