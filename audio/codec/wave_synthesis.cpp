#include "audio/codec/wave_synthesis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>

#include "audio/codec/mel_tokenizer.h"
#include "audio/fft.h"
#include "audio/spectrum.h"
#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

constexpr float kLargestMagnitude = 100.0f;
constexpr float kPhaseEpsilon = 1e-8f;
constexpr int kMargin = (kMelFft - kMelWindow) / 2;  // zeros on each side of the window

/// Offset of a frame's first windowed sample from the frame's start on the output time line.
std::int64_t first_sample(std::int64_t frame) { return frame * kMelHop - kMelWindow / 2; }

const std::vector<double>& window() {
    static const std::vector<double> values = periodic_hann(kMelWindow);
    return values;
}

/// Calls `visit(i, n)` for every windowed sample i of the frame that falls on sample n of the output.
template <typename Visit>
void for_each_sample(std::int64_t frame, std::int64_t length, const Visit& visit) {
    const std::int64_t start = first_sample(frame);
    const std::int64_t low = std::max<std::int64_t>(0, -start);
    const std::int64_t high = std::min<std::int64_t>(kMelWindow, length - start);
    for (std::int64_t i = low; i < high; ++i) visit(i, start + i);
}

/// 1 / sum of squared windows at every output sample.
std::vector<double> inverse_envelope(std::int64_t frames) {
    std::vector<double> envelope(static_cast<std::size_t>(frames * kMelHop), 0.0);
    const std::vector<double>& w = window();
    for (std::int64_t t = 0; t < frames; ++t) {
        for_each_sample(t, frames * kMelHop, [&](auto i, auto n) { envelope[n] += w[i] * w[i]; });
    }
    for (double& value : envelope) value = 1.0 / value;
    return envelope;
}

/// Adds the frame held by fft.spectrum() to the wave.
void overlap_add(RealFft& fft, std::int64_t frame, std::vector<double>& wave) {
    fft.inverse();
    const std::vector<double>& w = window();
    const double* time = fft.time().data() + kMargin;
    for_each_sample(frame, static_cast<std::int64_t>(wave.size()),
                    [&](auto i, auto n) { wave[n] += w[i] * time[i]; });
}

/// The spectrum of one windowed frame of `wave`, zeros outside the wave.
void analyse(RealFft& fft, std::int64_t frame, const std::vector<double>& wave) {
    std::fill(fft.time().begin(), fft.time().end(), 0.0);
    const std::vector<double>& w = window();
    double* time = fft.time().data() + kMargin;
    for_each_sample(frame, static_cast<std::int64_t>(wave.size()),
                    [&](auto i, auto n) { time[i] = w[i] * wave[n]; });
    fft.forward();
}

std::int64_t frame_count(std::size_t values, int row) {
    LINVOX_ASSERT(values > 0 && values % static_cast<std::size_t>(row) == 0, "{} values are not rows of {}",
                  values, row);
    return static_cast<std::int64_t>(values) / row;
}

}  // namespace

void synthesise_wave(std::span<const float> rows, const MagnitudeScale& scale, std::span<float> samples) {
    const std::int64_t frames = frame_count(rows.size(), kHeadRow);
    RealFft fft(kMelFft);
    std::vector<double> wave(static_cast<std::size_t>(frames * kMelHop), 0.0);
    for (std::int64_t t = 0; t < frames; ++t) {
        const float* m = rows.data() + t * kHeadRow;
        const float* p = m + kSpectrumBins;
        const float* q = p + kSpectrumBins;
        for (int k = 0; k < kSpectrumBins; ++k) {
            const float magnitude = std::min(std::exp(scale.mean[k] + scale.scale * m[k]), kLargestMagnitude);
            const float unit = magnitude / std::sqrt(p[k] * p[k] + q[k] * q[k] + kPhaseEpsilon);
            fft.spectrum()[k] = {unit * p[k], unit * q[k]};
        }
        overlap_add(fft, t, wave);
    }
    const std::vector<double> envelope = inverse_envelope(frames);
    for (std::size_t n = 0; n < wave.size(); ++n) samples[n] = static_cast<float>(wave[n] * envelope[n]);
}

void synthesise_wave_backward(std::span<const float> rows, const MagnitudeScale& scale,
                              std::span<const float> sample_gradient, std::span<float> row_gradient) {
    const std::int64_t frames = frame_count(rows.size(), kHeadRow);
    RealFft fft(kMelFft);
    std::vector<double> wave = inverse_envelope(frames);
    for (std::size_t n = 0; n < wave.size(); ++n) wave[n] *= sample_gradient[n];
    for (std::int64_t t = 0; t < frames; ++t) {
        analyse(fft, t, wave);
        const float* m = rows.data() + t * kHeadRow;
        const float* p = m + kSpectrumBins;
        const float* q = p + kSpectrumBins;
        float* out = row_gradient.data() + t * kHeadRow;
        for (int k = 0; k < kSpectrumBins; ++k) {
            // The inverse real FFT counts inner bins twice and ignores the imaginary ends.
            const bool inner = k > 0 && k + 1 < kSpectrumBins;
            const float weight = (inner ? 2.0f : 1.0f) / kMelFft;
            const float real = weight * static_cast<float>(fft.spectrum()[k].real());
            const float imaginary = inner ? weight * static_cast<float>(fft.spectrum()[k].imag()) : 0.0f;
            const float magnitude = std::exp(scale.mean[k] + scale.scale * m[k]);
            const float inverse_square = 1.0f / (p[k] * p[k] + q[k] * q[k] + kPhaseEpsilon);
            const float inverse_norm = std::sqrt(inverse_square);
            const float along = real * p[k] + imaginary * q[k];
            const bool clipped = magnitude > kLargestMagnitude;
            const float turned = std::min(magnitude, kLargestMagnitude) * inverse_norm;
            out[k] = clipped ? 0.0f : along * inverse_norm * magnitude * scale.scale;
            out[kSpectrumBins + k] = turned * (real - p[k] * along * inverse_square);
            out[2 * kSpectrumBins + k] = turned * (imaginary - q[k] * along * inverse_square);
        }
    }
}

std::vector<float> griffin_lim(std::span<const float> magnitudes, int iterations, std::uint64_t seed) {
    constexpr double kMomentum = 0.99 / 1.99;  // alpha / (1 + alpha)
    const std::int64_t frames = frame_count(magnitudes.size(), kSpectrumBins);
    RealFft fft(kMelFft);
    Rng rng(seed);
    std::vector<std::complex<double>> phase(magnitudes.size()), previous(magnitudes.size());
    for (auto& unit : phase) unit = std::polar(1.0, 2 * M_PI * rng.uniform());
    const std::vector<double> envelope = inverse_envelope(frames);
    std::vector<double> wave;
    for (int iteration = 0;; ++iteration) {
        wave.assign(static_cast<std::size_t>(frames * kMelHop), 0.0);
        for (std::int64_t t = 0; t < frames; ++t) {
            const std::int64_t row = t * kSpectrumBins;
            for (int k = 0; k < kSpectrumBins; ++k) {
                fft.spectrum()[k] = static_cast<double>(magnitudes[row + k]) * phase[row + k];
            }
            overlap_add(fft, t, wave);
        }
        for (std::size_t n = 0; n < wave.size(); ++n) wave[n] *= envelope[n];
        if (iteration == iterations) return {wave.begin(), wave.end()};
        for (std::int64_t t = 0; t < frames; ++t) {
            analyse(fft, t, wave);
            for (int k = 0; k < kSpectrumBins; ++k) {
                const std::int64_t i = t * kSpectrumBins + k;
                const std::complex<double> value = fft.spectrum()[k];
                const std::complex<double> ahead = value - kMomentum * previous[i];
                previous[i] = value;
                phase[i] = ahead / (std::sqrt(std::norm(ahead)) + 1e-9);  // abs() would call hypot
            }
        }
    }
}

}  // namespace linvox
