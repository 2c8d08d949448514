#include "audio/codec/wave_loss.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
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

/// One item at one resolution: what the backward pass needs of the forward pass, [frames, bins] each.
struct Analysis {
    std::int64_t frames = 0;
    std::vector<float> target;                  // S
    std::vector<float> estimate;                // S'
    std::vector<std::complex<float>> spectrum;  // behind S'
    double log_sum = 0, difference_square = 0, target_square = 0;
    std::vector<float> gradient;  // [samples]
};

float magnitude(std::complex<float> value) {
    return std::sqrt(value.real() * value.real() + value.imag() * value.imag() + kMagnitudeEpsilon);
}

/// `margin` samples mirrored at both ends, edge samples not repeated.
std::vector<float> mirrored(std::span<const float> samples, std::int64_t margin) {
    const auto length = static_cast<std::int64_t>(samples.size());
    std::vector<float> result(static_cast<std::size_t>(length + 2 * margin));
    std::copy(samples.begin(), samples.end(), result.begin() + margin);
    for (std::int64_t i = 1; i <= margin; ++i) {
        result[margin - i] = samples[i];
        result[margin + length - 1 + i] = samples[length - 1 - i];
    }
    return result;
}

void load_frame(RealFft& fft, const float* samples, std::span<const double> window) {
    double* time = fft.time().data();
    for (std::size_t i = 0; i < window.size(); ++i) time[i] = window[i] * samples[i];
    fft.forward();
}

/// Sum of |ln((a + offset) / (b + offset))|: one logarithm for a run of quotients, whose product stays
/// within the range of double.
double log_distance(const float* a, const float* b, std::size_t count) {
    constexpr std::size_t kRun = 32;
    double sum = 0;
    for (std::size_t i = 0; i < count; i += kRun) {
        double product = 1;
        for (std::size_t j = i; j < std::min(count, i + kRun); ++j) {
            const float high = std::max(a[j], b[j]) + kLogOffset, low = std::min(a[j], b[j]) + kLogOffset;
            product *= static_cast<double>(high / low);
        }
        sum += std::log(product);
    }
    return sum;
}

Analysis analyse(std::span<const float> target, std::span<const float> estimate, Resolution resolution,
                 std::span<const double> window) {
    RealFft fft(static_cast<std::size_t>(resolution.fft_size));
    const std::size_t bins = fft.bins();
    const std::vector<float> wanted_wave = mirrored(target, resolution.fft_size / 2);
    const std::vector<float> got_wave = mirrored(estimate, resolution.fft_size / 2);
    Analysis result;
    result.frames = 1 + static_cast<std::int64_t>(target.size()) / resolution.hop;
    result.target.resize(result.frames * bins);
    result.estimate.resize(result.frames * bins);
    result.spectrum.resize(result.frames * bins);
    for (std::int64_t t = 0; t < result.frames; ++t) {
        float* wanted = result.target.data() + t * bins;
        float* got = result.estimate.data() + t * bins;
        std::complex<float>* spectrum = result.spectrum.data() + t * bins;
        load_frame(fft, wanted_wave.data() + t * resolution.hop, window);
        for (std::size_t k = 0; k < bins; ++k) wanted[k] = magnitude(std::complex<float>(fft.spectrum()[k]));
        load_frame(fft, got_wave.data() + t * resolution.hop, window);
        for (std::size_t k = 0; k < bins; ++k) {
            spectrum[k] = std::complex<float>(fft.spectrum()[k]);
            got[k] = magnitude(spectrum[k]);
        }
        float difference_square = 0, target_square = 0;
        for (std::size_t k = 0; k < bins; ++k) {
            difference_square += (wanted[k] - got[k]) * (wanted[k] - got[k]);
            target_square += wanted[k] * wanted[k];
        }
        result.difference_square += difference_square;
        result.target_square += target_square;
        result.log_sum += log_distance(wanted, got, bins);
    }
    return result;
}

/// gradient by S' = log_weight * sign / (S' + offset) + norm_weight * (S' - S), brought back to the samples.
void backward(Analysis& item, std::int64_t samples, Resolution resolution, std::span<const double> window,
              float log_weight, float norm_weight) {
    RealFft fft(static_cast<std::size_t>(resolution.fft_size));
    const std::size_t bins = fft.bins();
    const std::int64_t margin = resolution.fft_size / 2;
    std::vector<float> padded(static_cast<std::size_t>(samples + 2 * margin), 0.0f);
    for (std::int64_t t = 0; t < item.frames; ++t) {
        const float* wanted = item.target.data() + t * bins;
        const float* got = item.estimate.data() + t * bins;
        const std::complex<float>* spectrum = item.spectrum.data() + t * bins;
        std::complex<double>* out = fft.spectrum().data();
        for (std::size_t k = 0; k < bins; ++k) {
            const float difference = got[k] - wanted[k];
            const float log_slope = std::copysign(log_weight, difference) / (got[k] + kLogOffset);
            const float slope = (log_slope + norm_weight * difference) / got[k];
            out[k] = {slope * spectrum[k].real(), slope * spectrum[k].imag()};
        }
        // inverse() scales by 1/N and counts inner bins twice; the adjoint wants neither.
        out[0] *= 2.0;
        out[bins - 1] *= 2.0;
        fft.inverse();
        const double* time = fft.time().data();
        float* sum = padded.data() + t * resolution.hop;
        for (std::size_t i = 0; i < window.size(); ++i) sum[i] += static_cast<float>(window[i] * time[i]);
    }
    const float scale = 0.5f * static_cast<float>(resolution.fft_size);
    item.gradient.resize(static_cast<std::size_t>(samples));
    for (std::int64_t i = 0; i < samples; ++i) item.gradient[i] = scale * padded[margin + i];
    for (std::int64_t i = 1; i <= margin; ++i) {
        item.gradient[i] += scale * padded[margin - i];
        item.gradient[samples - 1 - i] += scale * padded[margin + samples - 1 + i];
    }
}

}  // namespace

double stft_loss(std::span<const float> target, std::span<const float> estimate, std::int64_t items,
                 std::span<float> gradient) {
    const auto samples = static_cast<std::int64_t>(target.size()) / items;
    LINVOX_ASSERT(target.size() == estimate.size() && samples > kResolutions[1].fft_size / 2,
                  "{} and {} samples in {} items", target.size(), estimate.size(), items);
    std::vector<std::vector<double>> windows;
    for (const Resolution& r : kResolutions)
        windows.push_back(periodic_hann(static_cast<std::size_t>(r.fft_size)));
    const std::int64_t units = items * kResolutionCount;
    std::vector<Analysis> analyses(static_cast<std::size_t>(units));
    at::parallel_for(0, units, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t u = begin; u < end; ++u) {
            const std::int64_t item = u / kResolutionCount, r = u % kResolutionCount;
            analyses[u] = analyse(target.subspan(item * samples, samples),
                                  estimate.subspan(item * samples, samples), kResolutions[r], windows[r]);
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
