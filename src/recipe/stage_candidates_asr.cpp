// candidates (asr): several sampled transcripts of every training clip.
#include <nlohmann/json.hpp>

#include "src/base/text.h"
#include "src/recipe/sampled.h"
#include "src/recipe/stages.h"
#include "src/recipe/transcripts.h"

namespace linvox {
namespace {

CandidatePrompt heard_prompt(const PreparedClip& clip, const Vocabulary& vocabulary,
                             const TranscriptLayout& layout) {
    LaidOut laid_out = transcript_of(clip, vocabulary, layout);
    CandidatePrompt prompt;
    prompt.plan = plan_transcript(vocabulary, layout, clip.codes());
    prompt.record.info = {clip.id, laid_out.prompt_ids, join(clip.words, " "), "", "asr", "", ""};
    prompt.record.info.meta_json = nlohmann::json{{"role", role_name(clip.role)}}.dump();
    prompt.record.reference = Candidate{.answer = std::move(laid_out.answer), .source = "reference"};
    return prompt;
}

}  // namespace

void stage_candidates_asr(const StageContext& context) {
    const auto prepare = context.run.stage("prepare");
    const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
    const TranscriptLayout layout = transcript_layout(context.config);
    std::vector<CandidatePrompt> prompts;
    for (const PreparedClip& clip : read_prepared(prepare / "prepared.jsonl"))
        if (clip.role != Role::held_out) prompts.push_back(heard_prompt(clip, vocabulary, layout));
    const TextCandidatesConfig& config = context.config.text_candidates;
    sample_candidates(context, std::move(prompts), config.per_prompt,
                      restrict_to_transcript(config.sampling.sampling, vocabulary, layout),
                      {"candidates",
                       vocabulary.size(),
                       stop_ids(vocabulary, context.config.data.layout),
                       {{"codec", vocabulary.codec_digest}}});
}

}  // namespace linvox
