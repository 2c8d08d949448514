// Distances of synchronous pairs, from plain ratios to spectra.
#include "eval/spectral.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "audio/fft.h"
#include "audio/spectrum.h"
#include "src/base/error.h"

namespace linvox {
namespace {

constexpr double kTiny = std::numeric_limits<double>::epsilon();
constexpr double kFrameSnrMin = -10, kFrameSnrMax = 35;

// The reason why a pair cannot be compared, or "".
std::string_view refusal(std::span<const float> reference, std::span<const float> test) {
    LINVOX_ASSERT(reference.size() == test.size(), "a synchronous pair of {} and {} samples",
                  reference.size(), test.size());
    if (reference.empty()) return kTooShort;
    const bool zero = std::all_of(reference.begin(), reference.end(), [](float x) { return x == 0; });
    return zero ? kSilent : std::string_view();
}

Decibels ratio_db(double signal, double noise) {
    const double db = signal <= 0 ? -1000 : noise <= 0 ? 1000 : 10 * std::log10(signal / noise);
    const double limited = std::clamp(db, -100.0, 100.0);
    return {limited, limited != db};
}

double mean(std::span<const float> x) {
    double sum = 0;
    for (float v : x) sum += v;
    return sum / static_cast<double>(x.size());
}

// Frames of the segmental ratios (Loizou, chapter 11): 30 ms, hop 7.5 ms, the last one dropped.
struct SnrFrames {
    std::size_t width, hop, count;
    std::vector<double> window;
};

SnrFrames snr_frames(std::size_t samples, int sample_rate_hz) {
    SnrFrames frames{};
    frames.width = static_cast<std::size_t>(std::lround(0.03 * sample_rate_hz));
    frames.hop = static_cast<std::size_t>(0.0075 * sample_rate_hz + 1e-9);
    const bool some = frames.hop > 0 && samples >= frames.width;
    frames.count = some ? (samples - frames.width) / frames.hop : 0;
    for (std::size_t i = 1; i <= frames.width; ++i)
        frames.window.push_back(0.5 * (1 - std::cos(2 * std::numbers::pi * static_cast<double>(i) /
                                                    static_cast<double>(frames.width + 1))));
    return frames;
}

struct CriticalBand {
    double centre_hz, width_hz;
};
// Hu and Loizou's 25 bands: centre frequencies and bandwidths.
constexpr CriticalBand kCriticalBands[] = {
    {50, 70},           {120, 70},          {190, 70},          {260, 70},          {330, 70},
    {400, 70},          {470, 70},          {540, 77.3724},     {617.372, 86.0056}, {703.378, 95.3398},
    {798.717, 105.411}, {904.128, 116.256}, {1020.38, 127.914}, {1148.30, 140.423}, {1288.72, 153.823},
    {1442.54, 168.154}, {1610.70, 183.457}, {1794.16, 199.776}, {1993.93, 217.153}, {2211.08, 235.631},
    {2446.71, 255.255}, {2701.97, 276.072}, {2978.04, 298.126}, {3276.17, 321.465}, {3597.63, 346.136}};

// [band][bin]: Gaussian-like filters with the gain of the narrowest band's width over their own.
std::vector<std::vector<double>> critical_filters(std::size_t bins, int sample_rate_hz) {
    const double bins_per_hz = static_cast<double>(bins) / (0.5 * sample_rate_hz);
    std::vector<std::vector<double>> filters;
    for (const CriticalBand& band : kCriticalBands) {
        const double centre = std::floor(band.centre_hz * bins_per_hz), width = band.width_hz * bins_per_hz;
        std::vector<double> filter(bins);
        for (std::size_t k = 0; k < bins; ++k) {
            const double x = (static_cast<double>(k) - centre) / width;
            const double gain = std::exp(-11 * x * x + std::log(70 / band.width_hz));
            filter[k] = gain > std::exp(-30 / (2 * 2.303)) ? gain : 0;
        }
        filters.push_back(std::move(filter));
    }
    return filters;
}

// Magnitudes of the frame divided by their sum, then band by band.
void band_levels(std::span<const float> x, const SnrFrames& frames, std::size_t start, RealFft& fft,
                 const std::vector<std::vector<double>>& filters, std::vector<double>& out) {
    std::fill(fft.time().begin(), fft.time().end(), 0.0);
    for (std::size_t i = 0; i < frames.width; ++i)
        fft.time()[i] = (static_cast<double>(x[start + i]) + kTiny) * frames.window[i];
    fft.forward();
    std::vector<double> magnitude(fft.bins() - 1);  // without the Nyquist bin
    double sum = 0;
    for (std::size_t k = 0; k < magnitude.size(); ++k) sum += magnitude[k] = std::abs(fft.spectrum()[k]);
    for (std::size_t b = 0; b < filters.size(); ++b) {
        double level = 0;
        for (std::size_t k = 0; k < magnitude.size(); ++k) level += filters[b][k] * magnitude[k];
        out[b] = level / sum;
    }
}

double weighted_frame_snr(const std::vector<double>& clean, const std::vector<double>& noisy) {
    double sum = 0, weights = 0;
    for (std::size_t b = 0; b < clean.size(); ++b) {
        const double difference = clean[b] - noisy[b], weight = std::pow(clean[b], 0.2);
        sum += weight * 10 * std::log10(clean[b] * clean[b] / std::max(difference * difference, kTiny));
        weights += weight;
    }
    return std::clamp(sum / weights, kFrameSnrMin, kFrameSnrMax);
}

}  // namespace

Outcome<Decibels> si_sdr(std::span<const float> reference, std::span<const float> test) {
    if (const auto why = refusal(reference, test); !why.empty()) return Outcome<Decibels>::failed(why);
    const double ms = mean(reference), mx = mean(test);
    double ss = 0, xs = 0;
    for (std::size_t i = 0; i < test.size(); ++i) {
        ss += (reference[i] - ms) * (reference[i] - ms);
        xs += (test[i] - mx) * (reference[i] - ms);
    }
    if (!(ss > 0)) return Outcome<Decibels>::failed(kSilent);  // constant
    const double scale = xs / ss;
    double noise = 0;
    for (std::size_t i = 0; i < test.size(); ++i) {
        const double e = scale * (reference[i] - ms) - (test[i] - mx);
        noise += e * e;
    }
    return ratio_db(scale * scale * ss, noise);
}

Outcome<Decibels> snr(std::span<const float> reference, std::span<const float> test) {
    if (const auto why = refusal(reference, test); !why.empty()) return Outcome<Decibels>::failed(why);
    double signal = 0, noise = 0;
    for (std::size_t i = 0; i < test.size(); ++i) {
        const double s = reference[i], e = s - test[i];
        signal += s * s;
        noise += e * e;
    }
    return ratio_db(signal, noise);
}

Outcome<double> segmental_snr(std::span<const float> reference, std::span<const float> test,
                              int sample_rate_hz) {
    if (const auto why = refusal(reference, test); !why.empty()) return Outcome<double>::failed(why);
    const SnrFrames frames = snr_frames(reference.size(), sample_rate_hz);
    if (frames.count < 1) return Outcome<double>::failed(kTooShort);
    double sum = 0;
    for (std::size_t t = 0; t < frames.count; ++t) {
        double signal = 0, noise = 0;
        for (std::size_t i = 0; i < frames.width; ++i) {
            const double s = reference[t * frames.hop + i] * frames.window[i];
            const double e = s - test[t * frames.hop + i] * frames.window[i];
            signal += s * s;
            noise += e * e;
        }
        sum += std::clamp(10 * std::log10(signal / (noise + kTiny) + kTiny), kFrameSnrMin, kFrameSnrMax);
    }
    return sum / static_cast<double>(frames.count);
}

Outcome<double> frequency_weighted_snr(std::span<const float> reference, std::span<const float> test,
                                       int sample_rate_hz) {
    if (const auto why = refusal(reference, test); !why.empty()) return Outcome<double>::failed(why);
    if (sample_rate_hz < 8000) return Outcome<double>::failed(kNotApplicable);
    const SnrFrames frames = snr_frames(reference.size(), sample_rate_hz);
    if (frames.count < 1) return Outcome<double>::failed(kTooShort);
    RealFft fft(next_power_of_two(2 * frames.width));
    const auto filters = critical_filters(fft.size() / 2, sample_rate_hz);
    std::vector<double> clean(filters.size()), noisy(filters.size());
    double sum = 0;
    for (std::size_t t = 0; t < frames.count; ++t) {
        band_levels(reference, frames, t * frames.hop, fft, filters, clean);
        band_levels(test, frames, t * frames.hop, fft, filters, noisy);
        sum += weighted_frame_snr(clean, noisy);
    }
    return sum / static_cast<double>(frames.count);
}

Outcome<double> log_spectral_distance(std::span<const float> reference, std::span<const float> test) {
    if (const auto why = refusal(reference, test); !why.empty()) return Outcome<double>::failed(why);
    const StftConfig config{.fft_size = 2048, .hop = 512, .window = periodic_hann(2048)};
    const Spectrogram a = power_spectrogram(reference, config), b = power_spectrogram(test, config);
    if (a.frames == 0) return Outcome<double>::failed(kTooShort);
    double sum = 0;
    for (std::size_t t = 0; t < a.frames; ++t) {
        double squares = 0;
        for (std::size_t k = 0; k < a.bins; ++k) {
            const double db = 10 * std::log10((a.frame(t)[k] + 1e-10) / (b.frame(t)[k] + 1e-10));
            squares += db * db;
        }
        sum += std::sqrt(squares / static_cast<double>(a.bins));
    }
    return sum / static_cast<double>(a.frames);
}

Outcome<double> mel_l1(std::span<const float> reference, std::span<const float> test, int sample_rate_hz) {
    if (const auto why = refusal(reference, test); !why.empty()) return Outcome<double>::failed(why);
    const StftConfig config{.fft_size = 1024,
                            .hop = 256,
                            .window = periodic_hann(1024),
                            .framing = Framing::reflect,
                            .padding = (1024 - 256) / 2};
    const Spectrogram a = magnitude_spectrogram(reference, config), b = magnitude_spectrogram(test, config);
    if (a.frames == 0) return Outcome<double>::failed(kTooShort);
    constexpr std::size_t kBands = 80;
    const MelFilterbank bank =
        mel_filterbank(sample_rate_hz, 1024, kBands, 0, 0.5 * sample_rate_hz, MelScale::slaney, true);
    std::vector<double> mel_a(kBands), mel_b(kBands);
    double sum = 0;
    for (std::size_t t = 0; t < a.frames; ++t) {
        bank.apply(a.frame(t), mel_a);
        bank.apply(b.frame(t), mel_b);
        for (std::size_t m = 0; m < kBands; ++m)
            sum += std::abs(std::log(std::max(mel_a[m], 1e-5)) - std::log(std::max(mel_b[m], 1e-5)));
    }
    return sum / static_cast<double>(a.frames * kBands);
}

Outcome<MultiResolutionStft> multi_resolution_stft(std::span<const float> reference,
                                                   std::span<const float> test) {
    using Result = Outcome<MultiResolutionStft>;
    if (const auto why = refusal(reference, test); !why.empty()) return Result::failed(why);
    struct Resolution {
        std::size_t fft, hop, window;
    };
    constexpr Resolution kResolutions[] = {{1024, 120, 600}, {2048, 240, 1200}, {512, 50, 240}};
    // Mirroring needs more samples than half of the longest frame.
    if (reference.size() <= 1024) return Result::failed(kTooShort);
    MultiResolutionStft result;
    for (const Resolution& r : kResolutions) {
        const StftConfig config{.fft_size = r.fft,
                                .hop = r.hop,
                                .window = periodic_hann(r.window),
                                .framing = Framing::reflect,
                                .padding = r.fft / 2};
        const Spectrogram a = power_spectrogram(reference, config), b = power_spectrogram(test, config);
        double difference = 0, energy = 0, logs = 0;
        for (std::size_t i = 0; i < a.values.size(); ++i) {
            const double x = std::sqrt(std::max(a.values[i], 1e-7)),
                         y = std::sqrt(std::max(b.values[i], 1e-7));
            difference += (x - y) * (x - y);
            energy += x * x;
            logs += std::abs(std::log(x) - std::log(y));
        }
        result.convergence += std::sqrt(difference / energy) / std::size(kResolutions);
        result.log_magnitude += logs / static_cast<double>(a.values.size()) / std::size(kResolutions);
    }
    return result;
}

}  // namespace linvox
