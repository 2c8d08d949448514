// Mel-cepstral distortion, profile mcd.linvox: active frames, exact DTW, c1..cM. R. Kubichek,
// "Mel-cepstral distance measure for objective speech quality assessment", PacRim 1993.
#pragma once

#include <cstddef>
#include <span>

#include "eval/mel_cepstrum.h"
#include "eval/outcome.h"

namespace linvox {

/// 10 sqrt(2) / ln 10: the dB of a cepstral difference of 1.
inline constexpr double kMcdScale = 6.141851463713754;

/// Fewer active frames than this on either side: too_short.
inline constexpr std::size_t kMcdMinFrames = 20;

struct Mcd {
    double mcd_db = 0;  // mean over the path
    std::size_t path_length = 0;
    std::size_t reference_frames = 0, test_frames = 0;  // active
    double warping_penalty = 0;        // 2 - (Ta + Tb) / path: 0 for a straight path, 1 at worst
    double duration_difference_s = 0;  // test - reference, whole files
    double duration_difference_percent = 0;
};

/// Both cepstra must come from the same rate and configuration (BugError otherwise).
/// Reasons: too_short, too_long.
Outcome<Mcd> mcd_linvox(const MelCepstra& reference, const MelCepstra& test);

/// The same number from features that the caller keeps (warping_features of the active frames,
/// [*, order]): the cheap form for scoring many candidates against one recording.
Outcome<double> mcd_of_features(std::span<const double> reference, std::span<const double> test,
                                std::size_t order);

}  // namespace linvox
