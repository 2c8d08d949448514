// What is wrong, or simply measurable, in one recording without a reference. Loudness and peaks
// stand in audio/loudness.h, activity in audio/activity.h.
#pragma once

#include <cstddef>
#include <span>

#include "audio/activity.h"
#include "eval/outcome.h"

namespace linvox {

/// Share of clipped samples in percent: in runs of 3 or more with |x| >= 0.999, or in flat tops of
/// 3 or more equal samples at the file's largest or smallest value. 0 for silence. Reason: too_short.
Outcome<double> clipping_percent(std::span<const float> samples);

/// Mean of the samples, full scale = 1. Reason: too_short (no samples).
Outcome<double> dc_offset(std::span<const float> samples);

struct Silence {
    double percent = 0;          // inactive share of the frames
    double head_s = 0;           // before the first active frame
    double tail_s = 0;           // after the last one
    double longest_zeros_s = 0;  // run of exact zeros
};
/// A file without sound is 100 %, its head the whole file. Reason: too_short (no frame).
Outcome<Silence> silence(std::span<const float> samples, int sample_rate_hz, const Activity& activity);

struct Pauses {
    std::size_t count = 0;  // inner inactive stretches of at least 200 ms
    double total_s = 0;
    double longest_s = 0;
};
/// Reasons: too_short (under 0.5 s), silent.
Outcome<Pauses> pauses(std::span<const float> samples, int sample_rate_hz, const Activity& activity);

/// Highest frequency, in Hz, whose smoothed Welch spectrum is above its peak - 50 dB.
/// Reasons: too_short (under 1 s), silent.
Outcome<double> bandwidth_hz(std::span<const float> samples, int sample_rate_hz);

/// Clicks per second: outliers of the linear-prediction residual. Clean synthetic voices can give
/// 2 per second: read the difference to a reference. Reason: too_short (under 0.5 s).
Outcome<double> clicks_per_s(std::span<const float> samples, int sample_rate_hz);

struct SpeakingRate {
    double speech = 0;        // units per second from first to last active frame
    double articulation = 0;  // the same without pauses
};
/// `units`: characters, words or phones of the text. Reasons: silent, too_short (units = 0).
Outcome<SpeakingRate> speaking_rate(std::size_t units, const Activity& activity, const Pauses& pauses);

}  // namespace linvox
