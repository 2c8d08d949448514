// Boersma's autocorrelation pitch: candidates per frame, then the best path through them.
#include "audio/pitch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "audio/fft.h"
#include "audio/peak.h"
#include "src/base/error.h"

namespace linvox {
namespace {

struct Candidate {
    double hz;        // 0: unvoiced
    double strength;  // height of the autocorrelation peak
    std::size_t lag = 0;
};

struct Frame {
    double intensity = 0;  // local peak / global peak, at most 1
    std::vector<Candidate> candidates;
};

// Sizes in samples; names follow the paper's sections 3.2 to 3.4.
struct Analysis {
    double dx;                // seconds per sample
    std::size_t half_window;  // the window has 2 * half_window samples
    std::size_t period;       // of the lowest pitch
    std::size_t half_period;  // around the centre, where the local peak is taken
    std::size_t maximum_lag;
    std::size_t peak_lags;  // lags that interpolation may read
    std::size_t fft_size;
    std::vector<double> window;
    std::vector<double> window_correlation;  // normalised, [peak_lags + 1]
};

Analysis plan_analysis(int sample_rate_hz, const PitchConfig& config) {
    Analysis a{};
    a.dx = 1.0 / sample_rate_hz;
    const double window_s = 3.0 / config.floor_hz;
    a.period = static_cast<std::size_t>(sample_rate_hz / config.floor_hz);
    a.half_period = a.period / 2 + 1;
    const auto whole = static_cast<std::size_t>(window_s / a.dx + 1e-9);
    LINVOX_ASSERT(whole >= 16, "pitch floor {} Hz at {} Hz leaves {} samples a window", config.floor_hz,
                  sample_rate_hz, whole);
    a.half_window = whole / 2 - 1;
    const std::size_t n = 2 * a.half_window;
    a.maximum_lag = std::min(n / 3 + 2, n);
    a.peak_lags = n / 2;
    a.fft_size = fast_fft_size(n + n / 2);
    a.window.resize(n);
    for (std::size_t i = 0; i < n; ++i)
        a.window[i] = 0.5 - 0.5 * std::cos(static_cast<double>(i + 1) * 2 * std::numbers::pi /
                                           static_cast<double>(n + 1));
    return a;
}

// fft.time() -> its autocorrelation divided by the value at lag 0; false when that is 0.
bool autocorrelate(RealFft& fft) {
    fft.forward();
    for (auto& bin : fft.spectrum()) bin = std::norm(bin);
    fft.inverse();
    const double power = fft.time()[0];
    if (!(power > 0)) return false;
    for (double& r : fft.time()) r /= power;
    return true;
}

void correlate_window(Analysis& a, RealFft& fft) {
    std::fill(fft.time().begin(), fft.time().end(), 0.0);
    std::copy(a.window.begin(), a.window.end(), fft.time().begin());
    autocorrelate(fft);
    a.window_correlation.assign(fft.time().begin(),
                                fft.time().begin() + static_cast<std::ptrdiff_t>(a.peak_lags) + 1);
}

// A peak above 1 is an artefact of the interpolation; its inverse counts (paper, section 3.2).
double folded(double strength) { return strength > 1 ? 1 / strength : strength; }

// Keeps the strongest candidates in favour of high pitch (octave cost), weakest replaced first.
void offer(Frame& frame, const Candidate& candidate, const PitchConfig& config) {
    if (frame.candidates.size() < config.candidates) {
        frame.candidates.push_back(candidate);
        return;
    }
    const auto rank = [&](const Candidate& c) {
        return c.strength - config.octave_cost * std::log2(config.floor_hz / c.hz);
    };
    const auto weakest = std::min_element(frame.candidates.begin() + 1, frame.candidates.end(),
                                          [&](const auto& x, const auto& y) { return rank(x) < rank(y); });
    if (weakest != frame.candidates.end() && rank(candidate) > rank(*weakest)) *weakest = candidate;
}

// `r` holds the corrected autocorrelation at lags 0..peak_lags. Eq. 24 and section 3.3.
void find_candidates(Frame& frame, const Analysis& a, const SymmetricPeaks& r, const PitchConfig& config) {
    for (std::size_t lag = 2; lag < a.maximum_lag && lag < a.peak_lags; ++lag) {
        const double here = r.at(lag), before = r.at(lag - 1), after = r.at(lag + 1);
        if (!(here > 0.5 * config.voicing_threshold && here > before && here >= after)) continue;
        const double slope = 0.5 * (after - before), curvature = 2 * here - before - after;
        const double top = static_cast<double>(lag) + slope / curvature;
        offer(frame, {1 / a.dx / top, folded(r.value(top, 30)), lag}, config);
    }
    for (std::size_t i = 1; i < frame.candidates.size(); ++i) {
        Candidate& c = frame.candidates[i];
        // Far above the ceiling a candidate only stands for "unvoiced": no need to refine it.
        if (c.hz > 1.2 * config.ceiling_hz) continue;
        const SymmetricPeaks::Peak peak = r.maximum(c.lag, 70);
        c.hz = 1 / a.dx / peak.lag;
        c.strength = folded(peak.value);
    }
    // The path treats what is left above the ceiling exactly like the unvoiced candidate.
    std::erase_if(frame.candidates, [&](const Candidate& c) { return c.hz >= config.ceiling_hz; });
}

class FrameAnalyser {
public:
    FrameAnalyser(std::span<const float> samples, const Analysis& analysis, RealFft& fft,
                  const PitchConfig& config)
        : samples_(samples), a_(analysis), fft_(fft), config_(config), r_(analysis.peak_lags) {
        double sum = 0;
        for (float x : samples_) sum += x;
        const double mean = sum / static_cast<double>(samples_.size());
        for (float x : samples_) global_peak_ = std::max(global_peak_, std::abs(x - mean));
    }

    bool silent() const { return global_peak_ <= 0; }

    /// `right`: first sample after the centre.
    Frame analyse(std::ptrdiff_t right) {
        Frame frame;
        frame.candidates.push_back({0, 0});
        load(right);
        const std::span<double> x = fft_.time();
        const std::size_t first = a_.half_window - std::min(a_.half_window, a_.half_period);
        const std::size_t last = std::min(a_.half_window + a_.half_period, a_.window.size());
        double local_peak = 0;
        for (std::size_t i = first; i < last; ++i) local_peak = std::max(local_peak, std::abs(x[i]));
        frame.intensity = std::min(1.0, local_peak / global_peak_);
        if (local_peak == 0 || !autocorrelate(fft_)) return frame;
        for (std::size_t lag = 0; lag <= a_.peak_lags; ++lag)
            r_.set(lag, x[lag] / a_.window_correlation[lag]);
        find_candidates(frame, a_, r_, config_);
        return frame;
    }

private:
    double sample(std::ptrdiff_t i) const {
        return i >= 0 && i < static_cast<std::ptrdiff_t>(samples_.size())
                   ? samples_[static_cast<std::size_t>(i)]
                   : 0.0;
    }

    // Subtracts the mean over one longest period on each side, then applies the window.
    void load(std::ptrdiff_t right) {
        const auto size = static_cast<std::ptrdiff_t>(samples_.size());
        const auto period = static_cast<std::ptrdiff_t>(a_.period);
        const std::ptrdiff_t from = std::max<std::ptrdiff_t>(0, right - period),
                             to = std::min(size, right + period);
        double sum = 0;
        for (std::ptrdiff_t i = from; i < to; ++i) sum += samples_[static_cast<std::size_t>(i)];
        const double mean = to > from ? sum / static_cast<double>(2 * period) : 0;
        const std::ptrdiff_t start = right - static_cast<std::ptrdiff_t>(a_.half_window);
        const std::span<double> x = fft_.time();
        for (std::size_t i = 0; i < a_.window.size(); ++i)
            x[i] = (sample(start + static_cast<std::ptrdiff_t>(i)) - mean) * a_.window[i];
        std::fill(x.begin() + static_cast<std::ptrdiff_t>(a_.window.size()), x.end(), 0.0);
    }

    std::span<const float> samples_;
    const Analysis& a_;
    RealFft& fft_;
    const PitchConfig& config_;
    SymmetricPeaks r_;
    double global_peak_ = 0;
};

// Strength of a candidate inside the path (paper, eqs. 23 and 24; the ceiling as reference).
double path_strength(const Frame& frame, const Candidate& c, const PitchConfig& config) {
    if (c.hz > 0) return c.strength - config.octave_cost * std::log2(config.ceiling_hz / c.hz);
    const double dip = 2 - frame.intensity * (1 + config.voicing_threshold) / config.silence_threshold;
    return config.voicing_threshold + std::max(0.0, dip);
}

// A candidate as the path sees it.
struct PathNode {
    double hz, log2_hz, strength, score;
    std::size_t back;
};

double transition_cost(const PathNode& from, const PathNode& to, const PitchConfig& config) {
    if (from.hz > 0 && to.hz > 0) return config.octave_jump_cost * std::abs(from.log2_hz - to.log2_hz);
    return (from.hz > 0) == (to.hz > 0) ? 0 : config.voiced_unvoiced_cost;
}

void extend_path(const std::vector<PathNode>& before, PathNode& node, const PitchConfig& config) {
    const double correction = 0.01 / config.step_s;
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t p = 0; p < before.size(); ++p) {
        const double value = before[p].score - correction * transition_cost(before[p], node, config);
        if (value > best) best = value, node.back = p;
    }
    node.score = node.strength + (before.empty() ? 0 : best);
}

// The candidates that maximise strength minus transition cost over the file (section 3.4).
std::vector<float> best_path(const std::vector<Frame>& frames, const PitchConfig& config) {
    std::vector<std::vector<PathNode>> nodes(frames.size());
    const std::vector<PathNode> nothing;
    for (std::size_t t = 0; t < frames.size(); ++t) {
        for (const Candidate& c : frames[t].candidates) {
            PathNode node{c.hz, c.hz > 0 ? std::log2(c.hz) : 0, path_strength(frames[t], c, config), 0, 0};
            extend_path(t > 0 ? nodes[t - 1] : nothing, node, config);
            nodes[t].push_back(node);
        }
    }
    std::vector<float> f0(frames.size());
    const auto by_score = [](const PathNode& x, const PathNode& y) { return x.score < y.score; };
    auto place = static_cast<std::size_t>(
        std::max_element(nodes.back().begin(), nodes.back().end(), by_score) - nodes.back().begin());
    for (std::size_t t = frames.size(); t-- > 0;) {
        f0[t] = static_cast<float>(nodes[t][place].hz);
        place = nodes[t][place].back;
    }
    return f0;
}

}  // namespace

PitchTrack find_pitch(std::span<const float> samples, int sample_rate_hz, const PitchConfig& user) {
    PitchConfig config = user;
    LINVOX_ASSERT(sample_rate_hz > 0 && config.floor_hz > 0 && config.floor_hz < config.ceiling_hz &&
                      config.step_s > 0 && config.candidates >= 2,
                  "pitch from {} to {} Hz every {} s, {} candidates, at {} Hz", config.floor_hz,
                  config.ceiling_hz, config.step_s, config.candidates, sample_rate_hz);
    config.ceiling_hz = std::min(config.ceiling_hz, 0.5 * sample_rate_hz);
    PitchTrack track{0, config.step_s, {}};
    const double duration = static_cast<double>(samples.size()) * (1.0 / sample_rate_hz);
    const double window_s = 3.0 / config.floor_hz;
    if (duration < window_s) return track;
    const auto count = static_cast<std::size_t>((duration - window_s) / config.step_s) + 1;
    track.first_time_s = 0.5 * duration - 0.5 * static_cast<double>(count - 1) * config.step_s;

    Analysis analysis = plan_analysis(sample_rate_hz, config);
    RealFft fft(analysis.fft_size);
    correlate_window(analysis, fft);
    FrameAnalyser analyser(samples, analysis, fft, config);
    if (analyser.silent()) {
        track.f0_hz.assign(count, 0.0F);
        return track;
    }
    std::vector<Frame> frames;
    for (std::size_t t = 0; t < count; ++t) {
        const double centre = track.first_time_s + static_cast<double>(t) * config.step_s;
        // Sample i stands at (i + 0.5) dx, so this is the first one right of the centre.
        frames.push_back(
            analyser.analyse(static_cast<std::ptrdiff_t>(std::floor(centre / analysis.dx - 0.5)) + 1));
    }
    track.f0_hz = best_path(frames, config);
    return track;
}

float pitch_at(const PitchTrack& track, double time_s) {
    if (track.f0_hz.empty()) return 0;
    const double nearest = std::floor((time_s - track.first_time_s) / track.step_s + 0.5);
    if (nearest < 0 || nearest >= static_cast<double>(track.f0_hz.size())) return 0;
    return track.f0_hz[static_cast<std::size_t>(nearest)];
}

}  // namespace linvox
