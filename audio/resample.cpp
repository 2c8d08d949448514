// Resampling through libsoxr's one-shot call, which returns delay-compensated output.
#include "audio/resample.h"

#include <fmt/format.h>
#include <soxr.h>

#include <cmath>

#include "src/base/error.h"

namespace linvox {

std::vector<float> resample(std::span<const float> samples, int from_hz, int to_hz) {
    LINVOX_ASSERT(from_hz > 0 && to_hz > 0, "resample from {} Hz to {} Hz", from_hz, to_hz);
    if (from_hz == to_hz || samples.empty()) return {samples.begin(), samples.end()};
    const double ratio = static_cast<double>(to_hz) / from_hz;
    const auto wanted = static_cast<std::size_t>(std::llround(static_cast<double>(samples.size()) * ratio));
    std::vector<float> out(wanted + 64);  // soxr may write a sample more than the exact length

    const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
    const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ | SOXR_LINEAR_PHASE, 0);
    const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);  // one thread
    std::size_t consumed = 0, produced = 0;
    const soxr_error_t error = soxr_oneshot(from_hz, to_hz, 1, samples.data(), samples.size(), &consumed,
                                            out.data(), out.size(), &produced, &io, &quality, &runtime);
    LINVOX_ASSERT(!error, "soxr: {}", error);
    LINVOX_ASSERT(produced + 2 >= wanted, "soxr gave {} samples, expected {}", produced, wanted);
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(std::min(produced, out.size())), out.end(), 0.0F);
    out.resize(wanted);
    return out;
}

}  // namespace linvox
