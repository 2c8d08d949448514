// Held-out speech of a run: every system's answers, written by synthesise, read by evaluate and report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace linvox {

/// One answer. The ceilings "recording" and "codec" speak each prompt once, as sample 0.
struct Spoken {
    std::string system, item;  // item: "<clip>.<sample>", equal across systems
    std::string clip, text;
    std::vector<std::int32_t> codes;  // empty for the recording
    std::string finish;               // "stop", "length"; "" for the recording
    std::int64_t capped_units = 0;
    std::filesystem::path wave;  // relative to the synthesise folder
};

inline constexpr const char* kRecordingSystem = "recording";
inline constexpr const char* kCodecSystem = "codec";
inline constexpr const char* kSftSystem = "sft";

void write_spoken(const std::filesystem::path& path, const std::vector<Spoken>& answers);
std::vector<Spoken> read_spoken(const std::filesystem::path& path);

}  // namespace linvox
