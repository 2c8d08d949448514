#include "src/recipe/transcripts.h"

#include "src/base/text.h"

namespace linvox {

TranscriptLayout transcript_layout(const RecipeConfig& config) {
    return {config.data.layout == "aligned", static_cast<std::int32_t>(config.transcript.chunk_codes),
            static_cast<std::int32_t>(config.transcript.delay_codes)};
}

SamplingConfig restrict_to_transcript(SamplingConfig sampling, const Vocabulary& vocabulary,
                                      const TranscriptLayout& layout) {
    const Span range = transcript_range(vocabulary, layout);
    sampling.vocab_begin = range.begin;
    sampling.vocab_end = range.end;
    sampling.control_ids = 0;  // they stand last in this range
    sampling.min_codes_per_unit = 0;
    sampling.max_codes_per_unit = layout.chunk + layout.delay;  // no unit is shorter than a code
    return sampling;
}

LaidOut transcript_of(const PreparedClip& clip, const Vocabulary& vocabulary,
                      const TranscriptLayout& layout) {
    return lay_out_transcript(vocabulary, layout, clip.units, clip.codes());
}

std::string joined_units(const Vocabulary& vocabulary, const TokenSequence& answer) {
    return join(extract_units(vocabulary, answer), " ");
}

}  // namespace linvox
