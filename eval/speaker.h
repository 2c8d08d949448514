// Voice similarity without trained weights: Gaussians of MFCC frames (profile mfcc.c20). A
// channel-sensitive baseline, not comparable with neural speaker similarity.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "eval/outcome.h"

namespace linvox {

inline constexpr std::size_t kMfccOrder = 20;
inline constexpr std::size_t kGaussianMinFrames = 100;
inline constexpr std::size_t kFrechetMinFrames = 500;

/// MFCC c1..c20 of the frames within 35 dB of the loudest, row-major [*, 20]; any rate, resampled
/// to 16 kHz inside. Reasons: too_short (no frame), silent.
Outcome<std::vector<double>> mfcc_c20(std::span<const float> samples, int sample_rate_hz);

struct Gaussian {
    std::size_t dim = 0;
    std::size_t frames = 0;
    std::vector<double> mean;        // [dim]
    std::vector<double> covariance;  // [dim, dim], divided by N - 1, not regularised
};

/// Reason: too_short (fewer than kGaussianMinFrames).
Outcome<Gaussian> fit_gaussian(std::span<const double> features, std::size_t dim);

/// Bhattacharyya distance; 0 for equal voices. 1e-6 tr(S)/dim is added to both diagonals.
double bhattacharyya(const Gaussian& a, const Gaussian& b);

/// Arithmetic-harmonic sphericity (F. Bimbot, L. Mathan, Eurospeech 1993), the same regularisation.
double sphericity(const Gaussian& a, const Gaussian& b);

/// Cosine of [mean, SD] after z-normalisation on a background set. Reason: too_few (background
/// under 10 files).
Outcome<double> z_cosine(const Gaussian& a, const Gaussian& b, std::span<const Gaussian> background);

/// Frechet distance of two frame sets, row-major [*, dim]: fad.mfcc over mfcc_c20 frames.
/// Biased for few frames (about 1.3 at 100, 0.13 at 1000 with dim 20). Reason: too_few (under 500).
Outcome<double> frechet_distance(std::span<const double> a, std::span<const double> b, std::size_t dim);

}  // namespace linvox
