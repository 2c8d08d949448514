// A piece of text with its time in a recording: what an aligner gives and a token layout takes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace linvox {

/// The unit that stands for silence.
inline constexpr const char* kSilenceUnit = "SIL";

/// Times in seconds from the start of the recording, [start_s, end_s).
struct TimedUnit {
    std::string unit;  // a phone, letter or piece; kSilenceUnit for silence
    double start_s = 0, end_s = 0;
    std::int32_t word = -1;  // index of the word it belongs to; -1: silence or unknown
    bool operator==(const TimedUnit&) const = default;
};

}  // namespace linvox
