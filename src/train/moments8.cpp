#include "src/train/moments8.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <cmath>

#include "src/base/error.h"
#include "src/model/gpu_types.h"
#include "src/model/parallel_ranges.h"
#include "src/model/simd.h"

namespace linvox {

extern const char* const gpu_moments_source;  // gpu_moments.cu

namespace {

typedef std::uint8_t Codes __attribute__((vector_size(16)));
typedef std::uint32_t Words __attribute__((vector_size(64)));

constexpr int kVectors = static_cast<int>(kMomentBlock / kLanes<float>);
constexpr std::uint32_t kShift = 20;  // of a float's 23 bits of mantissa, 3 stay
constexpr std::uint32_t kOne = 0x3f800000u >> kShift;
constexpr std::uint32_t kWeightNoise = 0x5bd1e995u;  // other draws than the moments'

/// Code `top` stands for 1, each code below for the next smaller float of 3 bits mantissa, 0 for 0.
template <std::uint32_t top>
LINVOX_INLINE Vec<float> magnitude_of(Words code) {
    const Vec<float> value = __builtin_bit_cast(Vec<float>, (code + (kOne - top)) << kShift);
    const auto zero = code == 0;
    return zero ? Vec<float>{} : value;
}

/// The inverse, rounded up or down by chance so that the mean is right; `value` in [0, 1], `noise` any bits.
template <std::uint32_t top>
LINVOX_INLINE Words code_of(Vec<float> value, Words noise) {
    const Words floor = Words{} + (kOne - top);
    const Words bits = (__builtin_bit_cast(Words, value) + (noise & ((1u << kShift) - 1))) >> kShift;
    const auto inside = bits > floor;
    Words code = bits - floor;
    const auto above = code > top;
    code = above ? Words{} + top : code;
    return inside ? code : Words{};
}

LINVOX_INLINE Words hashed(std::uint32_t index, std::uint32_t seed) {
    Words h{};
    for (int lane = 0; lane < 16; ++lane) h[lane] = static_cast<std::uint32_t>(lane);
    h = (h + index) * 0x9e3779b1u ^ seed;
    h ^= h >> 16;
    h *= 0x85ebca6bu;  // murmur3's finaliser
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    return h ^ (h >> 16);
}

LINVOX_INLINE Words load_codes(const std::uint8_t* from) {
    Codes codes;
    std::memcpy(&codes, from, sizeof codes);
    return __builtin_convertvector(codes, Words);
}
LINVOX_INLINE void store_codes(std::uint8_t* to, Words words) {
    const Codes codes = __builtin_convertvector(words, Codes);
    std::memcpy(to, &codes, sizeof codes);
}

LINVOX_INLINE Vec<float> signed_value(Words code, float scale) {
    const Vec<float> size = magnitude_of<127>(code & 127u) * scale;
    const auto negative = (code & 128u) != 0;
    return negative ? -size : size;
}

LINVOX_INLINE Vec<float> size_of(Vec<float> x) { return x < 0.0f ? -x : x; }

/// Newton's iteration from the well-known first guess; 0 gives 0.
LINVOX_INLINE Vec<float> root_of(Vec<float> x) {
    VecBits<float> guess = 0x5f3759df - (__builtin_bit_cast(VecBits<float>, x) >> 1);
    Vec<float> inverse = __builtin_bit_cast(Vec<float>, guess);
    for (int i = 0; i < 4; ++i) inverse = inverse * (1.5f - (0.5f * x * inverse) * inverse);
    return x * inverse;
}

/// bfloat16 rounded up or down by chance, so that the mean is right: updates are finer than its grid, and
/// rounding to nearest would lose them.
LINVOX_INLINE void store_by_chance(c10::BFloat16* to, Vec<float> values, Words noise, std::int64_t count) {
    const Words bits = __builtin_bit_cast(Words, values);
    const Words added = (bits + (noise & 0xffffu)) & ~0xffffu;
    const auto infinite = (bits & 0x7f800000u) == 0x7f800000u;
    const Words chosen = infinite ? bits : added;
    store(to, __builtin_bit_cast(Vec<float>, chosen), count);
}
LINVOX_INLINE void store_by_chance(float* to, Vec<float> values, Words, std::int64_t count) {
    store(to, values, count);
}

/// The numbers of a step in the form that kernels take.
struct Factors {
    float rate, beta1, beta2, epsilon, keep;  // rate over the first bias correction; keep: 1 - rate * decay
    float second_correction;                  // 1 / (1 - beta2^step)
    std::uint32_t seed;
};

Factors factors_of(const AdamWStep& step, std::uint32_t seed) {
    const auto t = static_cast<double>(step.step);
    const double correction1 = 1.0 - std::pow(step.beta1, t), correction2 = 1.0 - std::pow(step.beta2, t);
    return {.rate = static_cast<float>(step.learning_rate / correction1),
            .beta1 = static_cast<float>(step.beta1),
            .beta2 = static_cast<float>(step.beta2),
            .epsilon = static_cast<float>(step.epsilon),
            .keep = static_cast<float>(1.0 - step.learning_rate * step.weight_decay),
            .second_correction = static_cast<float>(1.0 / correction2),
            .seed = seed * 0x9e3779b1u + static_cast<std::uint32_t>(step.step) * 0x85ebca6bu};
}

template <typename Stored>
struct Job : Factors {
    Stored* value;
    const Stored* grad;
    std::uint8_t *first, *second;
    float *first_scale, *second_scale;
    std::int64_t count;
    float grad_scale;
};

template <typename Stored>
struct StepKernel {
    template <typename Tile>
    LINVOX_INLINE static void run(const Job<Stored>* job, std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block) one_block(*job, block);
    }

    LINVOX_INLINE static void one_block(const Job<Stored>& job, std::int64_t block) {
        const std::int64_t start = block * kMomentBlock;
        const float old_first = job.first_scale[block], old_second = job.second_scale[block];
        Vec<float> first[kVectors], second[kVectors];
        Vec<float> first_most{}, second_most{};
        for (int i = 0; i < kVectors; ++i) {
            const std::int64_t at = start + i * kLanes<float>;
            const std::int64_t left = job.count - at;
            const Vec<float> grad = left > 0 ? load(job.grad + at, left) * job.grad_scale : Vec<float>{};
            first[i] =
                job.beta1 * signed_value(load_codes(job.first + at), old_first) + (1 - job.beta1) * grad;
            second[i] = job.beta2 * (magnitude_of<255>(load_codes(job.second + at)) * old_second) +
                        (1 - job.beta2) * grad * grad;
            first_most = max_of<float>(first_most, size_of(first[i]));
            second_most = max_of<float>(second_most, second[i]);
            if (left <= 0) continue;
            const Vec<float> root = root_of(second[i] * job.second_correction);
            const Vec<float> value =
                load(job.value + at, left) * job.keep - job.rate * first[i] / (root + job.epsilon);
            store_by_chance(job.value + at, value,
                            hashed(static_cast<std::uint32_t>(at), job.seed ^ kWeightNoise), left);
        }
        const float first_scale = max_lane<float>(first_most), second_scale = max_lane<float>(second_most);
        job.first_scale[block] = first_scale;
        job.second_scale[block] = second_scale;
        const float first_inverse = first_scale > 0 ? 1 / first_scale : 0;
        const float second_inverse = second_scale > 0 ? 1 / second_scale : 0;
        for (int i = 0; i < kVectors; ++i) {
            const std::int64_t at = start + i * kLanes<float>;
            const Words noise = hashed(static_cast<std::uint32_t>(at), job.seed);
            const auto negative = first[i] < 0.0f;
            const Words sign = negative ? Words{} + 128u : Words{};
            store_codes(job.first + at, code_of<127>(size_of(first[i]) * first_inverse, noise) | sign);
            Words code = code_of<255>(second[i] * second_inverse, noise * 0x9e3779b1u);
            // Never 0 under a gradient: the step divides by its root.
            const auto lost = (second[i] > 0.0f) & (code == 0);
            store_codes(job.second + at, lost ? Words{} + 1u : code);
        }
    }
};

template <typename Stored>
void step_stored(const at::Tensor& value, const at::Tensor& grad, const Moments8& moments,
                 const AdamWStep& step, std::uint32_t seed, const at::Tensor& grad_scale) {
    Job<Stored> job{factors_of(step, seed)};
    job.value = value.mutable_data_ptr<Stored>();
    job.grad = grad.const_data_ptr<Stored>();
    job.first = moments.exp_avg.mutable_data_ptr<std::uint8_t>();
    job.second = moments.exp_avg_sq.mutable_data_ptr<std::uint8_t>();
    job.first_scale = moments.exp_avg_scale.mutable_data_ptr<float>();
    job.second_scale = moments.exp_avg_sq_scale.mutable_data_ptr<float>();
    job.count = value.numel();
    job.grad_scale = grad_scale.defined() ? grad_scale.item<float>() : 1.0F;
    parallel_ranges(moments.exp_avg_scale.numel(), 64, [&](std::int64_t begin, std::int64_t end) {
        dispatch<StepKernel<Stored>>(&job, begin, end);
    });
}

const GpuModule& moment_kernels() {
    static const GpuModule module(gpu_moments_source);
    return module;
}

void step_on_gpu(const at::Tensor& value, const at::Tensor& grad, const Moments8& moments,
                 const AdamWStep& step, std::uint32_t seed, const at::Tensor& grad_scale) {
    const Factors f = factors_of(step, seed);
    moment_kernels().launch(fmt::format("adamw_step8<{}>", gpu_type(value)), moments.exp_avg_scale.numel(),
                            static_cast<unsigned>(kMomentBlock), gpu_pointer(value), gpu_pointer(grad),
                            gpu_pointer(moments.exp_avg), gpu_pointer(moments.exp_avg_sq),
                            gpu_pointer(moments.exp_avg_scale), gpu_pointer(moments.exp_avg_sq_scale),
                            value.numel(), f.rate, f.beta1, f.beta2, f.epsilon, f.keep, f.second_correction,
                            f.seed, gpu_pointer(grad_scale));
}

at::Tensor decoded(const at::Tensor& given_codes, const at::Tensor& given_scales, bool has_sign) {
    const at::Tensor codes = given_codes.cpu(), scales = given_scales.cpu();
    at::Tensor out = at::empty({codes.numel()}, at::kFloat);
    float* to = out.mutable_data_ptr<float>();
    const std::uint8_t* from = codes.const_data_ptr<std::uint8_t>();
    const float* scale = scales.const_data_ptr<float>();
    for (std::int64_t at = 0; at < codes.numel(); at += kLanes<float>) {
        const float s = scale[at / kMomentBlock];
        const Words code = load_codes(from + at);
        store(to + at, has_sign ? signed_value(code, s) : magnitude_of<255>(code) * s);
    }
    return out;
}

}  // namespace

Moments8 make_moments8(const at::Tensor& value) {
    LINVOX_ASSERT(value.is_cpu() || value.is_cuda(), "8-bit moments on {}", value.device().str());
    const std::int64_t blocks = (value.numel() + kMomentBlock - 1) / kMomentBlock;
    const auto codes = [&] {
        return at::zeros({blocks, kMomentBlock}, at::TensorOptions(value.device()).dtype(at::kByte));
    };
    const auto scales = [&] {
        return at::zeros({blocks}, at::TensorOptions(value.device()).dtype(at::kFloat));
    };
    return {codes(), scales(), codes(), scales()};
}

void adamw_step8(const at::Tensor& value, const at::Tensor& grad, const Moments8& moments,
                 const AdamWStep& step, std::uint32_t seed, const at::Tensor& grad_scale) {
    LINVOX_ASSERT(
        value.is_contiguous() && grad.sizes() == value.sizes() && grad.scalar_type() == value.scalar_type(),
        "8-bit AdamW wants contiguous weights and gradients of their shape and dtype");
    LINVOX_ASSERT(value.scalar_type() == at::kFloat || value.scalar_type() == at::kBFloat16,
                  "8-bit AdamW wants float32 or bfloat16 weights");
    const at::Tensor dense = grad.contiguous();
    if (value.is_cuda()) return step_on_gpu(value, dense, moments, step, seed, grad_scale);
    if (value.scalar_type() == at::kBFloat16)
        return step_stored<c10::BFloat16>(value, dense, moments, step, seed, grad_scale);
    step_stored<float>(value, dense, moments, step, seed, grad_scale);
}

at::Tensor decoded_exp_avg(const Moments8& moments) {
    return decoded(moments.exp_avg, moments.exp_avg_scale, true);
}
at::Tensor decoded_exp_avg_sq(const Moments8& moments) {
    return decoded(moments.exp_avg_sq, moments.exp_avg_sq_scale, false);
}

}  // namespace linvox
