// Brings a reference and a test wave to one rate and one length for sample-synchronous metrics.
#pragma once

#include <cstddef>
#include <vector>

#include "audio/wav.h"
#include "eval/outcome.h"

namespace linvox {

struct SignalPair {
    std::vector<float> reference, test;  // equal length
    int sample_rate_hz = 0;              // the lower of the two
    double length_difference_s = 0;      // test - reference, before the cut
};

/// The higher rate is resampled to the lower, then both are cut to the shorter. Reasons:
/// length_mismatch (more than 50 ms apart), too_short (no samples).
Outcome<SignalPair> make_signal_pair(const Wave& reference, const Wave& test);

}  // namespace linvox
