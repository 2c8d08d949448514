#include "src/text/stage_directions.h"

#include <algorithm>
#include <array>

#include "src/base/text.h"
#include "src/text/unicode.h"

namespace linvox {

namespace {

// Words that mark a bracket as a remark about the recording.
constexpr std::array<std::string_view, 22> kDirectionWords = {
    "silence",   "silent",   "beep",   "tone",  "noise",    "music",         "sound",  "sounds",
    "pause",     "laughter", "laughs", "cough", "coughs",   "sighs",         "breath", "applause",
    "inaudible", "note",     "click",  "rings", "whispers", "unintelligible"};

bool speaks_of_recording(std::string_view inside) {
    const std::vector<std::string> words = split_words(plain_words(code_points(inside)));
    return std::any_of(words.begin(), words.end(), [](const std::string& word) {
        return std::find(kDirectionWords.begin(), kDirectionWords.end(), word) != kDirectionWords.end();
    });
}

char closing(char open) { return open == '<' ? '>' : open == '[' ? ']' : open == '(' ? ')' : '\0'; }

}  // namespace

StageDirections take_stage_directions(std::string_view text) {
    StageDirections out;
    std::vector<std::string> parentheses;
    bool words_outside = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char close = closing(text[i]);
        const std::size_t end = close != '\0' ? text.find(close, i + 1) : std::string_view::npos;
        if (end == std::string_view::npos) {
            out.spoken += text[i];
            words_outside = words_outside || is_word_character(static_cast<unsigned char>(text[i]));
            continue;
        }
        const std::string inside = trim(text.substr(i + 1, end - i - 1));
        if (close != ')' || speaks_of_recording(inside)) {
            out.directions.push_back(inside);
            out.spoken += ' ';
        } else {
            parentheses.push_back(inside);
            out.spoken += " " + inside + " ";
        }
        i = end;
    }
    if (!words_outside && !parentheses.empty()) {  // nothing but a remark such as "(door closes)"
        out.directions.insert(out.directions.end(), parentheses.begin(), parentheses.end());
        out.spoken.clear();
    }
    return out;
}

}  // namespace linvox
