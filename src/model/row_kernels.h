// Row-wise CPU kernels of the decoder on raw memory, one row range per call so that callers choose the
// threads. Each forward has its backward beside it. Matrices are dense and row-major.
// Types: double throughout; float throughout; bfloat16 throughout (arithmetic in float); or a float
// residual stream and norm weight around bfloat16 products (X float, Y bfloat16).
#pragma once

#include <cstdint>

#include "src/model/simd.h"

namespace linvox {

/// Which elements of a matrix dropout keeps: a hash of key and element number, so that backward, and a
/// second forward under checkpointing, find the same ones without storing them.
struct DropoutKey {
    std::uint32_t first = 0, second = 0;
    std::uint32_t threshold = 0;  // an element is dropped when its hash is below: probability * 2^32
};
DropoutKey dropout_key(double probability, std::uint64_t seed, std::uint64_t place);

/// x_new = x + dropout(branch); y = x_new / rms(x_new) * weight.  (RMSNorm: arXiv 1910.07467, eq. 4)
template <typename X, typename Y>
struct ResidualNorm {
    using A = Accumulator<X>;
    std::int64_t width = 0;  // D
    double epsilon = 1e-6;
    DropoutKey dropout;
    const X* x = nullptr;       // [T, D], or null for 0
    const Y* branch = nullptr;  // [T, D]
    const X* weight = nullptr;  // [D]
    X* x_new = nullptr;         // [T, D]; read by backward
    Y* y = nullptr;             // [T, D]
    A* inverse_rms = nullptr;   // [T]; read by backward
    // backward
    const Y* grad_y = nullptr;      // [T, D]
    const X* grad_x_new = nullptr;  // [T, D], or null for 0
    X* grad_x = nullptr;            // [T, D]
    Y* grad_branch = nullptr;  // [T, D]; may be null when X is Y and nothing is dropped (it equals grad_x)
};
template <typename X, typename Y>
void residual_norm_forward(const ResidualNorm<X, Y>& job, std::int64_t begin, std::int64_t end);
/// Adds to grad_weight [D].
template <typename X, typename Y>
void residual_norm_backward(const ResidualNorm<X, Y>& job, std::int64_t begin, std::int64_t end,
                            Accumulator<X>* grad_weight);

/// out[t, f] = silu(gate_up[t, f]) * gate_up[t, F + f].  (SwiGLU: arXiv 2002.05202, eq. 5)
template <typename T>
struct SwiGlu {
    std::int64_t width = 0;       // F
    const T* gate_up = nullptr;   // [T, 2 F]
    T* out = nullptr;             // [T, F]; backward writes it again unless it is null
    const T* grad_out = nullptr;  // [T, F]
    T* grad_gate_up = nullptr;    // [T, 2 F]
};
template <typename T>
void swiglu_forward(const SwiGlu<T>& job, std::int64_t begin, std::int64_t end);
template <typename T>
void swiglu_backward(const SwiGlu<T>& job, std::int64_t begin, std::int64_t end);

/// logprob[n] = logits[n, label[n]] - log_sum_exp[n]. T is float or double.
template <typename T>
struct PickLogprob {
    std::int64_t width = 0;               // R
    T* logits = nullptr;                  // [N, R]; backward turns them into their gradients
    const std::int64_t* label = nullptr;  // [N]; outside [0, R): logprob 0 and no one-hot
    T* logprob = nullptr;                 // [N]
    T* log_sum_exp = nullptr;             // [N]
    const T* grad_logprob = nullptr;      // [N]
};
/// What a row of logits says beside the label's: T is float or double.
template <typename T>
struct LogitStatistics {
    std::int64_t width = 0;                // R
    const T* logits = nullptr;             // [N, R]
    const T* log_sum_exp = nullptr;        // [N]
    const std::int64_t* label = nullptr;   // [N]
    T* label_logit = nullptr;              // [N]; the least number for a label outside [0, R)
    T *sum = nullptr, *maximum = nullptr;  // [N] of the logits
    T* expectation = nullptr;  // [N] of a logit under softmax: sum of exp(logit - log_sum_exp) logit
};
template <typename T>
void logit_statistics(const LogitStatistics<T>& job, std::int64_t begin, std::int64_t end);

template <typename T>
void pick_logprob_forward(const PickLogprob<T>& job, std::int64_t begin, std::int64_t end);
template <typename T>
void pick_logprob_backward(const PickLogprob<T>& job, std::int64_t begin, std::int64_t end);

}  // namespace linvox
