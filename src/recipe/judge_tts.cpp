#include "src/recipe/judge_tts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "eval/dtw.h"
#include "eval/mcd.h"
#include "eval/token_loops.h"
#include "src/recipe/recipe_config.h"

namespace linvox {
namespace {

constexpr std::size_t kOrder = 13;
constexpr std::size_t kBands = MelCodec::kBands;

/// c1..c13 of a log-mel frame. The orthonormal DCT keeps distances comparable with cepstra of
/// natural log spectra.
void cepstrum(const float* mel, float* out) {
    for (std::size_t m = 1; m <= kOrder; ++m) {
        double sum = 0;
        for (std::size_t b = 0; b < kBands; ++b)
            sum += mel[b] * std::cos(std::numbers::pi * static_cast<double>(m) *
                                     (static_cast<double>(b) + 0.5) / kBands);
        out[m - 1] = static_cast<float>(sum / kBands * 2);
    }
}

}  // namespace

std::vector<std::string> judge_metric_names(const JudgeConfig& config) {
    std::vector<std::string> names = {"mcd", "duration", "repetition", "capped", "phone_fit"};
    if (config.recognise) names.push_back("wer");
    return names;
}

CodeDistortion::CodeDistortion(const MelCodec& codec) { table_ = features_of_log_mel(codec.code_log_mel()); }

std::vector<float> CodeDistortion::features_of_log_mel(std::span<const float> log_mel) {
    const std::size_t frames = log_mel.size() / kBands;
    std::vector<float> out(frames * kOrder);
    for (std::size_t t = 0; t < frames; ++t) cepstrum(&log_mel[t * kBands], &out[t * kOrder]);
    return out;
}

std::vector<float> CodeDistortion::features(std::span<const std::int32_t> codes) const {
    constexpr std::size_t row = MelCodec::kFramesPerCode * kOrder;
    std::vector<float> out;
    out.reserve(codes.size() * row);
    for (const std::int32_t code : codes) {
        const auto begin = table_.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(code) * row);
        out.insert(out.end(), begin, begin + row);
    }
    return out;
}

double CodeDistortion::distance_db(std::span<const float> reference, std::span<const float> test) {
    const DtwResult path = dtw_cost(reference, test, kOrder);
    return kMcdScale * path.cost / static_cast<double>(path.path_length);
}

namespace {

using Histograms = std::map<std::string, std::vector<double>>;

/// Which third of its unit a frame lies in: a phone begins and ends in its neighbours' sound.
std::size_t third_of(const AlignedUnit& unit, std::int32_t frame) {
    return static_cast<std::size_t>((frame - unit.begin) * 3 / (unit.end - unit.begin));
}

/// Counts of codes in each third of each phone, [3, size], over all codings of the clips.
Histograms count_codes(const std::vector<PreparedClip>& clips, std::size_t size) {
    Histograms counts;
    for (const PreparedClip& clip : clips)
        for (const CodedVariant& variant : clip.variants)
            for (const AlignedUnit& unit :
                 rescale_units(clip.units, static_cast<std::int32_t>(clip.codes().size()),
                               static_cast<std::int32_t>(variant.codes.size()))) {
                auto& histogram = counts.try_emplace(unit.unit, 3 * size, 0.0).first->second;
                for (std::int32_t t = unit.begin; t < unit.end; ++t)
                    histogram[third_of(unit, t) * size +
                              static_cast<std::size_t>(variant.codes[static_cast<std::size_t>(t)])] += 1;
            }
    return counts;
}

double sum_of(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace

PhoneFit::PhoneFit(const std::vector<PreparedClip>& training, std::int32_t codebook_size)
    : size_(static_cast<std::size_t>(codebook_size)) {
    constexpr double kPriorWeight = 100;  // pseudo-counts of P(code) in every histogram
    const Histograms counts = count_codes(training, size_);
    std::vector<double> prior(size_, 1.0);
    for (const auto& [phone, histogram] : counts)
        for (std::size_t i = 0; i < histogram.size(); ++i) prior[i % size_] += histogram[i];
    const double total = sum_of(prior);
    for (double& value : prior) value /= total;
    for (const auto& [phone, histogram] : counts) {
        std::vector<double>& ratio = log_ratio_[phone];
        for (std::size_t third = 0; third < 3; ++third) {
            const std::span<const double> own(&histogram[third * size_], size_);
            const double sum = sum_of(own) + kPriorWeight;
            for (std::size_t c = 0; c < size_; ++c)
                ratio.push_back(std::log((own[c] + kPriorWeight * prior[c]) / sum / prior[c]));
        }
    }
}

double PhoneFit::score(const std::vector<AlignedUnit>& units, std::span<const std::int32_t> codes) const {
    constexpr double lowest = -std::numeric_limits<double>::infinity();
    double total = 0;
    for (const AlignedUnit& unit : units) {
        double own = lowest, best = lowest;
        for (const auto& [phone, ratio] : log_ratio_) {
            double sum = 0;
            for (std::int32_t t = unit.begin; t < unit.end; ++t)
                sum += ratio[third_of(unit, t) * size_ +
                             static_cast<std::size_t>(codes[static_cast<std::size_t>(t)])];
            if (phone == unit.unit) own = sum;
            best = std::max(best, sum);
        }
        // Per frame: a sum would prefer long phones, whose evidence is larger.
        total += std::max(kWorst, (own - best) / (unit.end - unit.begin));
    }
    return total / static_cast<double>(units.size());
}

namespace {

/// The units of an aligned answer with the frames its own boundaries give them.
std::vector<AlignedUnit> spoken_units(const Vocabulary& vocabulary, const TokenSequence& answer,
                                      const std::vector<std::string>& names) {
    std::vector<AlignedUnit> units;
    std::int32_t begin = 0;
    const std::vector<std::int32_t> lengths = unit_lengths(vocabulary, answer);
    for (std::size_t i = 0; i < lengths.size() && i < names.size(); ++i) {
        units.push_back({names[i], begin, begin + lengths[i]});
        begin += lengths[i];
    }
    return units;
}

}  // namespace

Scores judge_candidate(const Candidate& candidate, const std::vector<std::string>& unit_names,
                       const JudgedAgainst& against, const Vocabulary& vocabulary,
                       const CodeDistortion& distortion, const PhoneFit* phone_fit) {
    const std::vector<std::int32_t> codes = extract_codes(vocabulary, candidate.answer.ids);
    Scores scores = {{"mcd", {}}, {"duration", {}}, {"repetition", {}}, {"capped", {}}, {"phone_fit", {}}};
    if (codes.empty()) return scores;
    scores["mcd"] = CodeDistortion::distance_db(against.features, distortion.features(codes));
    scores["duration"] =
        std::abs(std::log(static_cast<double>(codes.size()) / static_cast<double>(against.code_count)));
    scores["repetition"] = static_cast<double>(longest_run(codes));
    const auto capped = candidate.meta.find("capped_units");
    scores["capped"] = capped == candidate.meta.end() ? 0.0 : capped->second;
    if (phone_fit)
        scores["phone_fit"] = phone_fit->score(spoken_units(vocabulary, candidate.answer, unit_names), codes);
    return scores;
}

}  // namespace linvox
