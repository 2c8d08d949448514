#include "src/text/transcript_layout.h"

#include <algorithm>

namespace linvox {
namespace {

std::vector<std::int32_t> code_ids(const Vocabulary& vocabulary, std::span<const std::int32_t> codes) {
    std::vector<std::int32_t> ids;
    for (const std::int32_t code : codes) ids.push_back(vocabulary.code_id(code));
    return ids;
}

std::vector<std::vector<std::int32_t>> chunks_of(const std::vector<std::int32_t>& ids, std::int32_t chunk) {
    std::vector<std::vector<std::int32_t>> chunks;
    const auto step = static_cast<std::size_t>(chunk);
    for (std::size_t i = 0; i < ids.size(); i += step)
        chunks.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(i),
                            ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), i + step)));
    return chunks;
}

/// Units that have ended `delay` codes before `heard`; behind the last code, all.
std::size_t units_said(std::span<const AlignedUnit> units, std::int32_t heard, std::int32_t delay,
                       bool last) {
    if (last) return units.size();
    std::size_t count = 0;
    while (count < units.size() && units[count].end + delay <= heard) ++count;
    return count;
}

}  // namespace

LaidOut lay_out_transcript(const Vocabulary& vocabulary, const TranscriptLayout& layout,
                           std::span<const AlignedUnit> units, std::span<const std::int32_t> codes) {
    const GenerationPlan plan = plan_transcript(vocabulary, layout, codes);
    LaidOut out{plan.prompt_ids, {}};
    TokenSequence& answer = out.answer;
    if (!layout.aligned) {
        for (const AlignedUnit& unit : units) answer.ids.push_back(vocabulary.unit_id(unit.unit));
        answer.ids.push_back(plan.stop_id);
        return out;
    }
    std::size_t said = 0;
    std::int32_t heard = 0;
    for (const std::vector<std::int32_t>& chunk : plan.forced) {
        const auto begin = static_cast<std::int32_t>(answer.ids.size());
        answer.ids.insert(answer.ids.end(), chunk.begin(), chunk.end());
        answer.given.push_back({begin, static_cast<std::int32_t>(answer.ids.size())});
        heard += static_cast<std::int32_t>(chunk.size());
        const std::size_t until = units_said(units, heard, layout.delay, &chunk == &plan.forced.back());
        for (; said < until; ++said) answer.ids.push_back(vocabulary.unit_id(units[said].unit));
        answer.ids.push_back(plan.boundary_id);
    }
    return out;
}

GenerationPlan plan_transcript(const Vocabulary& vocabulary, const TranscriptLayout& layout,
                               std::span<const std::int32_t> codes) {
    GenerationPlan plan;
    plan.prompt_ids = {Vocabulary::bos};
    std::vector<std::int32_t> ids = code_ids(vocabulary, codes);
    if (layout.aligned) {
        plan.forced = chunks_of(ids, layout.chunk);
        plan.boundary_id = vocabulary.next();
        return plan;
    }
    plan.prompt_ids.insert(plan.prompt_ids.end(), ids.begin(), ids.end());
    plan.prompt_ids.push_back(Vocabulary::end);
    plan.stop_id = vocabulary.eos();
    return plan;
}

Span transcript_range(const Vocabulary& vocabulary, const TranscriptLayout& layout) {
    return {Vocabulary::first_unit, layout.aligned ? vocabulary.eos() : vocabulary.codec_start()};
}

std::vector<std::string> extract_units(const Vocabulary& vocabulary, const TokenSequence& answer) {
    std::vector<std::string> units;
    for (const std::int32_t id : answer.ids)
        if (id >= Vocabulary::first_unit && id < vocabulary.next())
            units.push_back(vocabulary.token_name(id));
    return units;
}

}  // namespace linvox
