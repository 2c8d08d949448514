// Windows, short-time spectra and mel bands: the front ends of the metrics and of the codec.
// Double inside. Nothing here resamples or normalises the level.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace linvox {

/// 0.5 - 0.5 cos(2 pi i / n), i = 0..n-1: the window for spectra.
std::vector<double> periodic_hann(std::size_t n);
/// 0.5 - 0.5 cos(2 pi i / (n - 1)): zero at both ends.
std::vector<double> symmetric_hann(std::size_t n);
/// 0.54 - 0.46 cos(2 pi i / (n - 1)).
std::vector<double> symmetric_hamming(std::size_t n);

enum class Framing {
    complete,  // frame t covers samples [t hop, t hop + window), complete frames only
    reflect,   // `padding` samples mirrored at both ends (edge sample not repeated), then complete
};

struct StftConfig {
    std::size_t fft_size = 1024;
    std::size_t hop = 160;
    std::vector<double> window;  // at most fft_size long
    Framing framing = Framing::complete;
    std::size_t padding = 0;  // of `reflect`; fft_size / 2 centres the frames
    // `reflect` frames are fft_size long with the window in their middle; `complete` frames are as
    // long as the window, followed by zeros.
};

/// Row-major [frames, bins], bins = fft_size / 2 + 1.
struct Spectrogram {
    std::size_t frames = 0;
    std::size_t bins = 0;
    std::vector<double> values;
    std::span<const double> frame(std::size_t t) const { return {values.data() + t * bins, bins}; }
};

/// |X|^2 of every frame. Too few samples for one frame give zero frames.
Spectrogram power_spectrogram(std::span<const float> samples, const StftConfig& config);
/// |X| of every frame.
Spectrogram magnitude_spectrogram(std::span<const float> samples, const StftConfig& config);

enum class MelScale {
    slaney,  // linear below 1 kHz, logarithmic above (Slaney's Auditory Toolbox)
    htk,     // 2595 log10(1 + f / 700)
};

/// Triangles on the mel scale, stored as the non-zero run of each band.
struct MelFilterbank {
    struct Band {
        std::size_t first_bin;
        std::vector<double> weights;
    };
    std::size_t bins = 0;
    std::vector<Band> bands;

    /// spectrum [bins] -> out [bands].
    void apply(std::span<const double> spectrum, std::span<double> out) const;
};

/// Corner frequencies are equally spaced in mel from `low_hz` to `high_hz`. With `unit_area` each
/// triangle is divided by half its width in Hz (librosa's norm="slaney"); otherwise its peak is 1.
MelFilterbank mel_filterbank(int sample_rate_hz, std::size_t fft_size, std::size_t bands, double low_hz,
                             double high_hz, MelScale scale, bool unit_area);

/// The log-mel front end of the default codec.
struct LogMelConfig {
    int sample_rate_hz = 16000;
    std::size_t fft_size = 1024;
    std::size_t window = 800;  // periodic Hann in the middle of the frame
    std::size_t hop = 160;
    std::size_t bands = 80;  // Slaney, unit area
    double low_hz = 0;
    double high_hz = 8000;
    double floor = 1e-4;  // ln max(mel, floor)
};

/// Log-mel magnitudes in nats, row-major [frames, bands], frames = 1 + samples / hop: centred
/// frames with reflect padding of fft_size / 2. The caller pads with zeros and cuts frames.
/// Throws BugError on no samples.
std::vector<float> log_mel(std::span<const float> samples, const LogMelConfig& config = {});

}  // namespace linvox
