// Loudness and peaks by libebur128.
#include "audio/loudness.h"

#include <ebur128.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "src/base/error.h"

namespace linvox {
namespace {

struct StateCloser {
    void operator()(ebur128_state* state) const { ebur128_destroy(&state); }
};

std::optional<double> finite(double value) {
    return std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

std::optional<double> decibels(double amplitude) {
    return amplitude > 0 ? std::optional<double>(20 * std::log10(amplitude)) : std::nullopt;
}

}  // namespace

Loudness measure_loudness(std::span<const float> samples, int sample_rate_hz) {
    LINVOX_ASSERT(sample_rate_hz > 0, "loudness at {} Hz", sample_rate_hz);
    const std::unique_ptr<ebur128_state, StateCloser> state(
        ebur128_init(1, static_cast<unsigned long>(sample_rate_hz),
                     EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_SAMPLE_PEAK | EBUR128_MODE_TRUE_PEAK));
    LINVOX_ASSERT(state != nullptr, "libebur128 refuses {} Hz", sample_rate_hz);
    LINVOX_ASSERT(ebur128_add_frames_float(state.get(), samples.data(), samples.size()) == EBUR128_SUCCESS,
                  "libebur128 refuses {} samples", samples.size());

    Loudness result;
    double value = 0;
    const double seconds = static_cast<double>(samples.size()) / sample_rate_hz;
    if (ebur128_loudness_global(state.get(), &value) == EBUR128_SUCCESS)
        result.integrated_lufs = finite(value);
    if (seconds >= 10 && result.integrated_lufs &&
        ebur128_loudness_range(state.get(), &value) == EBUR128_SUCCESS)
        result.range_lu = finite(value);
    if (ebur128_sample_peak(state.get(), 0, &value) == EBUR128_SUCCESS) result.peak_dbfs = decibels(value);
    if (ebur128_true_peak(state.get(), 0, &value) == EBUR128_SUCCESS) result.true_peak_dbfs = decibels(value);
    return result;
}

double playback_gain_db(const Loudness& loudness, double target_lufs, double peak_dbfs) {
    if (!loudness.integrated_lufs || !loudness.peak_dbfs) return 0;
    return std::min(target_lufs - *loudness.integrated_lufs, peak_dbfs - *loudness.peak_dbfs);
}

}  // namespace linvox
