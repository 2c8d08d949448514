// Which parts of a recording hold sound: an energy detector relative to the file's loudest frame.
// It knows nothing about speech: a beep is active.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace linvox {

struct ActivityConfig {
    double frame_s = 0.025;
    double hop_s = 0.010;
    double range_db = 40;      // active: above the loudest frame minus this
    double absolute_db = -60;  // and above this level, dB re full scale (RMS)
    double close_gap_s = 0.1;  // inactive gaps shorter than this between active frames are closed
};

struct Activity {
    double frame_s = 0;
    double hop_s = 0;
    std::vector<std::uint8_t> active;  // one flag per complete frame; frame t starts at t * hop_s
    std::size_t active_frames = 0;
    std::size_t first = 0, last = 0;  // first active frame, one past the last; equal when silent

    bool silent() const { return active_frames == 0; }
    double begin_s() const { return static_cast<double>(first) * hop_s; }
    double end_s() const { return silent() ? 0 : static_cast<double>(last - 1) * hop_s + frame_s; }
    /// From the first to the end of the last active frame.
    double active_span_s() const { return end_s() - (silent() ? 0 : begin_s()); }
};

/// Profile vad.e40. A wave shorter than a frame has no frames and is silent.
Activity find_activity(std::span<const float> samples, int sample_rate_hz, const ActivityConfig& config = {});

}  // namespace linvox
