// Alignments of text units to time: files, trimming, and conversion to codec frames.
// Finding the times is not done here: see audio/aligner.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/base/timed_unit.h"
#include "src/text/token_layout.h"

namespace linvox {

/// The part of a recording that holds speech, in seconds.
struct TrimPoints {
    double start_s = 0, end_s = 0;
};

/// From `margin_s` before the first unit that is not silence to `margin_s` after the last one, within
/// [0, duration_s]. {0, 0} when everything is silence.
TrimPoints speech_bounds(std::span<const TimedUnit> units, double duration_s, double margin_s);

/// The units of a recording cut to [trim.start_s, trim.end_s), their times counted from the cut.
std::vector<TimedUnit> trim_units(std::span<const TimedUnit> units, const TrimPoints& trim);

/// Units on the frame grid of a codec.
struct FramedUnits {
    std::vector<AlignedUnit> units;  // no silence; they cover [0, frame_count) without gaps
    std::vector<std::int32_t> word;  // beside units: TimedUnit::word
    std::string problem;             // not empty: the clip cannot be used, and why; units is empty
};

/// Rounds boundaries to frames. Silence goes to the unit before it, leading silence to the first
/// unit. Every unit gets at least one frame, borrowed from a neighbour that has more; a problem is
/// reported when there are more units than frames, when nothing is spoken, or when a unit takes more
/// than `longest_unit` frames (0: no limit).
FramedUnits units_to_frames(std::span<const TimedUnit> units, double frame_rate, std::int32_t frame_count,
                            std::int32_t longest_unit = 0);

/// JSON lines {"id", "unit", "start", "end"[, "word"]}, seconds, rows of one id in order of time.
/// "", "sil", "sp" and "SIL" are silence. DataError (file, line) on overlap, a missing field or times that
/// run backwards.
std::map<std::string, std::vector<TimedUnit>> read_alignments(const std::filesystem::path& path);
void write_alignments(const std::filesystem::path& path,
                      const std::map<std::string, std::vector<TimedUnit>>& alignments);

/// One interval tier of a Praat TextGrid (long or short text form, UTF-8), as the Montreal Forced
/// Aligner writes it. Stress digits of phones (AH0) are dropped. With a tier called "words" the word
/// index of every unit is filled in. DataError (file, reason).
std::vector<TimedUnit> read_text_grid(const std::filesystem::path& path, const std::string& tier = "phones");

}  // namespace linvox
