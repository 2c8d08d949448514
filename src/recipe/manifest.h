// The user's TTS data: a JSON-lines manifest of clips with transcripts.
//
//   {"id": "utt1", "text": "Hello.", "audio": "audio/utt1.wav", "split": "train", "speaker": "s1", "lang":
//   "en"}
//
// `audio` is relative to the manifest and stays inside its folder. `speaker` and `lang` are
// optional; `split` is train, valid or test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace linvox {

struct Clip {
    std::string id, text, split, speaker, lang;
    std::filesystem::path audio;  // absolute
};

/// Every problem (line is not JSON, a field missing or of the wrong type, an id twice, a file
/// outside the folder or missing, an unknown split) is collected, up to 20, and thrown as one
/// DataError. Also an error: no clip at all, or none in `train`.
std::vector<Clip> read_manifest(const std::filesystem::path& manifest);

}  // namespace linvox
