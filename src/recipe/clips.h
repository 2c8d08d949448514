// The recordings of a run: which are used, where their sound begins and ends, and their codes.
// Written by the codec stage, read by every later one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "audio/wav.h"

namespace linvox {

/// Another coding of a clip (audio/codec/mel_codec.h, MelVariant); {1, 0} is the plain one.
struct CodedVariant {
    double stretch = 1.0;
    std::int64_t shift = 0;
    std::vector<std::int32_t> codes;
};

struct ClipRecord {
    std::string id, split, text, speaker;
    std::filesystem::path audio;
    double duration_s = 0;               // of the file
    double begin_s = 0, end_s = 0;       // what is used: silence at both ends is cut
    std::string left_out;                // why the clip is not used; empty when it is
    std::vector<CodedVariant> variants;  // the first is the plain coding; empty when left out

    bool used() const { return left_out.empty(); }
    const std::vector<std::int32_t>& codes() const { return variants.front().codes; }
};

void write_clips(const std::filesystem::path& path, const std::vector<ClipRecord>& clips);
std::vector<ClipRecord> read_clips(const std::filesystem::path& path);

/// The used part of a recording, as the codec heard it.
Wave load_clip(const ClipRecord& clip, int sample_rate_hz);

}  // namespace linvox
