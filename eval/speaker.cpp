// MFCC, Gaussians and the distances between them.
#include "eval/speaker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "audio/resample.h"
#include "audio/spectrum.h"
#include "eval/symmetric.h"
#include "src/base/error.h"

namespace linvox {
namespace {

constexpr int kRate = 16000;
constexpr std::size_t kMelBands = 40;
constexpr double kRangeDb = 35;

std::vector<float> pre_emphasised(std::span<const float> x) {
    std::vector<float> y(x.begin(), x.end());
    for (std::size_t i = y.size(); i-- > 1;) y[i] -= 0.97F * x[i - 1];
    return y;
}

// c1..c20 of the orthonormal DCT-II.
void append_cepstrum(std::span<const double> log_mel, std::vector<double>& out) {
    for (std::size_t c = 1; c <= kMfccOrder; ++c) {
        double sum = 0;
        for (std::size_t b = 0; b < kMelBands; ++b)
            sum += log_mel[b] * std::cos(std::numbers::pi * static_cast<double>(c) *
                                         (static_cast<double>(b) + 0.5) / kMelBands);
        out.push_back(std::sqrt(2.0 / kMelBands) * sum);
    }
}

double trace(const std::vector<double>& matrix, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += matrix[i * n + i];
    return sum;
}

// tr(A B) of symmetric matrices.
double trace_of_product(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

std::vector<double> regularised(const Gaussian& g) {
    std::vector<double> matrix = g.covariance;
    const double ridge = std::max(1e-6 * trace(matrix, g.dim) / static_cast<double>(g.dim), 1e-12);
    for (std::size_t i = 0; i < g.dim; ++i) matrix[i * g.dim + i] += ridge;
    return matrix;
}

std::vector<double> factor_of(const std::vector<double>& matrix, std::size_t n) {
    std::vector<double> factor = cholesky(matrix, n);
    LINVOX_ASSERT(!factor.empty(), "a covariance of {} dimensions is not positive definite", n);
    return factor;
}

Gaussian moments(std::span<const double> features, std::size_t dim) {
    Gaussian g{dim, features.size() / dim, std::vector<double>(dim), std::vector<double>(dim * dim)};
    for (std::size_t t = 0; t < g.frames; ++t)
        for (std::size_t d = 0; d < dim; ++d) g.mean[d] += features[t * dim + d];
    for (double& m : g.mean) m /= static_cast<double>(g.frames);
    std::vector<double> centred(dim);
    for (std::size_t t = 0; t < g.frames; ++t) {
        for (std::size_t d = 0; d < dim; ++d) centred[d] = features[t * dim + d] - g.mean[d];
        for (std::size_t i = 0; i < dim; ++i)
            for (std::size_t j = 0; j < dim; ++j) g.covariance[i * dim + j] += centred[i] * centred[j];
    }
    for (double& c : g.covariance) c /= static_cast<double>(g.frames - 1);
    return g;
}

// [mean, SD], 2 * dim values.
std::vector<double> summary(const Gaussian& g) {
    std::vector<double> values = g.mean;
    for (std::size_t d = 0; d < g.dim; ++d) values.push_back(std::sqrt(g.covariance[d * g.dim + d]));
    return values;
}

std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, std::size_t n) {
    std::vector<double> out(n * n);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < n; ++k)
            for (std::size_t j = 0; j < n; ++j) out[i * n + j] += a[i * n + k] * b[k * n + j];
    return out;
}

// The symmetric square root; negative eigenvalues, which only rounding makes, count as 0.
std::vector<double> square_root(const std::vector<double>& matrix, std::size_t n) {
    const Eigen eigen = symmetric_eigen(matrix, n);
    std::vector<double> root(n * n);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
            for (std::size_t k = 0; k < n; ++k)
                root[i * n + j] += eigen.vectors[i * n + k] * std::sqrt(std::max(0.0, eigen.values[k])) *
                                   eigen.vectors[j * n + k];
    return root;
}

}  // namespace

Outcome<std::vector<double>> mfcc_c20(std::span<const float> samples, int sample_rate_hz) {
    using Result = Outcome<std::vector<double>>;
    const std::vector<float> x = pre_emphasised(resample(samples, sample_rate_hz, kRate));
    const Spectrogram power =
        power_spectrogram(x, {.fft_size = 512, .hop = 160, .window = symmetric_hamming(400)});
    if (power.frames == 0) return Result::failed(kTooShort);
    std::vector<double> energies;
    for (std::size_t t = 0; t < power.frames; ++t) {
        double sum = -power.frame(t).front() - power.frame(t).back();
        for (double p : power.frame(t)) sum += 2 * p;
        energies.push_back(sum);
    }
    const double loudest = *std::max_element(energies.begin(), energies.end());
    if (!(loudest > 0)) return Result::failed(kSilent);

    const MelFilterbank bank = mel_filterbank(kRate, 512, kMelBands, 60, 7600, MelScale::htk, false);
    std::vector<double> mel(kMelBands), out;
    for (std::size_t t = 0; t < power.frames; ++t) {
        if (energies[t] <= loudest * std::pow(10.0, -kRangeDb / 10)) continue;
        bank.apply(power.frame(t), mel);
        for (double& m : mel) m = std::log(m + 1e-10);
        append_cepstrum(mel, out);
    }
    return out;
}

Outcome<Gaussian> fit_gaussian(std::span<const double> features, std::size_t dim) {
    LINVOX_ASSERT(dim > 0 && features.size() % dim == 0, "{} features of dimension {}", features.size(), dim);
    if (features.size() / dim < kGaussianMinFrames) return Outcome<Gaussian>::failed(kTooShort);
    return moments(features, dim);
}

double bhattacharyya(const Gaussian& a, const Gaussian& b) {
    LINVOX_ASSERT(a.dim == b.dim, "Gaussians of dimension {} and {}", a.dim, b.dim);
    const std::size_t n = a.dim;
    const std::vector<double> sa = regularised(a), sb = regularised(b);
    std::vector<double> middle(n * n);
    for (std::size_t i = 0; i < n * n; ++i) middle[i] = 0.5 * (sa[i] + sb[i]);
    const std::vector<double> factor = factor_of(middle, n), inverse = cholesky_inverse(factor, n);
    double mahalanobis = 0;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
            mahalanobis += (a.mean[i] - b.mean[i]) * inverse[i * n + j] * (a.mean[j] - b.mean[j]);
    const double spread =
        cholesky_log_determinant(factor, n) -
        0.5 * (cholesky_log_determinant(factor_of(sa, n), n) + cholesky_log_determinant(factor_of(sb, n), n));
    return mahalanobis / 8 + spread / 2;
}

double sphericity(const Gaussian& a, const Gaussian& b) {
    LINVOX_ASSERT(a.dim == b.dim, "Gaussians of dimension {} and {}", a.dim, b.dim);
    const std::size_t n = a.dim;
    const std::vector<double> sa = regularised(a), sb = regularised(b);
    const double ab = trace_of_product(sa, cholesky_inverse(factor_of(sb, n), n));
    const double ba = trace_of_product(sb, cholesky_inverse(factor_of(sa, n), n));
    return std::log(ab * ba) - 2 * std::log(static_cast<double>(n));
}

Outcome<double> z_cosine(const Gaussian& a, const Gaussian& b, std::span<const Gaussian> background) {
    if (background.size() < 10) return Outcome<double>::failed(kTooFew);
    std::vector<double> x = summary(a), y = summary(b), mean(x.size()), square(x.size());
    for (const Gaussian& g : background) {
        LINVOX_ASSERT(g.dim == a.dim && b.dim == a.dim, "Gaussians of dimension {}, {} and {}", a.dim, b.dim,
                      g.dim);
        const std::vector<double> s = summary(g);
        for (std::size_t i = 0; i < s.size(); ++i) mean[i] += s[i] / static_cast<double>(background.size());
    }
    for (const Gaussian& g : background) {
        const std::vector<double> s = summary(g);
        for (std::size_t i = 0; i < s.size(); ++i)
            square[i] += (s[i] - mean[i]) * (s[i] - mean[i]) / static_cast<double>(background.size());
    }
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double sd = std::max(std::sqrt(square[i]), 1e-12);
        const double u = (x[i] - mean[i]) / sd, v = (y[i] - mean[i]) / sd;
        xy += u * v;
        xx += u * u;
        yy += v * v;
    }
    return xx > 0 && yy > 0 ? Outcome<double>(xy / std::sqrt(xx * yy))
                            : Outcome<double>::failed(kNotApplicable);
}

// D. Dowson, B. Landau, "The Frechet distance between multivariate normal distributions", 1982.
Outcome<double> frechet_distance(std::span<const double> a, std::span<const double> b, std::size_t dim) {
    LINVOX_ASSERT(dim > 0 && a.size() % dim == 0 && b.size() % dim == 0, "{} and {} values of dimension {}",
                  a.size(), b.size(), dim);
    if (std::min(a.size(), b.size()) / dim < kFrechetMinFrames) return Outcome<double>::failed(kTooFew);
    const Gaussian ga = moments(a, dim), gb = moments(b, dim);
    double distance = trace(ga.covariance, dim) + trace(gb.covariance, dim);
    for (std::size_t d = 0; d < dim; ++d) distance += (ga.mean[d] - gb.mean[d]) * (ga.mean[d] - gb.mean[d]);
    const std::vector<double> root = square_root(ga.covariance, dim);
    const Eigen eigen = symmetric_eigen(product(product(root, gb.covariance, dim), root, dim), dim);
    for (double value : eigen.values) distance -= 2 * std::sqrt(std::max(0.0, value));
    return distance;
}

}  // namespace linvox
