// Distances between two pitch tracks, and statistics of one. Time alignment is never done on F0
// itself: either the files are synchronous or the path comes from the mel-cepstra.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "audio/pitch.h"
#include "eval/mel_cepstrum.h"
#include "eval/outcome.h"

namespace linvox {

/// Two tracks on one grid; 0 where unvoiced.
struct PitchPair {
    std::vector<double> reference_hz, test_hz;
};

/// Alignment .sync: the test's nearest frame at each time of the reference.
PitchPair align_pitch_sync(const PitchTrack& reference, const PitchTrack& test);

/// Alignment .dtw: both tracks read along the DTW path of the cepstra of all frames (c1..cM).
/// Reason: too_long.
Outcome<PitchPair> align_pitch_dtw(const PitchTrack& reference, const PitchTrack& test,
                                   const MelCepstra& reference_cepstra, const MelCepstra& test_cepstra);

/// Fewer frames voiced on both sides than this: no_voiced.
inline constexpr std::size_t kMinJointlyVoiced = 10;

struct VoicingF1 {
    double f1 = 0, precision = 0, recall = 0;  // of "voiced"
};

/// Counts add up over a corpus: gpe = gross / voiced_both, vde = voicing_errors / frames,
/// ffe = (gross + voicing_errors) / frames.
struct PitchComparison {
    std::size_t frames = 0;
    std::size_t voiced_both = 0;
    std::size_t gross = 0;  // |f'/f - 1| > 0.2 among voiced_both
    std::size_t voicing_errors = 0;
    Outcome<double> ln_rmse = Outcome<double>::failed(kTooShort);    // f0.lnrmse, nepers
    Outcome<double> cent_rmse = Outcome<double>::failed(kTooShort);  // f0.centrmse
    Outcome<double> correlation =
        Outcome<double>::failed(kTooShort);  // f0.corr of ln f; zero variance: not_applicable
    Outcome<double> gpe_percent = Outcome<double>::failed(kTooShort);
    Outcome<double> vde_percent = Outcome<double>::failed(kTooShort);
    Outcome<double> ffe_percent = Outcome<double>::failed(kTooShort);
    Outcome<VoicingF1> vuv_f1 = Outcome<VoicingF1>::failed(kTooShort);  // nothing voiced anywhere: no_voiced
};

/// Reasons: too_short (no frames), no_voiced (fewer than 10 jointly voiced frames; vde, ffe and
/// vuv_f1 do not need them, but ffe's gross part is then over fewer frames).
PitchComparison compare_pitch(const PitchPair& pair);

struct PitchStats {
    double voiced_ratio = 0;
    double median_hz = 0;
    double sd_semitones = 0;     // of 12 log2 f, population
    double range_semitones = 0;  // 5 to 95 %, linear interpolation
    double jumps_per_s = 0;      // steps above 6 semitones between neighbouring voiced frames
};

/// Reasons: too_short (no frames), no_voiced (fewer than 10 voiced frames).
Outcome<PitchStats> pitch_stats(const PitchTrack& track);

}  // namespace linvox
