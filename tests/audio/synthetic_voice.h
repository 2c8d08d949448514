// A voice made of sines and noise, the same here and in tests/eval/oracle.py: what the golden
// numbers of the audio tests were computed on. Rounded to 16 bits, so that both programs agree.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace linvox {

struct VoiceSpec {
    int rate_hz = 16000;
    double seconds = 1.6;
    double f0_hz = 120;
    double tempo = 2.5;  // half-waves of loudness per second
    double noise = 0.0002;
    std::uint32_t seed = 1;
};

/// Uniform in [-1, 1): the numerical-recipes congruential generator.
inline double next_noise(std::uint32_t& state) {
    state = state * 1664525U + 1013904223U;
    return static_cast<double>(state) / 2147483648.0 - 1.0;
}

/// Voiced half-waves with a moving pitch, a burst of noise in every second gap.
inline std::vector<float> synthetic_voice(const VoiceSpec& spec) {
    constexpr double kFormants[][2] = {{600, 120}, {1300, 200}, {2600, 300}};
    const double pi = std::numbers::pi;
    std::vector<double> gain;
    for (int h = 1; h * spec.f0_hz * 1.3 < 0.45 * spec.rate_hz && h <= 30; ++h) {
        double sum = 0.05;
        for (const auto& formant : kFormants) {
            const double x = (h * spec.f0_hz - formant[0]) / formant[1];
            sum += 1 / (1 + x * x);
        }
        gain.push_back(sum / h);
    }
    std::uint32_t state = spec.seed;
    double phase = 0;
    std::vector<float> wave;
    for (int i = 0; i < static_cast<int>(spec.seconds * spec.rate_hz + 0.5); ++i) {
        const double t = static_cast<double>(i) / spec.rate_hz;
        phase += 2 * pi * spec.f0_hz * (1 + 0.25 * std::sin(2 * pi * 0.9 * t)) / spec.rate_hz;
        const double swing = std::sin(2 * pi * spec.tempo * t);
        double x = 0;
        if (swing > 0)
            for (std::size_t h = 0; h < gain.size(); ++h)
                x += gain[h] * swing * std::sin(static_cast<double>(h + 1) * phase);
        const double burst = std::sin(pi * spec.tempo * t) < -0.5 && swing < 0 ? 0.05 : 0;
        x = 0.15 * x + (spec.noise + burst) * next_noise(state);
        wave.push_back(static_cast<float>(std::round(x * 32768) / 32768));
    }
    return wave;
}

}  // namespace linvox
