// Alignment, error counts and statistics of pitch tracks.
#include "eval/pitch_metrics.h"

#include <algorithm>
#include <cmath>

#include "eval/dtw.h"

namespace linvox {
namespace {

double square(double x) { return x * x; }

double percent(std::size_t part, std::size_t whole) {
    return 100 * static_cast<double>(part) / static_cast<double>(whole);
}

// Values sorted; linear interpolation between order statistics.
double quantile(const std::vector<double>& sorted, double q) {
    const double place = q * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, sorted.size() - 1);
    return sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

double mean(const std::vector<double>& values) {
    double sum = 0;
    for (double v : values) sum += v;
    return sum / static_cast<double>(values.size());
}

Outcome<double> pearson(const std::vector<double>& x, const std::vector<double>& y) {
    const double mx = mean(x), my = mean(y);
    double xx = 0, yy = 0, xy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xx += square(x[i] - mx);
        yy += square(y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    // Below rounding of the mean a track counts as constant.
    const double n = static_cast<double>(x.size());
    if (xx <= n * square(1e-12 * mx) || yy <= n * square(1e-12 * my))
        return Outcome<double>::failed(kNotApplicable);
    return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

Outcome<VoicingF1> voicing_f1(std::size_t both, std::size_t reference, std::size_t test) {
    if (reference + test == 0) return Outcome<VoicingF1>::failed(kNoVoiced);
    const auto ratio = [](std::size_t a, std::size_t b) {
        return b ? static_cast<double>(a) / static_cast<double>(b) : 0.0;
    };
    return VoicingF1{2 * static_cast<double>(both) / static_cast<double>(reference + test), ratio(both, test),
                     ratio(both, reference)};
}

}  // namespace

PitchPair align_pitch_sync(const PitchTrack& reference, const PitchTrack& test) {
    PitchPair pair;
    for (std::size_t i = 0; i < reference.f0_hz.size(); ++i) {
        const double time = reference.first_time_s + static_cast<double>(i) * reference.step_s;
        pair.reference_hz.push_back(reference.f0_hz[i]);
        pair.test_hz.push_back(pitch_at(test, time));
    }
    return pair;
}

Outcome<PitchPair> align_pitch_dtw(const PitchTrack& reference, const PitchTrack& test,
                                   const MelCepstra& reference_cepstra, const MelCepstra& test_cepstra) {
    if (reference_cepstra.frames == 0 || test_cepstra.frames == 0)
        return Outcome<PitchPair>::failed(kTooShort);
    if (reference_cepstra.frames > kDtwMaxCells / test_cepstra.frames)
        return Outcome<PitchPair>::failed(kTooLong);
    const DtwResult path =
        dtw(std::span<const double>(warping_features(reference_cepstra, false)),
            std::span<const double>(warping_features(test_cepstra, false)), reference_cepstra.dim - 1);
    const auto time = [](const MelCepstra& c, std::size_t frame) {
        return c.first_time_s + static_cast<double>(frame) * c.hop_s;
    };
    PitchPair pair;
    for (const DtwStep& step : path.path) {
        pair.reference_hz.push_back(pitch_at(reference, time(reference_cepstra, step.a)));
        pair.test_hz.push_back(pitch_at(test, time(test_cepstra, step.b)));
    }
    return pair;
}

PitchComparison compare_pitch(const PitchPair& pair) {
    PitchComparison result;
    result.frames = pair.reference_hz.size();
    if (result.frames == 0) return result;
    std::vector<double> ln_reference, ln_test;
    std::size_t reference_voiced = 0, test_voiced = 0;
    double squares = 0;
    for (std::size_t i = 0; i < result.frames; ++i) {
        const double f = pair.reference_hz[i], g = pair.test_hz[i];
        reference_voiced += f > 0;
        test_voiced += g > 0;
        result.voicing_errors += (f > 0) != (g > 0);
        if (!(f > 0 && g > 0)) continue;
        result.gross += std::abs(g / f - 1) > 0.2;
        ln_reference.push_back(std::log(f));
        ln_test.push_back(std::log(g));
        squares += square(ln_reference.back() - ln_test.back());
    }
    result.voiced_both = ln_reference.size();
    result.vde_percent = percent(result.voicing_errors, result.frames);
    result.ffe_percent = percent(result.gross + result.voicing_errors, result.frames);
    result.vuv_f1 = voicing_f1(result.voiced_both, reference_voiced, test_voiced);
    if (result.voiced_both < kMinJointlyVoiced) {
        for (auto* value : {&result.ln_rmse, &result.cent_rmse, &result.correlation, &result.gpe_percent})
            *value = Outcome<double>::failed(kNoVoiced);
        return result;
    }
    const double rmse = std::sqrt(squares / static_cast<double>(result.voiced_both));
    result.ln_rmse = rmse;
    result.cent_rmse = 1200 / std::log(2.0) * rmse;
    result.correlation = pearson(ln_reference, ln_test);
    result.gpe_percent = percent(result.gross, result.voiced_both);
    return result;
}

Outcome<PitchStats> pitch_stats(const PitchTrack& track) {
    if (track.f0_hz.empty()) return Outcome<PitchStats>::failed(kTooShort);
    std::vector<double> hz, semitones;
    std::size_t jumps = 0;
    for (std::size_t i = 0; i < track.f0_hz.size(); ++i) {
        const double f = track.f0_hz[i];
        if (f <= 0) continue;
        hz.push_back(f);
        semitones.push_back(12 * std::log2(f));
        const bool after_voiced = i > 0 && track.f0_hz[i - 1] > 0;
        jumps += after_voiced && std::abs(semitones.back() - semitones[semitones.size() - 2]) > 6;
    }
    if (hz.size() < kMinJointlyVoiced) return Outcome<PitchStats>::failed(kNoVoiced);
    const auto frames = static_cast<double>(track.f0_hz.size());
    const double centre = mean(semitones);
    double squares = 0;
    for (double s : semitones) squares += square(s - centre);
    std::sort(hz.begin(), hz.end());
    std::sort(semitones.begin(), semitones.end());
    return PitchStats{.voiced_ratio = static_cast<double>(hz.size()) / frames,
                      .median_hz = quantile(hz, 0.5),
                      .sd_semitones = std::sqrt(squares / static_cast<double>(hz.size())),
                      .range_semitones = quantile(semitones, 0.95) - quantile(semitones, 0.05),
                      .jumps_per_s = static_cast<double>(jumps) / (frames * track.step_s)};
}

}  // namespace linvox
