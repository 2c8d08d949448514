// candidates: several sampled answers to every training prompt, and to prompts spliced from words.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/data/records.h"
#include "src/generate/generate.h"
#include "src/model/model_directory.h"
#include "src/recipe/prepared.h"
#include "src/recipe/sampled.h"
#include "src/recipe/splice.h"
#include "src/recipe/stages.h"

namespace linvox {
namespace {

/// A prompt with what was recorded for it.
struct SamplePrompt {
    CandidateRecord record;
    GenerationPlan plan;
};

SamplePrompt make_prompt(const std::string& id, const std::vector<std::string>& words, Role role,
                         const std::vector<AlignedUnit>& units, const std::vector<std::int32_t>& codes,
                         const Vocabulary& vocabulary, const std::string& layout) {
    SamplePrompt prompt;
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

std::vector<SamplePrompt> make_prompts(const std::vector<PreparedClip>& clips, const Vocabulary& vocabulary,
                                       const RecipeConfig& config) {
    std::vector<SamplePrompt> prompts;
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

/// Prompts whose candidates a stopped run has not written yet.
std::vector<SamplePrompt> without(std::vector<SamplePrompt> prompts,
                                  const std::vector<CandidateRecord>& found) {
    std::set<std::string> done;
    for (const CandidateRecord& record : found) done.insert(record.info.id);
    std::erase_if(prompts, [&](const SamplePrompt& p) { return done.contains(p.record.info.id); });
    return prompts;
}

}  // namespace

void stage_candidates(const StageContext& context) {
    const RecipeConfig& config = context.config;
    const auto prepare = context.run.stage("prepare");
    const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
    const Decoder decoder = load_model_directory(context.run.stage("sft") / "model");
    const std::string model = decoder_digest(decoder);
    CandidateAppender file(context.folder / "candidates.jsonl",
                           {"candidates",
                            vocabulary.size(),
                            stop_ids(vocabulary, config.data.layout),
                            {{"model", model}, {"codec", vocabulary.codec_digest}}});
    std::vector<SamplePrompt> prompts =
        without(make_prompts(read_prepared(prepare / "prepared.jsonl"), vocabulary, config), file.found());

    const auto count = static_cast<std::size_t>(config.candidates.per_prompt);
    std::vector<GenerationRequest> requests;
    for (const SamplePrompt& prompt : prompts)
        for (std::size_t k = 0; k < count; ++k)
            requests.push_back(
                {prompt.record.info.id, prompt.plan,
                 mix_seed(static_cast<std::uint64_t>(config.seed), "candidate", prompt.record.info.id, k)});
    std::vector<std::size_t> open(prompts.size(), count);
    for (SamplePrompt& prompt : prompts) prompt.record.candidates.resize(count);
    const SamplingConfig sampling = restrict_to_speech(config.candidates.sampling, vocabulary);
    Progress progress("candidates", "samples", static_cast<std::int64_t>(requests.size()));
    std::int64_t finished = 0;
    generate(decoder, requests, sampling, [&](std::size_t index, GenerationResult&& result) {
        SamplePrompt& prompt = prompts[index / count];
        prompt.record.candidates[index % count] =
            to_candidate(std::move(result), requests[index], sampling, model);
        if (--open[index / count] == 0) file.append(prompt.record);
        progress.update(++finished);
    });
    file.close();
    progress.finish();
}

}  // namespace linvox
