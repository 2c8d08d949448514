// Magnitude and phase rows to samples (inverse STFT) and the gradient of that map, written out by hand:
// per frame everything stays in cache, which made a training step over twice as fast as at::istft with
// autograd. No tensors here; at::istft is the oracle in the tests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace linvox {

inline constexpr int kSpectrumBins = 513;  // kMelFft / 2 + 1
inline constexpr int kHeadRow = 3 * kSpectrumBins;

/// How head rows are to be read. One row is [m | p | q] of 513 values each:
/// magnitude = min(exp(mean + scale * m), 100), phase = (p, q) / sqrt(p^2 + q^2 + 1e-8).
struct MagnitudeScale {
    std::vector<float> mean;  // [513], of ln max(|S|, 1e-3)
    float scale = 1;          // one standard deviation for all bins
};

/// Rows [frames, 1539] -> 160 * frames samples: inverse FFT 1024, window 800, overlap-add at hop 160
/// with centred frames, division by the summed squared window.
void synthesise_wave(std::span<const float> rows, const MagnitudeScale& scale, std::span<float> samples);

/// Gradient of a scalar by the samples -> by the rows (overwritten).
void synthesise_wave_backward(std::span<const float> rows, const MagnitudeScale& scale,
                              std::span<const float> sample_gradient, std::span<float> row_gradient);

/// Fast Griffin-Lim (Perraudin, Balazs & Sondergaard 2013, momentum 0.99) from magnitudes
/// [frames, 513] to 160 * frames samples; phases start at random from the seed.
std::vector<float> griffin_lim(std::span<const float> magnitudes, int iterations, std::uint64_t seed);

}  // namespace linvox
