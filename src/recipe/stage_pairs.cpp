// pairs: score every candidate, then build preferred and rejected pairs and their report.
#include <map>
#include <optional>

#include "audio/codec/mel_codec.h"
#include "src/base/parallel.h"
#include "src/data/pairs.h"
#include "src/recipe/clips.h"
#include "src/recipe/judge_tts.h"
#include "src/recipe/listen.h"
#include "src/recipe/pair_files.h"
#include "src/recipe/prepared.h"
#include "src/recipe/stages.h"

namespace linvox {
namespace {

constexpr int kRate = 16000;

/// The units of a prompt in order: the unit of every forced pair of the recording's answer.
std::vector<std::string> units_of(const Vocabulary& vocabulary, const TokenSequence& answer) {
    std::vector<std::string> names;
    for (const Span& span : answer.given)
        names.push_back(vocabulary.token_name(answer.ids[static_cast<std::size_t>(span.begin)]));
    return names;
}

/// Recordings are compared by their own spectrum where there is one; spliced prompts by their codes.
JudgedAgainst recording_of(const CandidateRecord& record, const std::map<std::string, ClipRecord>& clips,
                           const Vocabulary& vocabulary, const MelCodec& codec,
                           const CodeDistortion& distortion) {
    const auto codes = extract_codes(vocabulary, record.reference->answer.ids);
    const auto clip = clips.find(record.info.id);
    const auto count = static_cast<std::int64_t>(codes.size());
    if (clip == clips.end()) return {distortion.features(codes), count};
    const Wave wave = load_clip(clip->second, kRate);
    return {CodeDistortion::features_of_log_mel(codec.log_mel(wave.samples)), count};
}

void judge_all(std::vector<CandidateRecord>& records, const StageContext& context, const MelCodec& codec,
               const Vocabulary& vocabulary) {
    std::map<std::string, ClipRecord> clips;
    for (ClipRecord& clip : read_clips(context.run.stage("codec") / "clips.jsonl"))
        clips.emplace(clip.id, std::move(clip));
    const bool aligned = context.config.data.layout == "aligned";
    std::optional<PhoneFit> phone_fit;
    if (aligned)
        phone_fit.emplace(
            with_role(read_prepared(context.run.stage("prepare") / "prepared.jsonl"), Role::train),
            vocabulary.codec_size);
    const CodeDistortion distortion(codec);
    parallel_for(records.size(), [&](std::size_t i) {
        CandidateRecord& record = records[i];
        const JudgedAgainst against = recording_of(record, clips, vocabulary, codec, distortion);
        const auto names =
            aligned ? units_of(vocabulary, record.reference->answer) : std::vector<std::string>{};
        const auto judge = [&](Candidate& candidate) {
            candidate.scores = judge_candidate(candidate, names, against, vocabulary, distortion,
                                               phone_fit ? &*phone_fit : nullptr);
        };
        judge(*record.reference);
        for (Candidate& candidate : record.candidates) judge(candidate);
    });
}

/// Adds the recogniser's word error rate to every candidate.
void recognise_all(std::vector<CandidateRecord>& records, const StageContext& context, const MelCodec& codec,
                   const Vocabulary& vocabulary) {
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (std::size_t r = 0; r < records.size(); ++r)
        for (std::size_t c = 0; c < records[r].candidates.size(); ++c) places.emplace_back(r, c);
    const ListeningRoom room(context.folder / "recogniser", prompt_sentences(context.run.stage("prepare")),
                             context.config.data.lexicon);
    const auto transcripts = room.transcribe_all("judge", places.size(), [&](std::size_t i) {
        const Candidate& candidate = records[places[i].first].candidates[places[i].second];
        return codec.decode(Codes{{extract_codes(vocabulary, candidate.answer.ids)}});
    });
    for (std::size_t i = 0; i < places.size(); ++i) {
        CandidateRecord& record = records[places[i].first];
        Candidate& candidate = record.candidates[places[i].second];
        candidate.transcript = transcripts[i];
        candidate.scores["wer"] = word_error_rate(record.info.text, transcripts[i]);
    }
}

bool well_formed(const CandidateRecord& record, const Candidate& candidate, const Vocabulary& vocabulary) {
    GenerationPlan plan;
    plan.prompt_ids = record.info.prompt_ids;
    if (record.reference->answer.given.empty()) {
        plan.stop_id = vocabulary.eos();
    } else {
        plan.boundary_id = vocabulary.next();
        for (const Span& span : record.reference->answer.given) {
            const auto begin = record.reference->answer.ids.begin();
            plan.forced.emplace_back(begin + span.begin, begin + span.end);
        }
    }
    const auto capped = candidate.meta.find("capped_units");
    return (capped == candidate.meta.end() || capped->second == 0) &&
           check_structure(vocabulary, plan, candidate.answer, candidate.finish == Finish::stop).empty();
}

}  // namespace

void stage_pairs(const StageContext& context) {
    const Vocabulary vocabulary = Vocabulary::load(context.run.stage("prepare") / "vocabulary.json");
    const auto codec = load_mel_codec(context.run.stage("codec") / "codec");
    CandidateFile file = read_candidates(context.run.stage("candidates") / "candidates.jsonl");
    judge_all(file.records, context, *codec, vocabulary);
    if (context.config.judge.recognise) recognise_all(file.records, context, *codec, vocabulary);
    write_judged_pairs(context, file, [&](const CandidateRecord& record, const Candidate& candidate) {
        return well_formed(record, candidate, vocabulary);
    });
}

}  // namespace linvox
