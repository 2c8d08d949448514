// Measurements of one recording.
#include "eval/signal_health.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "audio/fft.h"
#include "audio/spectrum.h"

namespace linvox {
namespace {

// Marks runs of at least three neighbours that satisfy the condition.
template <typename Condition>
void mark_runs(std::size_t count, const Condition& holds, std::vector<bool>& marked) {
    std::size_t run = 0;
    for (std::size_t i = 0; i <= count; ++i) {
        if (i < count && holds(i)) {
            ++run;
            continue;
        }
        if (run >= 3) std::fill_n(marked.begin() + static_cast<std::ptrdiff_t>(i - run), run, true);
        run = 0;
    }
}

struct WelchSpectrum {
    double bin_hz = 0;
    std::vector<double> power;
};

// Mean periodogram of Hann frames with 50 % overlap (P. Welch, 1967).
WelchSpectrum welch(std::span<const float> samples, int sample_rate_hz) {
    const std::size_t size = sample_rate_hz > 24000 ? 4096 : 2048;
    const Spectrogram frames =
        power_spectrogram(samples, {.fft_size = size, .hop = size / 2, .window = periodic_hann(size)});
    WelchSpectrum result{static_cast<double>(sample_rate_hz) / static_cast<double>(size),
                         std::vector<double>(frames.bins)};
    for (std::size_t i = 0; i < frames.values.size(); ++i) result.power[i % frames.bins] += frames.values[i];
    return result;
}

// Centred moving average, shorter at the ends.
std::vector<double> smoothed(const std::vector<double>& values, std::size_t half_width) {
    std::vector<double> out;
    for (std::size_t k = 0; k < values.size(); ++k) {
        const std::size_t first = k - std::min(k, half_width),
                          last = std::min(k + half_width, values.size() - 1);
        double sum = 0;
        for (std::size_t i = first; i <= last; ++i) sum += values[i];
        out.push_back(sum / static_cast<double>(last - first + 1));
    }
    return out;
}

constexpr std::size_t kLpcOrder = 16;

// Prediction-error filter 1, a1..a16 by Levinson and Durbin; false for a frame without energy.
bool prediction_filter(std::span<const double> frame, double (&a)[kLpcOrder + 1]) {
    double r[kLpcOrder + 1] = {};
    for (std::size_t lag = 0; lag <= kLpcOrder && lag < frame.size(); ++lag)
        for (std::size_t i = lag; i < frame.size(); ++i) r[lag] += frame[i] * frame[i - lag];
    if (!(r[0] > 1e-12)) return false;
    double error = r[0] * (1 + 1e-9);  // keeps a pure tone solvable
    std::fill(std::begin(a), std::end(a), 0.0);
    a[0] = 1;
    for (std::size_t m = 1; m <= kLpcOrder; ++m) {
        double sum = r[m];
        for (std::size_t k = 1; k < m; ++k) sum += a[k] * r[m - k];
        const double reflection = -sum / error;
        double next[kLpcOrder + 1];
        std::copy(std::begin(a), std::end(a), next);
        for (std::size_t k = 1; k < m; ++k) next[k] = a[k] + reflection * a[m - k];
        next[m] = reflection;
        std::copy(std::begin(next), std::end(next), a);
        error *= 1 - reflection * reflection;
        if (!(error > 0)) break;
    }
    return true;
}

// Residual of every Hann frame under its own filter, overlap-added; the windows add up to 1.
std::vector<double> prediction_residual(std::span<const float> samples, std::size_t hop) {
    const std::vector<double> window = periodic_hann(2 * hop);
    std::vector<double> residual(samples.size()), frame(2 * hop);
    for (std::size_t start = 0; start + hop < samples.size() + hop; start += hop) {
        for (std::size_t i = 0; i < frame.size(); ++i)
            frame[i] = start + i < samples.size() ? samples[start + i] * window[i] : 0;
        double a[kLpcOrder + 1];
        if (!prediction_filter(frame, a)) continue;
        for (std::size_t i = 0; i < frame.size() && start + i < samples.size(); ++i) {
            double e = 0;
            for (std::size_t k = 0; k <= kLpcOrder && k <= i; ++k) e += a[k] * frame[i - k];
            residual[start + i] += e;
        }
    }
    for (double& e : residual) e = std::abs(e);
    return residual;
}

// Median of the values within `half_width` of `centre`.
double local_median(const std::vector<double>& values, std::size_t centre, std::size_t half_width,
                    std::vector<double>& scratch) {
    const std::size_t first = centre - std::min(centre, half_width);
    const std::size_t last = std::min(centre + half_width, values.size());
    scratch.assign(values.begin() + static_cast<std::ptrdiff_t>(first),
                   values.begin() + static_cast<std::ptrdiff_t>(last));
    const auto middle = scratch.begin() + static_cast<std::ptrdiff_t>(scratch.size() / 2);
    std::nth_element(scratch.begin(), middle, scratch.end());
    return *middle;
}

}  // namespace

Outcome<double> clipping_percent(std::span<const float> samples) {
    if (samples.empty()) return Outcome<double>::failed(kTooShort);
    const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
    const float bottom = *low, top = *high;
    std::vector<bool> marked(samples.size());
    mark_runs(
        samples.size(), [&](std::size_t i) { return std::abs(samples[i]) >= 0.999F; }, marked);
    if (top > 0)
        mark_runs(
            samples.size(), [&](std::size_t i) { return samples[i] == top; }, marked);
    if (bottom < 0)
        mark_runs(
            samples.size(), [&](std::size_t i) { return samples[i] == bottom; }, marked);
    const auto clipped = std::count(marked.begin(), marked.end(), true);
    return 100 * static_cast<double>(clipped) / static_cast<double>(samples.size());
}

Outcome<double> dc_offset(std::span<const float> samples) {
    if (samples.empty()) return Outcome<double>::failed(kTooShort);
    double sum = 0;
    for (float x : samples) sum += x;
    return sum / static_cast<double>(samples.size());
}

Outcome<Silence> silence(std::span<const float> samples, int sample_rate_hz, const Activity& activity) {
    if (activity.active.empty()) return Outcome<Silence>::failed(kTooShort);
    const double duration = static_cast<double>(samples.size()) / sample_rate_hz;
    std::size_t run = 0, longest = 0;
    for (float x : samples) {
        run = x == 0 ? run + 1 : 0;
        longest = std::max(longest, run);
    }
    Silence result;
    result.longest_zeros_s = static_cast<double>(longest) / sample_rate_hz;
    result.percent =
        100 - 100 * static_cast<double>(activity.active_frames) / static_cast<double>(activity.active.size());
    result.head_s = activity.silent() ? duration : activity.begin_s();
    result.tail_s = activity.silent() ? 0 : std::max(0.0, duration - activity.end_s());
    return result;
}

Outcome<Pauses> pauses(std::span<const float> samples, int sample_rate_hz, const Activity& activity) {
    if (static_cast<double>(samples.size()) < 0.5 * sample_rate_hz) return Outcome<Pauses>::failed(kTooShort);
    if (activity.silent()) return Outcome<Pauses>::failed(kSilent);
    Pauses result;
    std::size_t run = 0;
    for (std::size_t t = activity.first; t < activity.last; ++t) {
        if (!activity.active[t]) {
            ++run;
            continue;
        }
        const double length = static_cast<double>(run) * activity.hop_s;
        if (length >= 0.2 - 1e-9) {
            ++result.count;
            result.total_s += length;
            result.longest_s = std::max(result.longest_s, length);
        }
        run = 0;
    }
    return result;
}

Outcome<double> bandwidth_hz(std::span<const float> samples, int sample_rate_hz) {
    if (samples.size() < static_cast<std::size_t>(sample_rate_hz)) return Outcome<double>::failed(kTooShort);
    const WelchSpectrum spectrum = welch(samples, sample_rate_hz);
    if (std::all_of(spectrum.power.begin(), spectrum.power.end(), [](double p) { return p <= 0; }))
        return Outcome<double>::failed(spectrum.power.empty() ? kTooShort : kSilent);
    const auto half = static_cast<std::size_t>(std::lround(50 / spectrum.bin_hz));
    const std::vector<double> power = smoothed(spectrum.power, half);
    const double threshold = *std::max_element(power.begin(), power.end()) * 1e-5;
    std::size_t highest = 0;
    for (std::size_t k = 0; k < power.size(); ++k)
        if (power[k] > threshold) highest = k;
    return static_cast<double>(highest) * spectrum.bin_hz;
}

Outcome<double> clicks_per_s(std::span<const float> samples, int sample_rate_hz) {
    const auto at = [&](double seconds) {
        return static_cast<std::size_t>(std::lround(seconds * sample_rate_hz));
    };
    if (samples.size() < at(0.5) || at(0.015) <= kLpcOrder) return Outcome<double>::failed(kTooShort);
    const std::vector<double> residual = prediction_residual(samples, at(0.015));
    // The median moves slowly: once per 5 ms is enough.
    const std::size_t block = at(0.005), merge = at(0.005);
    std::vector<double> scratch;
    std::size_t clicks = 0, last = 0;
    for (std::size_t start = 0; start < residual.size(); start += block) {
        const double median = std::max(local_median(residual, start + block / 2, at(0.025), scratch), 1e-4);
        for (std::size_t i = start; i < std::min(start + block, residual.size()); ++i) {
            if (residual[i] <= 40 * median) continue;
            if (clicks == 0 || i - last > merge) ++clicks;
            last = i;
        }
    }
    return static_cast<double>(clicks) * sample_rate_hz / static_cast<double>(samples.size());
}

Outcome<SpeakingRate> speaking_rate(std::size_t units, const Activity& activity, const Pauses& pauses) {
    if (units == 0) return Outcome<SpeakingRate>::failed(kTooShort);
    if (activity.silent()) return Outcome<SpeakingRate>::failed(kSilent);
    const double span = activity.active_span_s();
    return SpeakingRate{static_cast<double>(units) / span,
                        static_cast<double>(units) / (span - pauses.total_s)};
}

}  // namespace linvox
