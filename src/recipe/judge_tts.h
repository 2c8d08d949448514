// Scores of sampled answers against the recording, from tokens alone: no vocoder, no recogniser,
// thousands of candidates in seconds. With `judge.recognise` a recogniser is added by the stage.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "audio/codec/mel_codec.h"
#include "src/data/records.h"
#include "src/recipe/prepared.h"
#include "src/text/vocabulary.h"

namespace linvox {

struct JudgeConfig;

/// The names of the scores that a judge with this configuration gives.
std::vector<std::string> judge_metric_names(const JudgeConfig& config);

/// Mel-cepstral distortion in the codec's own features: the candidate's codes stand for their
/// centroids' log mel, cepstra c1..c13 by DCT-II, exact DTW, mean over the path, dB.
class CodeDistortion {
public:
    explicit CodeDistortion(const MelCodec& codec);
    /// Features of a sequence of codes, row-major [2 codes, 13].
    std::vector<float> features(std::span<const std::int32_t> codes) const;
    /// Features of a recording (log mel, row-major [frames, 80]).
    static std::vector<float> features_of_log_mel(std::span<const float> log_mel);
    static double distance_db(std::span<const float> reference, std::span<const float> test);

private:
    std::vector<float> table_;  // [K, 2, 13]
};

/// Goodness of pronunciation from codes (after Witt and Young, Speech Communication 30, 2000): per
/// unit (ln P(codes | phone) - max over phones q of ln P(codes | q)) per frame. Codes are independent
/// given the third of the phone they lie in; P(code | phone, third) comes from counts over aligned
/// training clips, smoothed towards P(code). Floored at kWorst, mean over units.
class PhoneFit {
public:
    static constexpr double kWorst = -5.0;
    PhoneFit(const std::vector<PreparedClip>& training, std::int32_t codebook_size);
    /// `units` with frames of `codes`; nats, at most 0.
    double score(const std::vector<AlignedUnit>& units, std::span<const std::int32_t> codes) const;

private:
    std::size_t size_;                                      // K
    std::map<std::string, std::vector<double>> log_ratio_;  // ln P(code | phone, third) / P(code), [3, K]
};

/// Everything a candidate is compared with.
struct JudgedAgainst {
    std::vector<float> features;  // of the recording
    std::int64_t code_count = 0;
};

/// Scores of one candidate: mcd (dB), duration (|ln(length / recording's)|), repetition (longest run of
/// one code), capped (units ended by force), phone_fit (aligned layout only; else null).
Scores judge_candidate(const Candidate& candidate, const std::vector<std::string>& unit_names,
                       const JudgedAgainst& against, const Vocabulary& vocabulary,
                       const CodeDistortion& distortion, const PhoneFit* phone_fit);

}  // namespace linvox
