// Audio files in and out (libsndfile: WAV, FLAC, Ogg Vorbis, Ogg Opus, MP3, ...). Mono inside.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

namespace linvox {

/// Mono samples in [-1, 1].
struct Wave {
    std::vector<float> samples;
    int sample_rate_hz = 0;
    double duration_s() const {
        return sample_rate_hz ? static_cast<double>(samples.size()) / sample_rate_hz : 0;
    }
};

/// Reads any format libsndfile knows; channels are averaged. DataError (file, reason) when the
/// file is missing, empty, truncated, not audio, or holds NaN or Inf.
Wave read_wave(const std::filesystem::path& path);

/// read_wave, then resample (resample.h) to the wanted rate.
Wave read_wave(const std::filesystem::path& path, int sample_rate_hz);

/// 16-bit PCM WAV, rounded and clipped to [-1, 1], written atomically.
void write_wave(const std::filesystem::path& path, std::span<const float> samples, int sample_rate_hz);

}  // namespace linvox
