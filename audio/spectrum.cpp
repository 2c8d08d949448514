// Windows, framing, spectra and mel bands. See the header for the conventions.
#include "audio/spectrum.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "audio/fft.h"
#include "src/base/error.h"

namespace linvox {
namespace {

constexpr double kPi = std::numbers::pi;

std::vector<double> cosine_window(std::size_t n, double offset, double divisor) {
    std::vector<double> window(n, 1.0);
    if (divisor <= 0) return window;
    for (std::size_t i = 0; i < n; ++i)
        window[i] = offset - (1 - offset) * std::cos(2 * kPi * static_cast<double>(i) / divisor);
    return window;
}

// Index `i` folded into [0, n) by mirrors at both ends, the end samples not repeated.
std::size_t mirrored(std::ptrdiff_t i, std::size_t n) {
    if (n == 1) return 0;
    const auto period = static_cast<std::ptrdiff_t>(2 * (n - 1));
    i = ((i % period) + period) % period;
    return static_cast<std::size_t>(std::min(i, period - i));
}

// Copies frame `start` .. `start + window` times the window into the buffer; zeros elsewhere.
class FrameReader {
public:
    FrameReader(std::span<const float> samples, const StftConfig& config)
        : samples_(samples), config_(config) {
        const std::size_t width = config.window.size();
        LINVOX_ASSERT(width >= 1 && width <= config.fft_size && config.hop >= 1,
                      "STFT: window {}, FFT {}, hop {}", width, config.fft_size, config.hop);
        const bool reflect = config.framing == Framing::reflect;
        LINVOX_ASSERT(!reflect || !samples.empty(), "STFT with reflection of no samples");
        padding_ = reflect ? config.padding : 0;
        lead_ = reflect ? (config.fft_size - width) / 2 : 0;
        const std::size_t span = reflect ? config.fft_size : width;
        const std::size_t length = samples.size() + 2 * padding_;
        frames_ = length < span ? 0 : (length - span) / config.hop + 1;
    }

    std::size_t frames() const { return frames_; }

    void read(std::size_t t, std::span<double> buffer) const {
        std::fill(buffer.begin(), buffer.end(), 0.0);
        const auto start =
            static_cast<std::ptrdiff_t>(t * config_.hop + lead_) - static_cast<std::ptrdiff_t>(padding_);
        const auto width = static_cast<std::ptrdiff_t>(config_.window.size());
        const auto size = static_cast<std::ptrdiff_t>(samples_.size());
        const bool inside = start >= 0 && start + width <= size;
        for (std::ptrdiff_t i = 0; i < width; ++i) {
            const std::size_t from =
                inside ? static_cast<std::size_t>(start + i) : mirrored(start + i, samples_.size());
            buffer[lead_ + static_cast<std::size_t>(i)] =
                samples_[from] * config_.window[static_cast<std::size_t>(i)];
        }
    }

private:
    std::span<const float> samples_;
    const StftConfig& config_;
    std::size_t padding_ = 0, lead_ = 0, frames_ = 0;
};

// Calls visit(t, spectrum) for every frame.
template <typename Visit>
std::size_t for_each_frame(std::span<const float> samples, const StftConfig& config, const Visit& visit) {
    const FrameReader reader(samples, config);
    RealFft fft(config.fft_size);
    for (std::size_t t = 0; t < reader.frames(); ++t) {
        reader.read(t, fft.time());
        fft.forward();
        visit(t, std::span<const std::complex<double>>(fft.spectrum()));
    }
    return reader.frames();
}

template <typename Value>
Spectrogram spectrogram(std::span<const float> samples, const StftConfig& config, const Value& value) {
    Spectrogram result;
    result.bins = config.fft_size / 2 + 1;
    result.frames = for_each_frame(samples, config, [&](std::size_t, auto spectrum) {
        for (const auto& bin : spectrum) result.values.push_back(value(bin));
    });
    return result;
}

double to_mel(double hz, MelScale scale) {
    if (scale == MelScale::htk) return 2595.0 * std::log10(1.0 + hz / 700.0);
    // Slaney: 200/3 Hz per mel up to 1 kHz, then 27 steps per factor of 6.4.
    return hz < 1000.0 ? hz * 3.0 / 200.0 : 15.0 + 27.0 * std::log(hz / 1000.0) / std::log(6.4);
}

double to_hz(double mel, MelScale scale) {
    if (scale == MelScale::htk) return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0);
    return mel < 15.0 ? mel * 200.0 / 3.0 : 1000.0 * std::exp((mel - 15.0) * std::log(6.4) / 27.0);
}

}  // namespace

std::vector<double> periodic_hann(std::size_t n) { return cosine_window(n, 0.5, static_cast<double>(n)); }

std::vector<double> symmetric_hann(std::size_t n) {
    return cosine_window(n, 0.5, static_cast<double>(n) - 1);
}

std::vector<double> symmetric_hamming(std::size_t n) {
    return cosine_window(n, 0.54, static_cast<double>(n) - 1);
}

Spectrogram power_spectrogram(std::span<const float> samples, const StftConfig& config) {
    return spectrogram(samples, config, [](const std::complex<double>& z) { return std::norm(z); });
}

Spectrogram magnitude_spectrogram(std::span<const float> samples, const StftConfig& config) {
    return spectrogram(samples, config,
                       [](const std::complex<double>& z) { return std::sqrt(std::norm(z)); });
}

void MelFilterbank::apply(std::span<const double> spectrum, std::span<double> out) const {
    for (std::size_t b = 0; b < bands.size(); ++b) {
        const Band& band = bands[b];
        double sum = 0;
        for (std::size_t i = 0; i < band.weights.size(); ++i)
            sum += band.weights[i] * spectrum[band.first_bin + i];
        out[b] = sum;
    }
}

MelFilterbank mel_filterbank(int sample_rate_hz, std::size_t fft_size, std::size_t bands, double low_hz,
                             double high_hz, MelScale scale, bool unit_area) {
    LINVOX_ASSERT(sample_rate_hz > 0 && bands > 0 && low_hz >= 0 && low_hz < high_hz,
                  "mel bands: rate {}, {} bands from {} to {} Hz", sample_rate_hz, bands, low_hz, high_hz);
    std::vector<double> corner(bands + 2);
    const double low = to_mel(low_hz, scale), high = to_mel(high_hz, scale);
    for (std::size_t i = 0; i < corner.size(); ++i)
        corner[i] =
            to_hz(low + (high - low) * static_cast<double>(i) / static_cast<double>(bands + 1), scale);

    MelFilterbank bank;
    bank.bins = fft_size / 2 + 1;
    for (std::size_t b = 0; b < bands; ++b) {
        const double left = corner[b], peak = corner[b + 1], right = corner[b + 2];
        const double height = unit_area ? 2.0 / (right - left) : 1.0;
        MelFilterbank::Band band{bank.bins, {}};
        for (std::size_t k = 0; k < bank.bins; ++k) {
            const double hz = static_cast<double>(k) * sample_rate_hz / static_cast<double>(fft_size);
            const double weight = std::min((hz - left) / (peak - left), (right - hz) / (right - peak));
            if (weight <= 0) continue;
            if (band.weights.empty()) band.first_bin = k;
            band.weights.push_back(weight * height);
        }
        if (band.weights.empty()) band.first_bin = 0;
        bank.bands.push_back(std::move(band));
    }
    return bank;
}

std::vector<float> log_mel(std::span<const float> samples, const LogMelConfig& config) {
    const StftConfig stft{.fft_size = config.fft_size,
                          .hop = config.hop,
                          .window = periodic_hann(config.window),
                          .framing = Framing::reflect,
                          .padding = config.fft_size / 2};
    const MelFilterbank bank = mel_filterbank(config.sample_rate_hz, config.fft_size, config.bands,
                                              config.low_hz, config.high_hz, MelScale::slaney, true);
    std::vector<double> magnitude(bank.bins), mel(config.bands);
    std::vector<float> out;
    out.reserve((samples.size() / config.hop + 1) * config.bands);
    for_each_frame(samples, stft, [&](std::size_t, auto spectrum) {
        for (std::size_t k = 0; k < magnitude.size(); ++k) magnitude[k] = std::sqrt(std::norm(spectrum[k]));
        bank.apply(magnitude, mel);
        for (double m : mel) out.push_back(static_cast<float>(std::log(std::max(m, config.floor))));
    });
    return out;
}

}  // namespace linvox
