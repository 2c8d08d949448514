// Sample-rate conversion (libsoxr, very high quality, linear phase).
#pragma once

#include <span>
#include <vector>

namespace linvox {

/// Converts mono samples. The filter's delay is compensated: sample i of the output stands at
/// i / to_hz seconds. Output length: round(samples * to_hz / from_hz). Equal rates copy.
/// Throws BugError on a rate that is not positive.
std::vector<float> resample(std::span<const float> samples, int from_hz, int to_hz);

}  // namespace linvox
