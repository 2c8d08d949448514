// One rate, one length.
#include "eval/signal_pair.h"

#include <algorithm>
#include <cmath>

#include "audio/resample.h"

namespace linvox {

Outcome<SignalPair> make_signal_pair(const Wave& reference, const Wave& test) {
    if (reference.samples.empty() || test.samples.empty()) return Outcome<SignalPair>::failed(kTooShort);
    SignalPair pair;
    pair.length_difference_s = test.duration_s() - reference.duration_s();
    if (std::abs(pair.length_difference_s) > 0.05 + 1e-9) return Outcome<SignalPair>::failed(kLengthMismatch);
    pair.sample_rate_hz = std::min(reference.sample_rate_hz, test.sample_rate_hz);
    pair.reference = resample(reference.samples, reference.sample_rate_hz, pair.sample_rate_hz);
    pair.test = resample(test.samples, test.sample_rate_hz, pair.sample_rate_hz);
    const std::size_t length = std::min(pair.reference.size(), pair.test.size());
    if (length == 0) return Outcome<SignalPair>::failed(kTooShort);
    pair.reference.resize(length);
    pair.test.resize(length);
    return pair;
}

}  // namespace linvox
