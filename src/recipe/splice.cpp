#include "src/recipe/splice.h"

#include <algorithm>

namespace linvox {
namespace {

/// Half-open range of units that a run of words covers.
struct Run {
    std::size_t begin = 0, end = 0;
};

Run draw_run(const PreparedClip& clip, const SpliceConfig& config, Rng& rng) {
    const auto words = static_cast<std::uint64_t>(clip.word_of_unit.back()) + 1;
    const std::uint64_t length =
        1 + rng.below(std::min<std::uint64_t>(words, static_cast<std::uint64_t>(config.max_run_words)));
    const auto first = static_cast<std::int32_t>(rng.below(words - length + 1));
    const auto last = first + static_cast<std::int32_t>(length);
    const auto& word = clip.word_of_unit;
    return {static_cast<std::size_t>(std::lower_bound(word.begin(), word.end(), first) - word.begin()),
            static_cast<std::size_t>(std::lower_bound(word.begin(), word.end(), last) - word.begin())};
}

void append_run(SplicedUtterance& out, const PreparedClip& clip, const Run& run, const CodedVariant& variant,
                const std::vector<AlignedUnit>& units) {
    const std::int32_t from = units[run.begin].begin;
    const auto shift = static_cast<std::int32_t>(out.codes.size()) - from;
    for (std::size_t i = run.begin; i < run.end; ++i)
        out.units.push_back({units[i].unit, units[i].begin + shift, units[i].end + shift});
    out.codes.insert(out.codes.end(), variant.codes.begin() + from,
                     variant.codes.begin() + units[run.end - 1].end);
    for (std::int32_t w = clip.word_of_unit[run.begin]; w <= clip.word_of_unit[run.end - 1]; ++w)
        out.words.push_back(clip.words[static_cast<std::size_t>(w)]);
}

}  // namespace

SplicedUtterance splice(const std::vector<PreparedClip>& clips, const SpliceConfig& config, bool augmented,
                        Rng& rng) {
    SplicedUtterance out;
    const std::uint64_t runs = 1 + rng.below(static_cast<std::uint64_t>(config.max_runs));
    for (std::uint64_t r = 0; r < runs; ++r) {
        const PreparedClip& clip = clips[rng.below(clips.size())];
        const Run run = draw_run(clip, config, rng);
        const CodedVariant& variant = clip.variants[augmented ? rng.below(clip.variants.size()) : 0];
        const auto units = rescale_units(clip.units, static_cast<std::int32_t>(clip.variants[0].codes.size()),
                                         static_cast<std::int32_t>(variant.codes.size()));
        if (run.begin == run.end || units.empty()) continue;
        const std::int64_t length = units[run.end - 1].end - units[run.begin].begin;
        if (!out.codes.empty() && static_cast<std::int64_t>(out.codes.size()) + length > config.max_codes)
            break;
        append_run(out, clip, run, variant, units);
    }
    if (out.codes.empty()) return splice(clips, config, augmented, rng);
    return out;
}

}  // namespace linvox
