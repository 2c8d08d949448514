// evaluate: recognise all held-out speech, then score it with the metrics of the recipe.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "audio/wav.h"
#include "eval/metric.h"
#include "eval/utterance.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/recipe/evaluation.h"
#include "src/recipe/listen.h"
#include "src/recipe/spoken.h"
#include "src/recipe/stages.h"
#include "src/text/vocabulary.h"

namespace linvox {
namespace {

constexpr int kRate = 16000;
constexpr double kFrameRate = 50;

std::vector<Utterance> make_utterances(const std::vector<Spoken>& answers,
                                       const std::filesystem::path& folder,
                                       const std::vector<std::string>& transcripts,
                                       std::int32_t codebook_size) {
    std::map<std::string, std::shared_ptr<const Recording>> recordings;
    std::map<std::string, std::vector<std::int32_t>> recorded_codes;
    for (const Spoken& answer : answers) {
        if (answer.system == kRecordingSystem)
            recordings[answer.clip] = std::make_shared<const Recording>(folder / answer.wave);
        if (answer.system == kCodecSystem) recorded_codes[answer.clip] = answer.codes;
    }
    std::vector<Utterance> utterances;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const Spoken& answer = answers[i];
        const bool is_recording = answer.system == kRecordingSystem;
        Utterance u{answer.item, answer.system, answer.text, {}, {}, false, transcripts[i], "", {}};
        u.audio = is_recording ? recordings.at(answer.clip)
                               : std::make_shared<const Recording>(folder / answer.wave);
        if (!is_recording) {
            u.reference = recordings.at(answer.clip);
            u.tokens = AnswerTokens{.codes = answer.codes,
                                    .finish = answer.finish,
                                    .frames_per_second = kFrameRate,
                                    .codebook_size = codebook_size,
                                    .reference_codes = recorded_codes.at(answer.clip)};
        }
        u.synchronous = answer.system == kCodecSystem;
        utterances.push_back(std::move(u));
    }
    return utterances;
}

}  // namespace

void stage_evaluate(const StageContext& context) {
    const auto folder = context.run.stage("synthesise");
    const auto prepare = context.run.stage("prepare");
    const std::vector<Spoken> answers = read_spoken(folder / "spoken.jsonl");
    const ListeningRoom room(context.folder / "recogniser", prompt_sentences(prepare), context.config.data.lexicon);
    const auto transcripts = room.transcribe_all("recognise", answers.size(), [&](std::size_t i) {
        const auto path = folder / answers[i].wave;
        return std::filesystem::exists(path) ? read_wave(path, kRate).samples : std::vector<float>{};
    });
    std::vector<std::string> ids = context.config.evaluate.metrics;
    if (ids.empty()) ids = headline_tts_metrics();
    const auto rows = find_metrics(ids);
    const std::int32_t codebook = Vocabulary::load(prepare / "vocabulary.json").codec_size;
    const auto utterances = make_utterances(answers, folder, transcripts, codebook);
    const auto values = evaluate(utterances, rows);
    std::vector<EvaluatedAnswer> evaluated;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        evaluated.push_back({answers[i].system, answers[i].item, transcripts[i], {}});
        for (std::size_t m = 0; m < rows.size(); ++m)
            evaluated.back().values[std::string(rows[m]->id)] = values[i][m];
    }
    write_evaluated(context.folder / "evaluated.jsonl", evaluated);
    write_json(context.folder / "recogniser.json", {{"recogniser", room.description()}});
}

}  // namespace linvox
