// Frames, level normalisation and Newton's iteration. Notation: z~ is the first-order all-pass of
// z with constant alpha, w~ its phase; log|H| = sum_m c_m cos(m w~).
#include "eval/mel_cepstrum.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "audio/fft.h"
#include "audio/spectrum.h"
#include "src/base/error.h"

namespace linvox {
namespace {

struct RateRow {
    int rate_hz;
    std::size_t order;
    double alpha;
};
// Alphas that bring the all-pass nearest to the mel scale; orders grow with the bandwidth.
constexpr RateRow kRates[] = {
    {16000, 24, 0.41}, {22050, 34, 0.455}, {24000, 34, 0.466}, {44100, 39, 0.544}, {48000, 39, 0.554}};

// Two doubles: what every x86-64 and ARMv8 has, so results do not depend on the machine.
using Pair = double __attribute__((vector_size(16), aligned(8), may_alias));
constexpr std::size_t kPad = 16;

const Pair& at(const double* p) { return *reinterpret_cast<const Pair*>(p); }

// Sum of products of rows of a multiple of kPad, in a fixed order of additions.
double dot(const double* a, const double* b, std::size_t n) {
    Pair s0{}, s1{}, s2{}, s3{};
    for (std::size_t k = 0; k < n; k += 8) {
        s0 += at(a + k) * at(b + k);
        s1 += at(a + k + 2) * at(b + k + 2);
        s2 += at(a + k + 4) * at(b + k + 4);
        s3 += at(a + k + 6) * at(b + k + 6);
    }
    const Pair s = (s0 + s1) + (s2 + s3);
    return s[0] + s[1];
}

// out[k] = sum_m factor[m] rows[m][k] over rows of a multiple of kPad.
void combine_rows(const double* factor, std::size_t count, const double* rows, std::size_t n, double* out) {
    for (std::size_t k = 0; k < n; k += kPad) {
        Pair s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{};
        for (std::size_t m = 0; m < count; ++m) {
            const double* row = rows + m * n + k;
            s0 += factor[m] * at(row);
            s1 += factor[m] * at(row + 2);
            s2 += factor[m] * at(row + 4);
            s3 += factor[m] * at(row + 6);
            s4 += factor[m] * at(row + 8);
            s5 += factor[m] * at(row + 10);
            s6 += factor[m] * at(row + 12);
            s7 += factor[m] * at(row + 14);
        }
        Pair* const to = reinterpret_cast<Pair*>(out + k);
        to[0] = s0, to[1] = s1, to[2] = s2, to[3] = s3, to[4] = s4, to[5] = s5, to[6] = s6, to[7] = s7;
    }
}

// Solves the symmetric positive definite n x n system in place by L D L'. Rows are `stride` long, an
// even number; the diagonal and what stands right of it are read. Rank-one updates of whole rows,
// two elements at a time: an element left of the diagonal may be overwritten.
bool solve_positive(double* matrix, std::size_t stride, double* x, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) {
        const double* const pivot_row = matrix + j * stride;
        const double pivot = pivot_row[j];
        if (!(pivot > 0)) return false;
        for (std::size_t i = j + 1; i < n; ++i) {
            const double factor = pivot_row[i] / pivot;
            double* const row = matrix + i * stride;
            for (std::size_t k = i & ~std::size_t{1}; k < stride; k += 2)
                *reinterpret_cast<Pair*>(row + k) -= factor * at(pivot_row + k);
            x[i] -= factor * x[j];
        }
    }
    for (std::size_t j = n; j-- > 0;) {
        double sum = x[j];
        for (std::size_t k = j + 1; k < n; ++k) sum -= matrix[j * stride + k] * x[k];
        x[j] = sum / matrix[j * stride + j];
    }
    return true;
}

}  // namespace

struct MelCepstrumSolver::State {
    MelCepstrumConfig config;
    std::size_t size, bins, padded, stride;
    std::vector<double> basis;        // [2M + 1, padded]: cos(m w~_k)
    std::vector<double> weight;       // [padded]: share of bin k in a mean over the whole circle
    std::vector<double> warp;         // [M + 1, padded]: cepstrum -> mel-cepstrum
    std::vector<double> mean_cosine;  // [M + 1]: mean of cos(m w~) over w = (-alpha)^m
    std::vector<double> spectrum, ratio, moment, matrix, step;
    RealFft fft;

    State(std::size_t fft_size, const MelCepstrumConfig& c)
        : config(c),
          size(fft_size),
          bins(fft_size / 2 + 1),
          padded((bins + kPad - 1) / kPad * kPad),
          fft(fft_size) {
        const std::size_t m_count = 2 * c.order + 1, dim = c.order + 1;
        basis.assign(m_count * padded, 0);
        weight.assign(padded, 0);
        for (std::size_t k = 0; k < bins; ++k) {
            const double w = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(size);
            const double warped = w + 2 * std::atan2(c.alpha * std::sin(w), 1 - c.alpha * std::cos(w));
            for (std::size_t m = 0; m < m_count; ++m)
                basis[m * padded + k] = std::cos(static_cast<double>(m) * warped);
            weight[k] = (k == 0 || 2 * k == size ? 1.0 : 2.0) / static_cast<double>(size);
        }
        for (std::size_t m = 0; m < dim; ++m)
            mean_cosine.push_back(std::pow(-c.alpha, static_cast<double>(m)));
        fill_warp(dim);
        spectrum.assign(padded, 0);
        ratio.assign(padded, 0);
        moment.assign(m_count, 0);
        stride = dim + dim % 2;
        matrix.assign(dim * stride, 0);
        step.assign(dim, 0);
    }

    // Frequency transform of a causal sequence: column n of the matrix is the series of z~ that
    // z^-n expands to (A. Oppenheim, D. Johnson, Proc. IEEE 60(6), 1972). z^-1 in terms of z~^-1
    // is an all-pass again, so each column is the one before, filtered.
    void fill_warp(std::size_t dim) {
        warp.assign(dim * padded, 0);
        warp[0] = 1;
        for (std::size_t n = 1; n < bins; ++n)
            for (std::size_t m = 0; m < dim; ++m) {
                // (z~^-1 + alpha) / (1 + alpha z~^-1) times the column before.
                const double before = warp[m * padded + n - 1];
                const double delayed = m > 0 ? warp[(m - 1) * padded + n - 1] : 0;
                const double recursive = m > 0 ? warp[(m - 1) * padded + n] : 0;
                warp[m * padded + n] = delayed + config.alpha * (before - recursive);
            }
    }

    // Warped cepstrum of the log periodogram, truncated at order M.
    void initial(std::span<const double> periodogram, std::span<double> cepstrum) {
        for (std::size_t k = 0; k < bins; ++k) fft.spectrum()[k] = std::log(periodogram[k]);
        fft.inverse();
        fft.time()[0] *= 0.5;
        fft.time()[size / 2] *= 0.5;
        std::copy_n(fft.time().begin(), bins, ratio.begin());  // padded with zeros
        for (std::size_t m = 0; m < cepstrum.size(); ++m)
            cepstrum[m] = dot(&warp[m * padded], ratio.data(), padded);
    }

    // moment[m] = mean over the circle of P / |H|^2 cos(m w~), m = 0..2M.
    void update_moments(std::span<const double> periodogram, std::span<const double> cepstrum) {
        combine_rows(cepstrum.data(), cepstrum.size(), basis.data(), padded, spectrum.data());
        for (std::size_t k = 0; k < bins; ++k)
            ratio[k] = weight[k] * periodogram[k] * std::exp(-2 * spectrum[k]);
        for (std::size_t m = 0; m < moment.size(); ++m)
            moment[m] = dot(ratio.data(), &basis[m * padded], padded);
    }

    // Newton's step of mean(P / |H|^2) + mean(log|H|^2): Hessian r(m-n) + r(m+n), a Toeplitz plus
    // a Hankel matrix; gradient r(m) - mean cos(m w~).
    bool newton_step(std::span<double> cepstrum) {
        const std::size_t dim = cepstrum.size();
        for (std::size_t m = 0; m < dim; ++m) {
            step[m] = moment[m] - mean_cosine[m];
            for (std::size_t n = m; n < dim; ++n) matrix[m * stride + n] = moment[n - m] + moment[m + n];
        }
        if (!solve_positive(matrix.data(), stride, step.data(), dim)) return false;
        for (std::size_t m = 0; m < dim; ++m) cepstrum[m] += step[m];
        return true;
    }
};

MelCepstrumSolver::MelCepstrumSolver(std::size_t fft_size, const MelCepstrumConfig& config) {
    LINVOX_ASSERT(
        fft_size % 2 == 0 && config.order >= 1 && 2 * config.order < fft_size && std::abs(config.alpha) < 1,
        "mel-cepstrum of order {}, alpha {}, FFT {}", config.order, config.alpha, fft_size);
    state_ = std::make_unique<State>(fft_size, config);
}
MelCepstrumSolver::~MelCepstrumSolver() = default;
MelCepstrumSolver::MelCepstrumSolver(MelCepstrumSolver&&) noexcept = default;

void MelCepstrumSolver::solve(std::span<const double> periodogram, std::span<double> cepstrum) {
    State& s = *state_;
    LINVOX_ASSERT(periodogram.size() == s.bins && cepstrum.size() == s.config.order + 1,
                  "mel-cepstrum: {} bins, {} coefficients", periodogram.size(), cepstrum.size());
    s.initial(periodogram, cepstrum);
    double before = cepstrum[0];
    for (std::size_t i = 1; i <= s.config.max_iterations; ++i) {
        s.update_moments(periodogram, cepstrum);
        const double now = s.moment[0];
        if (i >= s.config.min_iterations) {
            if (std::abs((now - before) / now) < s.config.stop) break;
            before = now;
        }
        if (!s.newton_step(cepstrum)) break;  // rounding only: the Hessian is positive definite
    }
}

MelCepstrumConfig mel_cepstrum_config(int sample_rate_hz) {
    for (const RateRow& row : kRates)
        if (row.rate_hz == sample_rate_hz) return {.order = row.order, .alpha = row.alpha};
    throw BugError(
        fmt::format("no mel-cepstrum profile at {} Hz; resample to mel_cepstrum_rate()", sample_rate_hz));
}

int mel_cepstrum_rate(int sample_rate_hz) {
    int best = 0;
    for (const RateRow& row : kRates)
        if (row.rate_hz <= sample_rate_hz) best = row.rate_hz;
    return best;
}

namespace {

// Flags frames within range of the loudest and returns the mean energy of those.
double mark_active(MelCepstra& result, const std::vector<double>& energies, double range_db) {
    const double loudest = *std::max_element(energies.begin(), energies.end());
    const double threshold = loudest * std::pow(10.0, -range_db / 10);
    double sum = 0;
    for (double energy : energies) {
        const bool active = energy > threshold;
        result.active.push_back(active);
        result.active_frames += active;
        if (active) sum += energy;
    }
    return result.active_frames ? sum / static_cast<double>(result.active_frames) : 0;
}

}  // namespace

Outcome<MelCepstra> mel_cepstra(std::span<const float> samples, int sample_rate_hz) {
    if (mel_cepstrum_rate(sample_rate_hz) != sample_rate_hz)
        return Outcome<MelCepstra>::failed(kNotApplicable);
    return mel_cepstra(samples, sample_rate_hz, mel_cepstrum_config(sample_rate_hz));
}

Outcome<MelCepstra> mel_cepstra(std::span<const float> samples, int sample_rate_hz,
                                const MelCepstrumConfig& config) {
    const auto width = static_cast<std::size_t>(std::lround(config.frame_s * sample_rate_hz));
    const auto hop = static_cast<std::size_t>(std::lround(config.hop_s * sample_rate_hz));
    StftConfig stft{.fft_size = next_power_of_two(width), .hop = hop, .window = periodic_hann(width)};
    double norm = 0;
    for (double w : stft.window) norm += w * w;
    for (double& w : stft.window) w /= std::sqrt(norm);
    Spectrogram power = power_spectrogram(samples, stft);
    if (power.frames == 0) return Outcome<MelCepstra>::failed(kTooShort);

    MelCepstra result{.frames = power.frames, .dim = config.order + 1};
    result.hop_s = static_cast<double>(hop) / sample_rate_hz;
    result.first_time_s = 0.5 * static_cast<double>(width) / sample_rate_hz;
    result.sample_rate_hz = sample_rate_hz;
    result.duration_s = static_cast<double>(samples.size()) / sample_rate_hz;

    // Parseval: the energy of the windowed frame is the mean of its periodogram over the circle.
    std::vector<double> energies;
    for (std::size_t t = 0; t < power.frames; ++t) {
        const std::span<const double> p = power.frame(t);
        double sum = -p.front() - p.back();
        for (double value : p) sum += 2 * value;
        energies.push_back(sum / static_cast<double>(stft.fft_size));
    }
    const double level = mark_active(result, energies, config.active_range_db);
    if (level <= 0) return Outcome<MelCepstra>::failed(kSilent);

    MelCepstrumSolver solver(stft.fft_size, config);
    result.values.resize(result.frames * result.dim);
    for (std::size_t t = 0; t < power.frames; ++t) {
        const std::span<double> p(power.values.data() + t * power.bins, power.bins);
        for (double& value : p) value = value / level + config.floor;
        solver.solve(p, std::span(result.values).subspan(t * result.dim, result.dim));
    }
    return result;
}

std::vector<double> warping_features(const MelCepstra& cepstra, bool active_only) {
    std::vector<double> rows;
    for (std::size_t t = 0; t < cepstra.frames; ++t) {
        if (active_only && !cepstra.active[t]) continue;
        const auto row = cepstra.values.begin() + static_cast<std::ptrdiff_t>(t * cepstra.dim);
        rows.insert(rows.end(), row + 1, row + static_cast<std::ptrdiff_t>(cepstra.dim));
    }
    return rows;
}

}  // namespace linvox
