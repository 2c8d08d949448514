// Mel-cepstra by Newton's method on the unbiased log spectrum: K. Tokuda, T. Kobayashi,
// T. Masuko, S. Imai, "Mel-generalized cepstral analysis", ICSLP 1994 (gamma = 0), as SPTK's mcep.
// The frames are those of the profile mcd.linvox; its level normalisation is done here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "eval/outcome.h"

namespace linvox {

struct MelCepstrumConfig {
    std::size_t order = 24;  // M; c0..cM are kept
    double alpha = 0.41;     // all-pass constant
    double frame_s = 0.025;
    double hop_s = 0.005;
    double floor = 1e-6;  // added to the periodogram
    std::size_t min_iterations = 2;
    std::size_t max_iterations = 30;
    double stop = 1e-3;           // relative change of the criterion's zeroth term
    double active_range_db = 40;  // active frames: above the loudest minus this
};

/// Order and alpha of mcd.linvox at 16, 22.05, 24, 44.1 or 48 kHz; BugError at another rate.
MelCepstrumConfig mel_cepstrum_config(int sample_rate_hz);

/// The highest rate of that table not above `sample_rate_hz`, 0 if there is none. A pair is
/// resampled to mel_cepstrum_rate(the lower of its rates) first.
int mel_cepstrum_rate(int sample_rate_hz);

/// Cepstra of the complete frames of one file. Frame t is centred at first_time_s + t * hop_s.
struct MelCepstra {
    std::size_t frames = 0;
    std::size_t dim = 0;               // M + 1
    std::vector<double> values;        // row-major [frames, dim], c0..cM
    std::vector<std::uint8_t> active;  // [frames]
    std::size_t active_frames = 0;
    double first_time_s = 0;
    double hop_s = 0;
    int sample_rate_hz = 0;
    double duration_s = 0;
};

/// Each periodogram is divided by the mean energy of the active frames, so the level of the file
/// cancels. Reasons: too_short (no complete frame), silent (all zero), not_applicable (rate).
Outcome<MelCepstra> mel_cepstra(std::span<const float> samples, int sample_rate_hz);
Outcome<MelCepstra> mel_cepstra(std::span<const float> samples, int sample_rate_hz,
                                const MelCepstrumConfig& config);

/// c1..cM of all frames or of the active ones, row-major [*, M]: what DTW and distance run on.
std::vector<double> warping_features(const MelCepstra& cepstra, bool active_only);

/// The solver for one FFT size, order and alpha. One instance serves one thread.
class MelCepstrumSolver {
public:
    MelCepstrumSolver(std::size_t fft_size, const MelCepstrumConfig& config);
    ~MelCepstrumSolver();
    MelCepstrumSolver(MelCepstrumSolver&&) noexcept;
    /// Positive periodogram [fft_size/2 + 1] (the floor already added) -> c0..cM.
    void solve(std::span<const double> periodogram, std::span<double> cepstrum);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace linvox
