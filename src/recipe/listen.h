// The recogniser as the recipe uses it: one closed vocabulary and bigram model over all prompts, the
// same for recordings, codec and every model, so that error rates compare.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "audio/recogniser.h"

namespace linvox {

class ListeningRoom {
public:
    /// Writes the language model and the pronunciations of `sentences` into `folder`. `user_lexicon`
    /// (may be empty) is laid over the recogniser's own dictionary.
    ListeningRoom(const std::filesystem::path& folder,
                  const std::vector<std::vector<std::string>>& sentences,
                  const std::filesystem::path& user_lexicon);

    /// Transcripts of `count` waves (16 kHz), wave(i) made when needed; in parallel, with progress.
    std::vector<std::string> transcribe_all(const std::string& what, std::size_t count,
                                            const std::function<std::vector<float>(std::size_t)>& wave) const;
    /// "pocketsphinx en-us, bigram over 123 sentences".
    const std::string& description() const { return description_; }

private:
    RecogniserConfig config_;
    std::string description_;
};

/// The words of every prepared clip.
std::vector<std::vector<std::string>> prompt_sentences(const std::filesystem::path& prepare_folder);

/// Word errors / words after the `linvox` normaliser, clamped to [0, 1] as a score must be.
double word_error_rate(const std::string& text, const std::string& transcript);

}  // namespace linvox
