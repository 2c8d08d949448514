// One answer to one prompt as metrics see it, and the store of features that metrics share.
// Nothing here scores anything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audio/wav.h"

namespace linvox {

/// One audio file (or one wave in memory) and what was computed from it. Every feature is computed
/// at its first use and kept until clear(); a reference is shared by the utterances of all systems.
/// Safe to use from several threads. The getters throw DataError where the audio is unusable.
class Recording {
public:
    explicit Recording(std::filesystem::path path);  // read at first use
    explicit Recording(Wave wave);

    /// "" when the wave can be read, else the reason ("missing_file", "decode_error").
    std::string problem() const;
    std::shared_ptr<const Wave> wave() const;
    double duration_s() const { return wave()->duration_s(); }

    /// A derived feature under a key that names all its parameters; `compute` runs once.
    template <typename Feature>
    std::shared_ptr<const Feature> feature(const std::string& key,
                                           const std::function<Feature(const Wave&)>& compute) const {
        const std::lock_guard lock(mutex_);
        for (const auto& [known, value] : features_)
            if (known == key) return std::static_pointer_cast<const Feature>(value);
        auto value = std::make_shared<const Feature>(compute(*wave()));
        features_.emplace_back(key, value);
        return value;
    }
    /// Drops features, and the wave where it can be read again.
    void clear() const;

private:
    std::filesystem::path path_;
    mutable std::recursive_mutex mutex_;
    mutable std::shared_ptr<const Wave> wave_;
    mutable std::vector<std::pair<std::string, std::shared_ptr<const void>>> features_;
};

/// The codes of an answer and how generation ended.
struct AnswerTokens {
    std::vector<std::int32_t> codes;  // without the codec offset
    std::string finish;               // "stop", "length", "invalid"
    double frames_per_second = 0;
    std::int32_t codebook_size = 0;
    std::vector<std::int32_t> silence_codes;    // may be empty
    std::vector<std::int32_t> reference_codes;  // of the recording; may be empty
    std::int64_t text_units = 0;                // of the prompt; 0: unknown
    double expected_per_unit = 0;               // tokens per text unit in the training set; 0: unknown
};

/// One answer of one system to one prompt. `system` also names ceilings (recording, codec).
struct Utterance {
    std::string id;  // the item: unique within a system, equal across systems
    std::string system;
    std::string text;                            // the reference text
    std::shared_ptr<const Recording> audio;      // null: the answer has no audio
    std::shared_ptr<const Recording> reference;  // null: no recording of this text. The same pointer as
                                                 // `audio` for the recording itself: distances do not apply
    bool synchronous = false;                    // audio and reference share one time axis
    std::optional<std::string> transcript;       // what the recogniser heard
    std::string transcript_reason;               // why there is none: "backend_missing", "timeout", ...
    std::optional<AnswerTokens> tokens;
};

}  // namespace linvox
