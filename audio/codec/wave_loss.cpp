#include "audio/codec/wave_loss.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cmath>
#include <complex>
#include <vector>

#include "audio/fft.h"
#include "audio/spectrum.h"
#include "src/base/error.h"

namespace linvox {
namespace {

struct Resolution {
    int fft_size;
    int hop;
};
constexpr Resolution kResolutions[] = {{512, 128}, {1024, 256}, {256, 64}};
constexpr int kResolutionCount = 3;
constexpr float kMagnitudeEpsilon = 1e-7f;
constexpr float kLogOffset = 1e-3f;
constexpr double kNormOffset = 1e-6;

/// One item at one resolution: what the backward pass needs of the forward pass.
struct Analysis {
    std::int64_t frames = 0;
    std::vector<float> target;                    // S  [frames, bins]
    std::vector<std::complex<float>> estimate;    // spectrum behind S'
    double log_sum = 0, difference_square = 0, target_square = 0;
    std::vector<float> gradient;                  // [samples]
};

float magnitude(std::complex<float> value) {
    return std::sqrt(value.real() * value.real() + value.imag() * value.imag() + kMagnitudeEpsilon);
}

/// Mirrors indices left and right of [0, length) back into it, edge samples not repeated.
std::int64_t mirrored(std::int64_t index, std::int64_t length) {
    if (index < 0) return -index;
    return index < length ? index : 2 * (length - 1) - index;
}

void load_frame(RealFft& fft, std::span<const float> samples, std::int64_t start, std::span<const double> window) {
    const auto length = static_cast<std::int64_t>(samples.size());
    for (std::size_t i = 0; i < window.size(); ++i) {
        fft.time()[i] = window[i] * samples[mirrored(start + static_cast<std::int64_t>(i), length)];
    }
    fft.forward();
}

Analysis analyse(std::span<const float> target, std::span<const float> estimate, Resolution resolution,
                 std::span<const double> window) {
    RealFft fft(static_cast<std::size_t>(resolution.fft_size));
    const std::size_t bins = fft.bins();
    Analysis result;
    result.frames = 1 + static_cast<std::int64_t>(target.size()) / resolution.hop;
    result.target.resize(result.frames * bins);
    result.estimate.resize(result.frames * bins);
    for (std::int64_t t = 0; t < result.frames; ++t) {
        const std::int64_t start = t * resolution.hop - resolution.fft_size / 2;
        float* wanted = result.target.data() + t * bins;
        load_frame(fft, target, start, window);
        for (std::size_t k = 0; k < bins; ++k) wanted[k] = magnitude(std::complex<float>(fft.spectrum()[k]));
        load_frame(fft, estimate, start, window);
        for (std::size_t k = 0; k < bins; ++k) {
            const std::complex<float> value(fft.spectrum()[k]);
            const float got = magnitude(value);
            result.estimate[t * bins + k] = value;
            result.log_sum += std::abs(std::log((wanted[k] + kLogOffset) / (got + kLogOffset)));
            const float difference = wanted[k] - got;
            result.difference_square += difference * difference;
            result.target_square += wanted[k] * wanted[k];
        }
    }
    return result;
}

/// gradient by S' = log_weight * sign / (S' + offset) + norm_weight * (S' - S), brought back to the samples.
void backward(Analysis& item, std::int64_t samples, Resolution resolution, std::span<const double> window,
              float log_weight, float norm_weight) {
    RealFft fft(static_cast<std::size_t>(resolution.fft_size));
    const std::size_t bins = fft.bins();
    item.gradient.assign(static_cast<std::size_t>(samples), 0.0f);
    for (std::int64_t t = 0; t < item.frames; ++t) {
        for (std::size_t k = 0; k < bins; ++k) {
            const std::complex<float> value = item.estimate[t * bins + k];
            const float got = magnitude(value), wanted = item.target[t * bins + k];
            const float sign = got > wanted ? 1.0f : (got < wanted ? -1.0f : 0.0f);
            const float slope = log_weight * sign / (got + kLogOffset) + norm_weight * (got - wanted);
            // inverse() scales by 1/N and counts inner bins twice; the adjoint wants neither.
            const float scale = static_cast<float>(resolution.fft_size) * (k > 0 && k + 1 < bins ? 0.5f : 1.0f);
            fft.spectrum()[k] = std::complex<double>(value * (slope * scale / got));
        }
        fft.inverse();
        const std::int64_t start = t * resolution.hop - resolution.fft_size / 2;
        for (std::size_t i = 0; i < window.size(); ++i) {
            const std::int64_t n = mirrored(start + static_cast<std::int64_t>(i), samples);
            item.gradient[n] += static_cast<float>(window[i] * fft.time()[i]);
        }
    }
}

}  // namespace

double stft_loss(std::span<const float> target, std::span<const float> estimate, std::int64_t items,
                 std::span<float> gradient) {
    const auto samples = static_cast<std::int64_t>(target.size()) / items;
    LINVOX_ASSERT(target.size() == estimate.size() && samples > kResolutions[1].fft_size / 2,
                  "{} and {} samples in {} items", target.size(), estimate.size(), items);
    std::vector<std::vector<double>> windows;
    for (const Resolution& r : kResolutions) windows.push_back(periodic_hann(static_cast<std::size_t>(r.fft_size)));
    const std::int64_t units = items * kResolutionCount;
    std::vector<Analysis> analyses(static_cast<std::size_t>(units));
    at::parallel_for(0, units, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t u = begin; u < end; ++u) {
            const std::int64_t item = u / kResolutionCount, r = u % kResolutionCount;
            analyses[u] = analyse(target.subspan(item * samples, samples), estimate.subspan(item * samples, samples),
                                  kResolutions[r], windows[r]);
        }
    });
    double loss = 0;
    float log_weight[kResolutionCount], norm_weight[kResolutionCount];
    for (int r = 0; r < kResolutionCount; ++r) {
        double log_sum = 0, difference = 0, reference = 0, count = 0;
        for (std::int64_t item = 0; item < items; ++item) {
            const Analysis& a = analyses[item * kResolutionCount + r];
            log_sum += a.log_sum;
            difference += a.difference_square;
            reference += a.target_square;
            count += static_cast<double>(a.target.size());
        }
        const double norm = std::sqrt(difference), scale = std::sqrt(reference) + kNormOffset;
        loss += log_sum / count + norm / scale;
        log_weight[r] = static_cast<float>(1.0 / count);
        norm_weight[r] = norm > 0 ? static_cast<float>(1.0 / (norm * scale)) : 0.0f;
    }
    at::parallel_for(0, units, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t u = begin; u < end; ++u) {
            const std::int64_t r = u % kResolutionCount;
            backward(analyses[u], samples, kResolutions[r], windows[r], log_weight[r], norm_weight[r]);
        }
    });
    for (std::int64_t i = 0; i < items * samples; ++i) {
        const Analysis* of_item = analyses.data() + i / samples * kResolutionCount;
        gradient[i] = of_item[0].gradient[i % samples] + of_item[1].gradient[i % samples] +
                      of_item[2].gradient[i % samples];
    }
    return loss;
}

}  // namespace linvox
