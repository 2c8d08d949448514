// The energy detector.
#include "audio/activity.h"

#include <algorithm>
#include <cmath>

namespace linvox {
namespace {

// Mean square of every complete frame.
std::vector<double> frame_powers(std::span<const float> samples, std::size_t frame, std::size_t hop) {
    std::vector<double> powers;
    for (std::size_t start = 0; start + frame <= samples.size(); start += hop) {
        double sum = 0;
        for (std::size_t i = start; i < start + frame; ++i)
            sum += static_cast<double>(samples[i]) * samples[i];
        powers.push_back(sum / static_cast<double>(frame));
    }
    return powers;
}

// Sets inactive stretches between active frames whose length in time is below the limit.
void close_gaps(std::vector<std::uint8_t>& active, double hop_s, double limit_s) {
    std::size_t last_active = active.size();  // none yet
    for (std::size_t t = 0; t < active.size(); ++t) {
        if (!active[t]) continue;
        const bool gap = last_active < t && t - last_active > 1;
        // 1e-9: ten frames of 10 ms are not shorter than 100 ms, whatever the rounding.
        if (gap && static_cast<double>(t - last_active - 1) * hop_s < limit_s - 1e-9)
            std::fill(active.begin() + static_cast<std::ptrdiff_t>(last_active),
                      active.begin() + static_cast<std::ptrdiff_t>(t), std::uint8_t{1});
        last_active = t;
    }
}

}  // namespace

Activity find_activity(std::span<const float> samples, int sample_rate_hz, const ActivityConfig& config) {
    Activity result;
    const auto frame = static_cast<std::size_t>(std::lround(config.frame_s * sample_rate_hz));
    const auto hop = static_cast<std::size_t>(std::lround(config.hop_s * sample_rate_hz));
    if (frame == 0 || hop == 0) return result;
    result.frame_s = static_cast<double>(frame) / sample_rate_hz;
    result.hop_s = static_cast<double>(hop) / sample_rate_hz;
    const std::vector<double> powers = frame_powers(samples, frame, hop);
    if (powers.empty()) return result;
    const double loudest = *std::max_element(powers.begin(), powers.end());
    const double threshold =
        std::max(loudest * std::pow(10.0, -config.range_db / 10), std::pow(10.0, config.absolute_db / 10));
    for (double power : powers) result.active.push_back(power > threshold);
    close_gaps(result.active, result.hop_s, config.close_gap_s);
    result.active_frames =
        static_cast<std::size_t>(std::count(result.active.begin(), result.active.end(), std::uint8_t{1}));
    if (result.silent()) return result;
    result.first = static_cast<std::size_t>(std::find(result.active.begin(), result.active.end(), 1) -
                                            result.active.begin());
    result.last = result.active.size() -
                  static_cast<std::size_t>(std::find(result.active.rbegin(), result.active.rend(), 1) -
                                           result.active.rbegin());
    return result;
}

}  // namespace linvox
