// The two voices and the noisy pair that tests/eval/oracle.py computes its numbers on.
#pragma once

#include "tests/audio/synthetic_voice.h"

namespace linvox {

inline std::vector<float> first_voice() { return synthetic_voice({}); }

inline std::vector<float> second_voice() {
    return synthetic_voice({.seconds = 1.9, .f0_hz = 150, .tempo = 2.1, .noise = 0.0004, .seed = 7});
}

/// first_voice() plus the difference that noise makes to another voice.
inline std::vector<float> noisy_first_voice() {
    std::vector<float> x = first_voice();
    const VoiceSpec other{.f0_hz = 170, .noise = 0.01, .seed = 3};
    VoiceSpec clean = other;
    clean.noise = 0;
    const std::vector<float> with = synthetic_voice(other), without = synthetic_voice(clean);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += with[i] - without[i];
    return x;
}

}  // namespace linvox
