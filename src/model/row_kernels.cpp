#include "src/model/row_kernels.h"

#include <cmath>
#include <limits>

#include "src/base/rng.h"

namespace linvox {
namespace {

template <typename T>
struct HashOf;
template <>
struct HashOf<float> {
    typedef std::uint32_t Type __attribute__((vector_size(64)));
};
template <>
struct HashOf<double> {
    typedef std::uint32_t Type __attribute__((vector_size(32)));
};

/// 0 or 1/(1-p) for the elements [index, index + lanes).
template <typename T>
LINVOX_INLINE Vec<T> dropout_scale(const DropoutKey& key, std::uint32_t index) {
    constexpr int lanes = static_cast<int>(kLanes<T>);
    using Hash = typename HashOf<T>::Type;
    Hash h{};
    for (int lane = 0; lane < lanes; ++lane) h[lane] = static_cast<std::uint32_t>(lane);
    h = (h + index) ^ key.first;
    h *= 0x9e3779b1u;
    h ^= h >> 16;
    h = (h ^ key.second) * 0x85ebca6bu;  // murmur3's finaliser with the key mixed in
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    h ^= h >> 16;
    const T scale = static_cast<T>(1.0 / (1.0 - static_cast<double>(key.threshold) * 0x1.0p-32));
    if constexpr (lanes == 16) {
        const auto keep = h >= key.threshold;
        return keep ? splat(scale) : Vec<T>{};
    } else {
        Vec<T> kept{};
        for (int lane = 0; lane < lanes; ++lane) kept[lane] = h[lane] >= key.threshold ? scale : T{0};
        return kept;
    }
}

template <typename X, typename Y, bool kDropout>
struct ResidualNormForward {
    template <typename Tile>
    LINVOX_INLINE static void run(const ResidualNorm<X, Y>* job, std::int64_t begin, std::int64_t end) {
        using A = Accumulator<X>;
        constexpr std::int64_t lanes = kLanes<A>;
        const std::int64_t width = job->width;
        for (std::int64_t row = begin; row < end; ++row) {
            const std::int64_t at = row * width;
            Vec<A> squares{};
            for (std::int64_t j = 0; j < width; j += lanes) {
                Vec<A> value = load(job->branch + at + j, width - j);
                if constexpr (kDropout)
                    value *= dropout_scale<A>(job->dropout, static_cast<std::uint32_t>(at + j));
                if (job->x) value += load(job->x + at + j, width - j);
                store(job->x_new + at + j, value, width - j);
                squares += value * value;  // lanes past the row are 0
            }
            const A mean = sum_lanes<A>(squares) / static_cast<A>(width);
            const A inverse = A{1} / std::sqrt(mean + static_cast<A>(job->epsilon));
            job->inverse_rms[row] = inverse;
            for (std::int64_t j = 0; j < width; j += lanes) {
                const Vec<A> value = load(job->x_new + at + j, width - j);
                store(job->y + at + j, value * inverse * load(job->weight + j, width - j), width - j);
            }
        }
    }
};

template <typename X, typename Y, bool kDropout>
struct ResidualNormBackward {
    template <typename Tile>
    LINVOX_INLINE static void run(const ResidualNorm<X, Y>* job, std::int64_t begin, std::int64_t end,
                                  Accumulator<X>* grad_weight) {
        using A = Accumulator<X>;
        constexpr std::int64_t lanes = kLanes<A>;
        const std::int64_t width = job->width;
        for (std::int64_t row = begin; row < end; ++row) {
            const std::int64_t at = row * width;
            const A inverse = job->inverse_rms[row];
            Vec<A> products{};
            for (std::int64_t j = 0; j < width; j += lanes) {
                const Vec<A> unit = load(job->x_new + at + j, width - j) * inverse;
                const Vec<A> grad = load(job->grad_y + at + j, width - j);
                const Vec<A> product = grad * unit;
                store(grad_weight + j, load(grad_weight + j, width - j) + product, width - j);
                products += product * load(job->weight + j, width - j);
            }
            const A mean = sum_lanes<A>(products) / static_cast<A>(width);
            for (std::int64_t j = 0; j < width; j += lanes) {
                const Vec<A> unit = load(job->x_new + at + j, width - j) * inverse;
                const Vec<A> scaled =
                    load(job->grad_y + at + j, width - j) * load(job->weight + j, width - j);
                Vec<A> grad = (scaled - unit * mean) * inverse;
                if (job->grad_x_new) grad += load(job->grad_x_new + at + j, width - j);
                store(job->grad_x + at + j, grad, width - j);
                if (!job->grad_branch) continue;
                if constexpr (kDropout)
                    grad *= dropout_scale<A>(job->dropout, static_cast<std::uint32_t>(at + j));
                store(job->grad_branch + at + j, grad, width - j);
            }
        }
    }
};

template <typename T>
struct SwiGluForward {
    template <typename Tile>
    LINVOX_INLINE static void run(const SwiGlu<T>* job, std::int64_t begin, std::int64_t end) {
        using A = Accumulator<T>;
        const std::int64_t width = job->width;
        for (std::int64_t row = begin; row < end; ++row) {
            const T* gates = job->gate_up + row * 2 * width;
            for (std::int64_t j = 0; j < width; j += kLanes<A>) {
                const Vec<A> gate = load(gates + j, width - j);
                const Vec<A> up = load(gates + width + j, width - j);
                store(job->out + row * width + j, gate / (exp_of(-gate) + A{1}) * up, width - j);
            }
        }
    }
};

template <typename T>
struct SwiGluBackward {
    template <typename Tile>
    LINVOX_INLINE static void run(const SwiGlu<T>* job, std::int64_t begin, std::int64_t end) {
        using A = Accumulator<T>;
        const std::int64_t width = job->width;
        for (std::int64_t row = begin; row < end; ++row) {
            const T* gates = job->gate_up + row * 2 * width;
            T* grads = job->grad_gate_up + row * 2 * width;
            for (std::int64_t j = 0; j < width; j += kLanes<A>) {
                const Vec<A> gate = load(gates + j, width - j);
                const Vec<A> up = load(gates + width + j, width - j);
                const Vec<A> grad = load(job->grad_out + row * width + j, width - j);
                const Vec<A> sigmoid = A{1} / (exp_of(-gate) + A{1});
                const Vec<A> slope = sigmoid * (gate * (A{1} - sigmoid) + A{1});
                store(grads + j, grad * up * slope, width - j);
                store(grads + width + j, grad * gate * sigmoid, width - j);
                if (job->out) store(job->out + row * width + j, gate * sigmoid * up, width - j);
            }
        }
    }
};

template <typename T>
struct PickLogprobForward {
    template <typename Tile>
    LINVOX_INLINE static void run(const PickLogprob<T>* job, std::int64_t begin, std::int64_t end) {
        constexpr std::int64_t lanes = kLanes<T>;
        const std::int64_t width = job->width;
        for (std::int64_t row = begin; row < end; ++row) {
            const T* logits = job->logits + row * width;
            const std::int64_t whole = width / lanes * lanes;
            Vec<T> best = splat(logits[0]);
            for (std::int64_t j = 0; j < whole; j += lanes) best = max_of<T>(best, load(logits + j));
            T maximum = max_lane<T>(best);
            for (std::int64_t j = whole; j < width; ++j) maximum = logits[j] > maximum ? logits[j] : maximum;
            Vec<T> sums{};
            for (std::int64_t j = 0; j < whole; j += lanes) sums += exp_of(load(logits + j) - maximum);
            T sum = sum_lanes<T>(sums);
            for (std::int64_t j = whole; j < width; ++j) sum += std::exp(logits[j] - maximum);
            job->log_sum_exp[row] = maximum + std::log(sum);
            const std::int64_t label = job->label[row];
            job->logprob[row] = label < 0 || label >= width ? T{} : logits[label] - job->log_sum_exp[row];
        }
    }
};

template <typename T>
struct LogitStatisticsRows {
    template <typename Tile>
    LINVOX_INLINE static void run(const LogitStatistics<T>* job, std::int64_t begin, std::int64_t end) {
        constexpr std::int64_t lanes = kLanes<T>;
        const std::int64_t width = job->width, whole = width / lanes * lanes;
        for (std::int64_t row = begin; row < end; ++row) {
            const T* logits = job->logits + row * width;
            const T log_sum = job->log_sum_exp[row];
            Vec<T> sums{}, means{}, best = splat(logits[0]);
            for (std::int64_t j = 0; j < whole; j += lanes) {
                const Vec<T> value = load(logits + j);
                sums += value;
                means += exp_of(value - log_sum) * value;
                best = max_of<T>(best, value);
            }
            T sum = sum_lanes<T>(sums), mean = sum_lanes<T>(means), maximum = max_lane<T>(best);
            for (std::int64_t j = whole; j < width; ++j) {
                sum += logits[j];
                mean += std::exp(logits[j] - log_sum) * logits[j];
                maximum = logits[j] > maximum ? logits[j] : maximum;
            }
            const std::int64_t label = job->label[row];
            job->label_logit[row] =
                label < 0 || label >= width ? std::numeric_limits<T>::lowest() : logits[label];
            job->sum[row] = sum;
            job->maximum[row] = maximum;
            job->expectation[row] = mean;
        }
    }
};

template <typename T>
struct PickLogprobBackward {
    template <typename Tile>
    LINVOX_INLINE static void run(const PickLogprob<T>* job, std::int64_t begin, std::int64_t end) {
        const std::int64_t width = job->width;
        for (std::int64_t row = begin; row < end; ++row) {
            T* logits = job->logits + row * width;
            const T grad = job->grad_logprob[row];
            for (std::int64_t j = 0; j < width; j += kLanes<T>) {
                const Vec<T> probability = exp_of(load(logits + j, width - j) - job->log_sum_exp[row]);
                store(logits + j, probability * -grad, width - j);
            }
            const std::int64_t label = job->label[row];
            if (label >= 0 && label < width) logits[label] += grad;
        }
    }
};

}  // namespace

DropoutKey dropout_key(double probability, std::uint64_t seed, std::uint64_t place) {
    const std::uint64_t mixed = mix_seed(seed, "dropout", place);
    return {static_cast<std::uint32_t>(mixed), static_cast<std::uint32_t>(mixed >> 32),
            static_cast<std::uint32_t>(probability * 0x1.0p32)};
}

template <typename X, typename Y>
void residual_norm_forward(const ResidualNorm<X, Y>& job, std::int64_t begin, std::int64_t end) {
    if (job.dropout.threshold)
        dispatch<ResidualNormForward<X, Y, true>>(&job, begin, end);
    else
        dispatch<ResidualNormForward<X, Y, false>>(&job, begin, end);
}

template <typename X, typename Y>
void residual_norm_backward(const ResidualNorm<X, Y>& job, std::int64_t begin, std::int64_t end,
                            Accumulator<X>* grad_weight) {
    if (job.dropout.threshold)
        dispatch<ResidualNormBackward<X, Y, true>>(&job, begin, end, grad_weight);
    else
        dispatch<ResidualNormBackward<X, Y, false>>(&job, begin, end, grad_weight);
}

template <typename T>
void swiglu_forward(const SwiGlu<T>& job, std::int64_t begin, std::int64_t end) {
    dispatch<SwiGluForward<T>>(&job, begin, end);
}
template <typename T>
void swiglu_backward(const SwiGlu<T>& job, std::int64_t begin, std::int64_t end) {
    dispatch<SwiGluBackward<T>>(&job, begin, end);
}
template <typename T>
void pick_logprob_forward(const PickLogprob<T>& job, std::int64_t begin, std::int64_t end) {
    dispatch<PickLogprobForward<T>>(&job, begin, end);
}
template <typename T>
void logit_statistics(const LogitStatistics<T>& job, std::int64_t begin, std::int64_t end) {
    dispatch<LogitStatisticsRows<T>>(&job, begin, end);
}
template <typename T>
void pick_logprob_backward(const PickLogprob<T>& job, std::int64_t begin, std::int64_t end) {
    dispatch<PickLogprobBackward<T>>(&job, begin, end);
}

#define LINVOX_INSTANTIATE_NORM(X, Y)                                                           \
    template void residual_norm_forward(const ResidualNorm<X, Y>&, std::int64_t, std::int64_t); \
    template void residual_norm_backward(const ResidualNorm<X, Y>&, std::int64_t, std::int64_t, \
                                         Accumulator<X>*);
LINVOX_INSTANTIATE_NORM(float, float)
LINVOX_INSTANTIATE_NORM(double, double)
LINVOX_INSTANTIATE_NORM(c10::BFloat16, c10::BFloat16)
LINVOX_INSTANTIATE_NORM(float, c10::BFloat16)
#undef LINVOX_INSTANTIATE_NORM

template void swiglu_forward(const SwiGlu<float>&, std::int64_t, std::int64_t);
template void swiglu_forward(const SwiGlu<double>&, std::int64_t, std::int64_t);
template void swiglu_forward(const SwiGlu<c10::BFloat16>&, std::int64_t, std::int64_t);
template void swiglu_backward(const SwiGlu<float>&, std::int64_t, std::int64_t);
template void swiglu_backward(const SwiGlu<double>&, std::int64_t, std::int64_t);
template void swiglu_backward(const SwiGlu<c10::BFloat16>&, std::int64_t, std::int64_t);
template void pick_logprob_forward(const PickLogprob<float>&, std::int64_t, std::int64_t);
template void pick_logprob_forward(const PickLogprob<double>&, std::int64_t, std::int64_t);
template void logit_statistics(const LogitStatistics<float>&, std::int64_t, std::int64_t);
template void logit_statistics(const LogitStatistics<double>&, std::int64_t, std::int64_t);
template void pick_logprob_backward(const PickLogprob<float>&, std::int64_t, std::int64_t);
template void pick_logprob_backward(const PickLogprob<double>&, std::int64_t, std::int64_t);

}  // namespace linvox
