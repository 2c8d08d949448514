// answer (asr): every model writes down the held-out clips with the same seeds and settings.
#include <fmt/format.h>

#include <map>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/base/text.h"
#include "src/generate/generate.h"
#include "src/model/model_directory.h"
#include "src/recipe/answered.h"
#include "src/recipe/spoken.h"
#include "src/recipe/stages.h"
#include "src/recipe/transcripts.h"
#include "src/train/reference_cache.h"

namespace linvox {
namespace {

/// The held-out clips and how their transcripts are written.
struct HeldOutClips {
    std::vector<PreparedClip> clips;
    Vocabulary vocabulary;
    TranscriptLayout layout;
};

Answered blank_transcript(const std::string& system, const PreparedClip& clip, std::int64_t sample) {
    return {system,
            fmt::format("{}.{}", clip.id, sample),
            clip.id,
            "test",
            join(clip.words, " "),
            {.gold = join(unit_names(clip.units), " ")}};
}

std::vector<Answered> right_transcripts(const HeldOutClips& held_out) {
    std::vector<Answered> answers;
    for (const PreparedClip& clip : held_out.clips) {
        answers.push_back(blank_transcript(kGoldSystem, clip, 0));
        TextAnswer& answer = answers.back().answer;
        answer.text = answer.gold;
        for (const AlignedUnit& unit : clip.units)
            answer.tokens.push_back(held_out.vocabulary.unit_id(unit.unit));
    }
    return answers;
}

/// What is predicted of an answer, the heard codes left out.
std::vector<std::int32_t> written_tokens(const TokenSequence& answer, const Span& range) {
    std::vector<std::int32_t> tokens;
    for (const std::int32_t id : answer.ids)
        if (id >= range.begin && id < range.end) tokens.push_back(id);
    return tokens;
}

/// A model's transcripts, with their log-probabilities under it and under the start model.
std::vector<Answered> transcripts_of(const std::string& system, const Decoder& decoder, const Decoder& start,
                                     const HeldOutClips& held_out, const RecipeConfig& config) {
    const Span range = transcript_range(held_out.vocabulary, held_out.layout);
    std::vector<GenerationRequest> requests;
    std::vector<Answered> answers;
    std::vector<SequenceGroup> groups;
    for (const PreparedClip& clip : held_out.clips)
        for (std::int64_t s = 0; s < config.answer.samples; ++s) {
            requests.push_back({clip.id, plan_transcript(held_out.vocabulary, held_out.layout, clip.codes()),
                                mix_seed(static_cast<std::uint64_t>(config.seed), "answer", clip.id, s)});
            answers.push_back(blank_transcript(system, clip, s));
            groups.push_back(
                {answers.back().item, requests.back().plan.prompt_ids, std::vector<TokenSequence>(1)});
        }
    Progress progress("answer " + system, "clips", static_cast<std::int64_t>(requests.size()));
    std::int64_t done = 0;
    generate(decoder, requests,
             restrict_to_transcript(config.answer.sampling.sampling, held_out.vocabulary, held_out.layout),
             [&](std::size_t i, GenerationResult&& result) {
                 TextAnswer& answer = answers[i].answer;
                 answer.text = joined_units(held_out.vocabulary, result.answer);
                 answer.tokens = written_tokens(result.answer, range);
                 answer.finish = result.finish;
                 answer.logprob_sum = result.logprob_sum;
                 answer.is_start = system == kSftSystem;
                 groups[i].answers[0] = std::move(result.answer);
                 progress.update(++done);
             });
    progress.finish();
    ScoreConfig score;
    score.softmax = {range.begin, range.end, {}};
    const ReferenceScores scores =
        score_reference(start, groups, score, config.align.front().train.token_budget, ReferenceDetail::sums);
    for (std::size_t i = 0; i < answers.size(); ++i)
        answers[i].answer.reference_logprob_sum =
            scores.at(answer_digest(groups[i].prompt_ids, groups[i].answers[0])).logprob_sum;
    return answers;
}

}  // namespace

void stage_answer_asr(const StageContext& context) {
    const RecipeConfig& config = context.config;
    const auto prepare = context.run.stage("prepare");
    const HeldOutClips held_out{with_role(read_prepared(prepare / "prepared.jsonl"), Role::held_out),
                                Vocabulary::load(prepare / "vocabulary.json"), transcript_layout(config)};
    LINVOX_REQUIRE(!held_out.clips.empty(), DataError,
                   "no held-out clip to write down; data.held_out names the splits");
    const Decoder start = load_model_directory(context.run.stage("sft") / "model");
    std::vector<Answered> all = right_transcripts(held_out);
    const auto add = [&](const std::string& system, const Decoder& decoder) {
        std::vector<Answered> answers = transcripts_of(system, decoder, start, held_out, config);
        std::move(answers.begin(), answers.end(), std::back_inserter(all));
    };
    add(kSftSystem, start);
    for (const AlignRun& run : config.align)
        add(run.name, load_model_directory(context.run.stage("align") / run.name / "model"));
    write_answered(context.folder / "answered.jsonl", all);
}

}  // namespace linvox
