// STOI and ESTOI share everything up to the third-octave envelopes. Parameters and rounding follow
// the authors' MATLAB program as ported in mpariente/pystoi, with its resampler from GNU Octave.
#include "eval/intelligibility.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

#include "audio/fft.h"
#include "src/base/error.h"

namespace linvox {
namespace {

constexpr int kRate = 10000;
constexpr std::size_t kFrame = 256, kHop = 128, kFft = 512;
constexpr std::size_t kBands = 15, kSegment = 30;
constexpr double kLowestBandHz = 150, kDynamicRangeDb = 40, kClipDb = -15;
constexpr double kTiny = std::numeric_limits<double>::epsilon();

double bessel_i0(double x) {
    double sum = 1, term = 1;
    for (int k = 1; term > 1e-17 * sum; ++k) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

// Kaiser-windowed sinc of Octave's resample(): 60 dB rejection, roll-off a tenth of the cut-off.
std::vector<double> octave_filter(double up, double down) {
    constexpr double kRejectionDb = 60;
    const double cutoff = 1 / (2 * std::max(up, down)), roll_off = cutoff / 10;
    const double half = std::ceil((kRejectionDb - 8) / (28.714 * roll_off));
    const double beta = 0.1102 * (kRejectionDb - 8.7);
    std::vector<double> h;
    double sum = 0;
    for (double t = -half; t <= half; t += 1) {
        const double x = 2 * cutoff * t * std::numbers::pi;
        const double window = bessel_i0(beta * std::sqrt(1 - (t / half) * (t / half))) / bessel_i0(beta);
        h.push_back(window * (t == 0 ? 1 : std::sin(x) / x));
        sum += h.back();
    }
    for (double& value : h) value *= up / sum;
    return h;
}

std::vector<double> to_10_khz(std::span<const float> x, int rate_hz) {
    if (rate_hz == kRate) return {x.begin(), x.end()};
    const int divisor = std::gcd(kRate, rate_hz);
    const std::int64_t up = kRate / divisor, down = rate_hz / divisor;
    const std::vector<double> h = octave_filter(static_cast<double>(up), static_cast<double>(down));
    const auto half = static_cast<std::int64_t>(h.size() / 2), size = static_cast<std::int64_t>(x.size());
    std::vector<double> y(static_cast<std::size_t>((size * up + down - 1) / down));
    for (std::size_t n = 0; n < y.size(); ++n) {
        const std::int64_t centre = static_cast<std::int64_t>(n) * down;  // on the grid of rate_hz * up
        const std::int64_t first = centre <= half ? 0 : (centre - half + up - 1) / up;
        const std::int64_t last = std::min(size - 1, (centre + half) / up);
        double sum = 0;
        for (std::int64_t k = first; k <= last; ++k)
            sum += x[static_cast<std::size_t>(k)] * h[static_cast<std::size_t>(centre + half - k * up)];
        y[n] = sum;
    }
    return y;
}

// hanning(258) without its zero ends.
std::vector<double> frame_window() {
    std::vector<double> w(kFrame);
    for (std::size_t i = 0; i < kFrame; ++i)
        w[i] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i + 1) / (kFrame + 1));
    return w;
}

// Frames of the reference 40 dB or more below its loudest are cut out of both signals.
void remove_silence(std::vector<double>& x, std::vector<double>& y) {
    const std::vector<double> w = frame_window();
    std::vector<std::size_t> starts;
    std::vector<double> level_db;
    for (std::size_t start = 0; start + kFrame < x.size(); start += kHop) {
        double sum = 0;
        for (std::size_t i = 0; i < kFrame; ++i) sum += w[i] * x[start + i] * w[i] * x[start + i];
        starts.push_back(start);
        level_db.push_back(20 * std::log10(std::sqrt(sum) + kTiny));
    }
    if (starts.empty()) return x.clear(), y.clear();
    const double threshold = *std::max_element(level_db.begin(), level_db.end()) - kDynamicRangeDb;
    std::vector<double> x_kept, y_kept;
    std::size_t kept = 0;
    for (std::size_t f = 0; f < starts.size(); ++f) {
        if (!(level_db[f] > threshold)) continue;
        x_kept.resize(kept * kHop + kFrame);
        y_kept.resize(kept * kHop + kFrame);
        for (std::size_t i = 0; i < kFrame; ++i) {
            x_kept[kept * kHop + i] += w[i] * x[starts[f] + i];
            y_kept[kept * kHop + i] += w[i] * y[starts[f] + i];
        }
        ++kept;
    }
    x.swap(x_kept);
    y.swap(y_kept);
}

struct BandEdges {
    std::size_t low[kBands], high[kBands];  // bins [low, high)
};

BandEdges third_octaves() {
    const auto nearest_bin = [](double hz) {
        return static_cast<std::size_t>(std::ceil(hz * kFft / kRate - 0.5));
    };
    BandEdges edges{};
    for (std::size_t b = 0; b < kBands; ++b) {
        const auto k = static_cast<double>(b);
        edges.low[b] = nearest_bin(kLowestBandHz * std::exp2((2 * k - 1) / 6));
        edges.high[b] = nearest_bin(kLowestBandHz * std::exp2((2 * k + 1) / 6));
    }
    return edges;
}

// Third-octave magnitudes, [kBands][frames].
std::vector<std::vector<double>> envelopes(const std::vector<double>& x) {
    const std::vector<double> w = frame_window();
    const BandEdges edges = third_octaves();
    RealFft fft(kFft);
    std::vector<std::vector<double>> bands(kBands);
    for (std::size_t start = 0; start + kFrame < x.size(); start += kHop) {
        for (std::size_t i = 0; i < kFrame; ++i) fft.time()[i] = w[i] * x[start + i];
        fft.forward();
        for (std::size_t b = 0; b < kBands; ++b) {
            double sum = 0;
            for (std::size_t k = edges.low[b]; k < edges.high[b]; ++k) sum += std::norm(fft.spectrum()[k]);
            bands[b].push_back(std::sqrt(sum));
        }
    }
    return bands;
}

double norm(std::span<const double> v) {
    double sum = 0;
    for (double x : v) sum += x * x;
    return std::sqrt(sum);
}

// Subtracts the mean and divides by the norm.
void standardise(std::span<double> v) {
    double sum = 0;
    for (double x : v) sum += x;
    for (double& x : v) x -= sum / static_cast<double>(v.size());
    const double length = norm(v) + kTiny;
    for (double& x : v) x /= length;
}

double product(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

// Correlation of one band of one segment: the test scaled to the reference's energy and clipped
// (Taal et al., eqs. 3 to 5).
double band_correlation(std::span<const double> x, std::span<const double> y) {
    static const double limit = 1 + std::pow(10.0, -kClipDb / 20);
    const double scale = norm(x) / (norm(y) + kTiny);
    double a[kSegment], b[kSegment];
    for (std::size_t i = 0; i < kSegment; ++i) {
        a[i] = x[i];
        b[i] = std::min(y[i] * scale, x[i] * limit);
    }
    standardise(a);
    standardise(b);
    return product(a, b);
}

// [kBands, kSegment] with standardised rows, then columns (Jensen and Taal, section II-B); stored
// column after column.
std::vector<double> normalised_segment(const std::vector<std::vector<double>>& bands, std::size_t first) {
    std::vector<double> columns(kBands * kSegment);
    for (std::size_t b = 0; b < kBands; ++b) {
        double row[kSegment];
        std::copy_n(bands[b].begin() + static_cast<std::ptrdiff_t>(first), kSegment, row);
        standardise(row);
        for (std::size_t i = 0; i < kSegment; ++i) columns[i * kBands + b] = row[i];
    }
    for (std::size_t i = 0; i < kSegment; ++i) standardise(std::span(columns).subspan(i * kBands, kBands));
    return columns;
}

}  // namespace

Outcome<Intelligibility> stoi(std::span<const float> reference, std::span<const float> test,
                              int sample_rate_hz) {
    LINVOX_ASSERT(reference.size() == test.size() && sample_rate_hz > 0, "STOI of {} and {} samples at {} Hz",
                  reference.size(), test.size(), sample_rate_hz);
    if (std::all_of(reference.begin(), reference.end(), [](float x) { return x == 0; }))
        return Outcome<Intelligibility>::failed(reference.empty() ? kTooShort : kSilent);
    std::vector<double> x = to_10_khz(reference, sample_rate_hz), y = to_10_khz(test, sample_rate_hz);
    remove_silence(x, y);
    const auto x_bands = envelopes(x), y_bands = envelopes(y);
    const std::size_t frames = x_bands[0].size();
    if (frames < kSegment) return Outcome<Intelligibility>::failed(kTooShort);

    Intelligibility result;
    const std::size_t segments = frames - kSegment + 1;
    for (std::size_t first = 0; first < segments; ++first) {
        for (std::size_t b = 0; b < kBands; ++b)
            result.stoi += band_correlation(std::span(x_bands[b]).subspan(first, kSegment),
                                            std::span(y_bands[b]).subspan(first, kSegment));
        result.estoi += product(normalised_segment(x_bands, first), normalised_segment(y_bands, first));
    }
    result.stoi /= static_cast<double>(segments * kBands);
    result.estoi /= static_cast<double>(segments * kSegment);
    return result;
}

}  // namespace linvox
