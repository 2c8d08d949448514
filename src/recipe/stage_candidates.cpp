// candidates: several sampled answers to every training prompt, and to prompts spliced from words.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/base/text.h"
#include "src/recipe/prepared.h"
#include "src/recipe/sampled.h"
#include "src/recipe/splice.h"
#include "src/recipe/stages.h"

namespace linvox {
namespace {

CandidatePrompt make_prompt(const std::string& id, const std::vector<std::string>& words, Role role,
                            const std::vector<AlignedUnit>& units, const std::vector<std::int32_t>& codes,
                            const Vocabulary& vocabulary, const std::string& layout) {
    CandidatePrompt prompt;
    LaidOut laid_out = lay_out(vocabulary, layout, units, codes);
    prompt.record.info = {id, laid_out.prompt_ids, join(words, " "), "", "tts", "", ""};
    prompt.record.info.meta_json = nlohmann::json{{"role", role_name(role)}}.dump();
    Candidate recording;
    recording.answer = std::move(laid_out.answer);
    recording.source = "reference";
    prompt.record.reference = std::move(recording);
    prompt.plan = make_plan(vocabulary, layout, units);
    return prompt;
}

std::vector<CandidatePrompt> make_prompts(const std::vector<PreparedClip>& clips,
                                          const Vocabulary& vocabulary, const RecipeConfig& config) {
    std::vector<CandidatePrompt> prompts;
    for (const PreparedClip& clip : clips)
        if (clip.role != Role::held_out)
            prompts.push_back(make_prompt(clip.id, clip.words, clip.role, clip.units, clip.codes(),
                                          vocabulary, config.data.layout));
    const auto training = with_role(clips, Role::train);
    for (std::int64_t i = 0; i < config.candidates.spliced_prompts; ++i) {
        Rng rng(mix_seed(static_cast<std::uint64_t>(config.seed), "spliced prompt", i));
        const SplicedUtterance spliced = splice(training, config.splice, false, rng);
        prompts.push_back(make_prompt(fmt::format("spliced-{}", i), spliced.words, Role::train, spliced.units,
                                      spliced.codes, vocabulary, config.data.layout));
    }
    return prompts;
}

}  // namespace

void stage_candidates(const StageContext& context) {
    const RecipeConfig& config = context.config;
    const auto prepare = context.run.stage("prepare");
    const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
    sample_candidates(context, make_prompts(read_prepared(prepare / "prepared.jsonl"), vocabulary, config),
                      config.candidates.per_prompt,
                      restrict_to_speech(config.candidates.sampling, vocabulary),
                      {"candidates",
                       vocabulary.size(),
                       stop_ids(vocabulary, config.data.layout),
                       {{"codec", vocabulary.codec_digest}}});
}

}  // namespace linvox
