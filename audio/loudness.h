// Loudness and peaks after ITU-R BS.1770-4, EBU R 128 and EBU Tech 3342 (libebur128).
#pragma once

#include <optional>
#include <span>

namespace linvox {

struct Loudness {
    std::optional<double> integrated_lufs;  // none: under 400 ms, or every block gated
    std::optional<double> range_lu;         // none: under 10 s, or every block gated
    std::optional<double> peak_dbfs;        // none: digital silence
    std::optional<double> true_peak_dbfs;   // oversampled; none: digital silence
};

Loudness measure_loudness(std::span<const float> samples, int sample_rate_hz);

/// Gain in dB that brings the wave to `target_lufs` without pushing its sample peak above
/// `peak_dbfs`; 0 when the loudness is undefined. For playback only.
double playback_gain_db(const Loudness& loudness, double target_lufs, double peak_dbfs = -1);

}  // namespace linvox
