// The closed-form half of melkm: log mel -> normalise -> stack two frames -> PCA -> nearest centroid.
// Applies the tables; src/train/codec_fit.h makes them. No torch in this header.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace linvox {

/// The front end is fixed: its numbers are part of the digest.
inline constexpr int kMelSampleRate = 16000;
inline constexpr int kMelFft = 1024;
inline constexpr int kMelWindow = 800;  // periodic Hann, centred in the FFT frame
inline constexpr int kMelHop = 160;
inline constexpr int kMelBands = 80;  // Slaney triangles, 0 to 8000 Hz, area normalised
inline constexpr int kMelStack = 2;   // mel frames per code
inline constexpr int kMelStacked = kMelStack * kMelBands;
inline constexpr int kMelCodeSamples = kMelStack * kMelHop;
inline constexpr double kMelFloor = 1e-4;  // ln max(mel, floor)

struct MelTokenizer {
    float mel_mean = 0;  // one scalar each, over the training set
    float mel_std = 1;
    int dimensions = 0;            // D, after PCA
    int codebook_size = 0;         // K
    std::vector<float> pca_mean;   // [160]
    std::vector<float> pca_basis;  // [160, D]
    std::vector<float> centroids;  // [K, D]
};

/// Codes of a wave of this many samples: max(2, ceil(samples / 320)).
std::int64_t mel_code_count(std::int64_t samples);

/// ln max(mel, 1e-4) of a wave, zero-padded on the right to whole codes (at least two):
/// [2 * mel_code_count, 80]. The frame centred on the last sample's end belongs to no code and is dropped.
/// DataError on an empty wave, NaN or Inf.
std::vector<float> codec_log_mel(std::span<const float> wave);

/// Frames [count, 80] -> the same audio in another time grid: `shift` frames dropped at the start, then
/// linear interpolation onto round(frames * stretch) frames (rounded down to an even number, at least 2).
/// Frame i of the result stands at i / stretch of the input; the last input frame is held.
std::vector<float> stretch_frames(std::span<const float> log_mel, double stretch, int shift);

/// Normalised and stacked: [frames / 2, 160], dimension 2 * band + frame; an odd last frame is dropped.
std::vector<double> stack_frames(std::span<const float> log_mel, float mean, float standard_deviation);

/// Codes of log-mel frames [frames, 80]: projection and comparison in double, lowest index on a tie.
std::vector<std::int32_t> nearest_codes(const MelTokenizer& tokenizer, std::span<const float> log_mel);

/// What each centroid stands for, un-normalised log mel: [K, 2, 80].
std::vector<float> centroid_log_mel(const MelTokenizer& tokenizer);

/// SHA-256 over the front-end numbers and the tables: everything that turns a wave into codes.
std::string tokenizer_digest(const MelTokenizer& tokenizer);

}  // namespace linvox
