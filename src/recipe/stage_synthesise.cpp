// synthesise: every model speaks the held-out prompts with the same seeds and settings; beside them
// stand the recordings and what the codec makes of them.
#include <fmt/format.h>

#include <map>

#include "audio/codec/mel_codec.h"
#include "audio/wav.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "src/base/parallel.h"
#include "src/base/text.h"
#include "src/generate/generate.h"
#include "src/model/model_directory.h"
#include "src/recipe/clips.h"
#include "src/recipe/prepared.h"
#include "src/recipe/sampled.h"
#include "src/recipe/spoken.h"
#include "src/recipe/stages.h"

namespace linvox {
namespace {

constexpr int kRate = 16000;

Spoken describe(const std::string& system, const PreparedClip& clip, std::int64_t sample) {
    const std::string item = fmt::format("{}.{}", clip.id, sample);
    return {system, item, clip.id, join(clip.words, " "), {}, "", 0, fmt::format("{}/{}.wav", system, item)};
}

std::vector<Spoken> speak(const std::string& system, const std::filesystem::path& model,
                          const std::vector<PreparedClip>& clips, const Vocabulary& vocabulary,
                          const RecipeConfig& config) {
    const Decoder decoder = load_model_directory(model);
    std::vector<GenerationRequest> requests;
    std::vector<Spoken> answers;
    for (const PreparedClip& clip : clips)
        for (std::int64_t s = 0; s < config.synthesise.samples; ++s) {
            requests.push_back({clip.id, make_plan(vocabulary, config.data.layout, clip.units),
                                mix_seed(static_cast<std::uint64_t>(config.seed), "synthesise", clip.id, s)});
            answers.push_back(describe(system, clip, s));
        }
    Progress progress("speak " + system, "prompts", static_cast<std::int64_t>(requests.size()));
    std::int64_t done = 0;
    generate(decoder, requests, restrict_to_speech(config.synthesise.sampling, vocabulary),
             [&](std::size_t i, GenerationResult&& result) {
                 answers[i].codes = extract_codes(vocabulary, result.answer.ids);
                 answers[i].finish = result.finish;
                 answers[i].capped_units = result.capped_units;
                 progress.update(++done);
             });
    progress.finish();
    return answers;
}

std::vector<Spoken> ceilings(const std::vector<PreparedClip>& clips) {
    std::vector<Spoken> answers;
    for (const PreparedClip& clip : clips) answers.push_back(describe(kRecordingSystem, clip, 0));
    for (const PreparedClip& clip : clips) {
        answers.push_back(describe(kCodecSystem, clip, 0));
        answers.back().codes = clip.codes();
        answers.back().finish = "stop";
    }
    return answers;
}

void write_waves(const std::vector<Spoken>& answers, const StageContext& context) {
    const auto codec = load_mel_codec(context.run.stage("codec") / "codec");
    std::map<std::string, ClipRecord> clips;
    for (ClipRecord& clip : read_clips(context.run.stage("codec") / "clips.jsonl"))
        clips.emplace(clip.id, std::move(clip));
    for (const Spoken& answer : answers) ensure_directory(context.folder / answer.system);
    parallel_for(answers.size(), [&](std::size_t i) {
        const Spoken& answer = answers[i];
        if (answer.system != kRecordingSystem && answer.codes.empty()) return;  // nothing was said
        const std::vector<float> wave = answer.system == kRecordingSystem
                                            ? load_clip(clips.at(answer.clip), kRate).samples
                                            : codec->decode(Codes{{answer.codes}});
        write_wave(context.folder / answer.wave, wave, kRate);
    });
}

}  // namespace

void stage_synthesise(const StageContext& context) {
    const RecipeConfig& config = context.config;
    const auto prepare = context.run.stage("prepare");
    const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
    const auto clips = with_role(read_prepared(prepare / "prepared.jsonl"), Role::held_out);
    LINVOX_REQUIRE(!clips.empty(), DataError, "no held-out clip to evaluate; data.held_out names the splits");
    std::vector<Spoken> answers = ceilings(clips);
    const auto add = [&](const std::string& system, const std::filesystem::path& model) {
        auto more = speak(system, model, clips, vocabulary, config);
        std::move(more.begin(), more.end(), std::back_inserter(answers));
    };
    add(kSftSystem, context.run.stage("sft") / "model");
    for (const AlignRun& run : config.align) add(run.name, context.run.stage("align") / run.name / "model");
    write_waves(answers, context);
    write_spoken(context.folder / "spoken.jsonl", answers);
}

}  // namespace linvox
