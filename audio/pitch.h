// Fundamental frequency by normalised autocorrelation and a best path through candidates:
// P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
// harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17 (1993). Agrees with Praat's
// "To Pitch (ac)". No smoothing, no octave repair afterwards.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace linvox {

struct PitchConfig {
    double floor_hz = 60;
    double ceiling_hz = 500;  // 1000 for expressive speech
    double step_s = 0.005;
    std::size_t candidates = 15;  // per frame, the unvoiced one included
    double silence_threshold = 0.03;
    double voicing_threshold = 0.45;
    double octave_cost = 0.01;
    double octave_jump_cost = 0.35;
    double voiced_unvoiced_cost = 0.14;
};

/// Frame i stands at first_time_s + i * step_s.
struct PitchTrack {
    double first_time_s = 0;
    double step_s = 0;
    std::vector<float> f0_hz;  // 0 where unvoiced
};

/// Profile f0.boersma. No frames when the wave is shorter than one window (3 / floor_hz seconds).
PitchTrack find_pitch(std::span<const float> samples, int sample_rate_hz, const PitchConfig& config = {});

/// f0 of the frame nearest to `time_s`; 0 (unvoiced) more than half a step outside the track.
float pitch_at(const PitchTrack& track, double time_s);

}  // namespace linvox
