// Level and spectral distances of sample-synchronous pairs. Equal lengths (BugError otherwise), one
// rate, level untouched. Reasons everywhere: silent (reference all zero), too_short.
#pragma once

#include <span>

#include "eval/outcome.h"

namespace linvox {

/// A ratio in dB, kept within +-100 dB.
struct Decibels {
    double value = 0;
    bool clamped = false;
};

/// Both made zero-mean; the reference scaled to fit. J. Le Roux et al., ICASSP 2019.
Outcome<Decibels> si_sdr(std::span<const float> reference, std::span<const float> test);
/// 10 log10(sum s^2 / sum (s - x)^2).
Outcome<Decibels> snr(std::span<const float> reference, std::span<const float> test);
/// Mean over 30 ms frames, hop 7.5 ms, each limited to [-10, 35] dB; the last frame is dropped.
/// P. Loizou, "Speech Enhancement: Theory and Practice", 2nd ed., 2013.
Outcome<double> segmental_snr(std::span<const float> reference, std::span<const float> test,
                              int sample_rate_hz);
/// Weighted over 25 critical bands (Y. Hu, P. Loizou, IEEE TASLP 16(1), 2008). Rate at least 8 kHz,
/// not_applicable otherwise.
Outcome<double> frequency_weighted_snr(std::span<const float> reference, std::span<const float> test,
                                       int sample_rate_hz);
/// Log-spectral distance in dB, frames 2048/512.
Outcome<double> log_spectral_distance(std::span<const float> reference, std::span<const float> test);
/// Mean absolute difference of 80 log-mel bands, nepers.
Outcome<double> mel_l1(std::span<const float> reference, std::span<const float> test, int sample_rate_hz);

struct MultiResolutionStft {
    double convergence = 0;    // ||S - S'||F / ||S||F, mean of three resolutions
    double log_magnitude = 0;  // mean |ln S - ln S'|, the same
    double sum() const { return convergence + log_magnitude; }
};
/// R. Yamamoto, E. Song, J.-M. Kim, "Parallel WaveGAN", ICASSP 2020.
Outcome<MultiResolutionStft> multi_resolution_stft(std::span<const float> reference,
                                                   std::span<const float> test);

}  // namespace linvox
