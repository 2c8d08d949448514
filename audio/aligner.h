// Forced alignment of a known text with its recording (pocketsphinx).
//
// The grammar is a straight line of phones, each a dictionary word of its own, so that times come
// out phone by phone. Words with several pronunciations become parallel branches; silence may
// stand between words, before the first and after the last, nowhere else.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/base/timed_unit.h"

namespace linvox {

struct AlignerConfig {
    std::filesystem::path acoustic_model;  // empty: default_acoustic_model()
    double beam = 1e-80;
    double word_beam = 1e-80;
    // When text and sound differ, the forced path shows phones or pauses that fit badly. With these values
    // 541 of 542 right texts of one speaker pass, and three quarters of their neighbours' texts are refused.
    double poor_score = -5;        // log-likelihood in nats a frame below which a phone or pause fits badly
    int longest_poor_run = 4;      // more poor phones in a row than this: refused
    double most_poor_share = 0.3;  // a greater share of all phones (and at least 3): refused
    double least_score = -3.2;     // mean over the recording; below: refused
};

/// One word to align: at least one variant, each at least one phone.
struct AlignerWord {
    std::string text;
    std::vector<std::vector<std::string>> variants;
};

struct Alignment {
    std::vector<TimedUnit> units;  // from 0 to the end of the recording, silence included
    std::vector<int> variant;      // the variant chosen, one per word
    double score_per_frame = 0;    // acoustic log-likelihood in nats, for comparing clips of one speaker
};

/// One decoder. Not thread-safe: build one per thread.
class Aligner {
public:
    /// `phones`: every phone that may occur (Lexicon::phone_set()). UserError when the acoustic
    /// model cannot be read or lacks a phone.
    Aligner(const AlignerConfig& config, std::span<const std::string> phones);
    ~Aligner();
    Aligner(Aligner&&) noexcept;

    /// Mono, 16 kHz, [-1, 1]. Nothing when text and sound differ; problem() then says where.
    std::optional<Alignment> align(std::span<const float> wave16k, std::span<const AlignerWord> words);
    /// Why the last align() gave nothing; "" when it gave something.
    const std::string& problem() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace linvox
