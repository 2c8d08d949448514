// The moments of AdamW in 8 bits: blocks of 256 values, each block with its largest magnitude as float32 and
// every value as a small float relative to it. Blocks as in Dettmers et al. (arXiv 2110.02861); small floats
// with stochastic rounding in place of their code table, because a running mean that is rounded to nearest
// stands still once its steps are finer than the grid.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace linvox {

inline constexpr std::int64_t kMomentBlock = 256;
/// Tensors smaller than this keep float32 moments: norms and biases, where nothing is to be gained.
inline constexpr std::int64_t kSmallestTensor8 = 4096;

/// Codes [blocks, 256] uint8, scales [blocks] float32; the last block is filled up. 0 is code 0 everywhere.
struct Moments8 {
    at::Tensor exp_avg, exp_avg_scale;        // sign, 4 bits exponent, 3 bits mantissa: down to 2^-15.75
    at::Tensor exp_avg_sq, exp_avg_sq_scale;  // 5 bits exponent, 3 bits mantissa: down to 2^-31.75
};

/// Zeros for a weight, on its device: the CPU or a CUDA GPU (BugError on another).
Moments8 make_moments8(const at::Tensor& value);

/// The numbers of one AdamW step, `step` counted from 1.
struct AdamWStep {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
    std::int64_t step;
};

/// One update of `value` (contiguous; float32, or bfloat16 rounded by chance) in place. The rounding of an
/// element depends on its place, `step` and `seed` alone, not on the number of threads; nor on the device, up
/// to the rounding of a root. `grad_scale` (float32, 0-dim, on the weight's device) multiplies the gradient
/// first; undefined: 1.
void adamw_step8(const at::Tensor& value, const at::Tensor& grad, const Moments8& moments,
                 const AdamWStep& step, std::uint32_t seed, const at::Tensor& grad_scale = {});

/// What the codes stand for, float32 [blocks * 256]; for tests and tools.
at::Tensor decoded_exp_avg(const Moments8& moments);
at::Tensor decoded_exp_avg_sq(const Moments8& moments);

}  // namespace linvox
