// Remarks in transcripts that are not spoken: "(6 seconds of silence)", "<beep>", "[laughter]".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace linvox {

struct StageDirections {
    std::string spoken;                   // the text without its remarks
    std::vector<std::string> directions;  // the remarks without their brackets
};

/// Text in <> or [] is a remark. Text in () is one when it speaks of silence, tones, noise or the reading
/// itself, or when no word stands outside parentheses; else only the parentheses go. A bracket without
/// its partner stays.
StageDirections take_stage_directions(std::string_view text);

}  // namespace linvox
