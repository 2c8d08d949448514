#include "src/recipe/probe.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "audio/codec/mel_codec.h"
#include "src/base/error.h"
#include "src/recipe/clips.h"
#include "src/recipe/prepared.h"
#include "src/recipe/sampled.h"

namespace linvox {
namespace {

constexpr int kProbeRate = 16000;  // of the codec

/// Adds up scores that some answers lack.
struct ProbeMean {
    double sum = 0.0, count = 0.0;
    void add(const std::optional<double>& value) {
        if (!value || !std::isfinite(*value)) return;
        sum += *value;
        count += 1.0;
    }
};

std::map<std::string, JudgedAgainst> probe_recordings(const std::vector<PreparedClip>& clips,
                                                      const std::filesystem::path& codec_folder,
                                                      const MelCodec& codec) {
    std::map<std::string, JudgedAgainst> recordings;
    for (const PreparedClip& clip : clips)
        recordings[clip.id].code_count = static_cast<std::int64_t>(clip.codes().size());
    for (const ClipRecord& record : read_clips(codec_folder / "clips.jsonl")) {
        const auto found = recordings.find(record.id);
        if (found == recordings.end()) continue;
        found->second.features =
            CodeDistortion::features_of_log_mel(codec.log_mel(load_clip(record, kProbeRate).samples));
    }
    return recordings;
}

}  // namespace

GenerationProbe::GenerationProbe(std::vector<ProbePrompt> prompts, const SamplingConfig& sampling,
                                 Vocabulary vocabulary, CodeDistortion distortion,
                                 std::optional<PhoneFit> phone_fit)
    : prompts_(std::move(prompts)),
      sampling_(restrict_to_speech(sampling, vocabulary)),
      vocabulary_(std::move(vocabulary)),
      distortion_(std::move(distortion)),
      phone_fit_(std::move(phone_fit)) {
    LINVOX_ASSERT(!prompts_.empty(), "a probe without prompts");
}

std::map<std::string, double> GenerationProbe::measure(const Decoder& decoder) const {
    std::vector<GenerationRequest> requests;
    for (const ProbePrompt& prompt : prompts_) requests.push_back(prompt.request);
    std::vector<Candidate> answers(requests.size());
    generate(decoder, requests, sampling_, [&](std::size_t i, GenerationResult&& result) {
        answers[i] = to_candidate(std::move(result), requests[i], sampling_, "");
    });

    double finished = 0.0, capped = 0.0, codes = 0.0, recorded = 0.0;
    std::map<std::string, ProbeMean> means;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const JudgedAgainst& recording = prompts_[i].recording;
        finished += answers[i].finish == Finish::stop ? 1.0 : 0.0;
        capped += answers[i].meta.at("capped_units");
        codes += static_cast<double>(extract_codes(vocabulary_, answers[i].answer.ids).size());
        recorded += static_cast<double>(recording.code_count);
        const Scores scores = judge_candidate(answers[i], prompts_[i].units, recording, vocabulary_,
                                              distortion_, phone_fit_ ? &*phone_fit_ : nullptr);
        means["probe/longest_run"].add(scores.at("repetition"));
        means["probe/mcd"].add(scores.at("mcd"));
        means["probe/phone_fit"].add(scores.at("phone_fit"));
    }
    const auto count = static_cast<double>(answers.size());
    std::map<std::string, double> values = {{"probe/finished", finished / count},
                                            {"probe/capped_units", capped / count},
                                            {"probe/duration_ratio", codes / recorded}};
    for (const auto& [name, mean] : means)
        if (mean.count > 0) values[name] = mean.sum / mean.count;
    return values;
}

std::shared_ptr<const GenerationProbe> make_probe(const StageContext& context) {
    const RecipeConfig& config = context.config;
    if (config.probe.every == 0) return nullptr;
    const auto prepare = context.run.stage("prepare"), codec_folder = context.run.stage("codec");
    const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
    const auto codec = load_mel_codec(codec_folder / "codec");
    const auto clips = read_prepared(prepare / "prepared.jsonl");
    std::vector<PreparedClip> watched = with_role(clips, Role::watch);
    LINVOX_REQUIRE(!watched.empty(), DataError,
                   "probe.every = {} needs watch clips, and the run has none; raise data.watch_share or set "
                   "probe.every = 0",
                   config.probe.every);
    if (static_cast<std::int64_t>(watched.size()) > config.probe.prompts)
        watched.resize(static_cast<std::size_t>(config.probe.prompts));

    auto recordings = probe_recordings(watched, codec_folder, *codec);
    std::vector<ProbePrompt> prompts;
    for (const PreparedClip& clip : watched)
        prompts.push_back({{clip.id, make_plan(vocabulary, config.data.layout, clip.units),
                            mix_seed(static_cast<std::uint64_t>(config.seed), "probe", clip.id)},
                           unit_names(clip.units),
                           std::move(recordings.at(clip.id))});
    std::optional<PhoneFit> phone_fit;
    if (config.data.layout == "aligned")
        phone_fit.emplace(with_role(clips, Role::train), vocabulary.codec_size);
    return std::make_shared<const GenerationProbe>(std::move(prompts), config.synthesise.sampling, vocabulary,
                                                   CodeDistortion(*codec), std::move(phone_fit));
}

}  // namespace linvox
