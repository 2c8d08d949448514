#include "src/recipe/recipe.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/model/torch_compat.h"
#include "src/recipe/manifest.h"
#include "src/recipe/stages.h"

namespace linvox {
namespace {

/// The manifest and every clip it names: a changed recording is noticed.
std::vector<std::filesystem::path> data_files(const RecipeConfig& config) {
    std::vector<std::filesystem::path> files = {config.data.manifest};
    for (const Clip& clip : read_manifest(config.data.manifest)) files.push_back(clip.audio);
    return files;
}

std::vector<std::filesystem::path> text_files(const RecipeConfig& config) {
    std::vector<std::filesystem::path> files;
    if (!config.data.lexicon.empty()) files.push_back(config.data.lexicon);
    if (!config.data.alignment.empty()) files.push_back(config.data.alignment);
    return files;
}

using Files = std::vector<std::filesystem::path>;

Files operator+(Files files, const Files& more) {
    files.insert(files.end(), more.begin(), more.end());
    return files;
}

Files math_files(const RecipeConfig& config) {
    if (config.math_data.manifest.empty()) return start_text_files(config);
    return Files{config.math_data.manifest, config.math_data.test_manifest} + start_text_files(config);
}

Files dialogue_files(const AnswerPartsConfig& parts) {
    return parts.dialogues.empty() ? Files{} : Files{parts.dialogues};
}

// Rows that several tasks have.

Stage reference_row() {
    return {"reference", "log-probabilities of the pairs under the frozen SFT model",
            {"align"},   {"prepare/vocabulary.json", "sft/model", "pairs"},
            {},          stage_reference};
}

Stage align_row() {
    return {"align",
            "train every aligned model on the same pairs",
            {"seed", "align"},
            {"prepare/vocabulary.json", "sft/model", "pairs", "reference"},
            {},
            stage_align};
}

using Sections = std::vector<std::string>;

Sections operator+(Sections sections, const Sections& more) {
    sections.insert(sections.end(), more.begin(), more.end());
    return sections;
}

Stage answer_row(const Sections& more_sections, Files reads) {
    return {"answer",
            "answer the held-out prompts with every model",
            Sections{"seed", "answer"} + more_sections,
            std::move(reads),
            {},
            stage_answer};
}

Stage evaluate_written_row(const Sections& more_sections = {}, const Files& more_reads = {}) {
    return {"evaluate",
            "score the held-out answers",
            Sections{"answer"} + more_sections,
            Files{"prepare", "answer"} + more_reads,
            {},
            stage_evaluate_text};
}

Stage report_written_row(const Sections& more_sections = {}, const Files& more_reads = {}) {
    return {"report",
            "tables, page, answers side by side",
            Sections{"seed", "report", "align", "answer"} + more_sections,
            Files{"prepare", "sft", "pairs", "align", "answer", "evaluate"} + more_reads,
            {},
            stage_report_text};
}

/// A sidecar that is not there yet: the stage says how to make it.
Files judge_files(const RecipeConfig& config) {
    const std::filesystem::path& sidecar = config.win_judge.sidecar;
    return std::filesystem::exists(sidecar) ? Files{sidecar} : Files{};
}

Stage codec_row() {
    return {"codec",
            "fit the codec on the training audio and encode every clip",
            {"seed", "data", "codec"},
            {},
            data_files,
            stage_codec};
}

Stage prepare_speech_row() {
    return {"prepare",        "text units, their times in the codes, vocabulary, splits",
            {"seed", "data"}, {"codec"},
            text_files,       stage_prepare};
}

std::vector<Stage> tts_stages() {
    return {
        codec_row(),
        prepare_speech_row(),
        {"sft",
         "train the decoder LM from scratch",
         {"seed", "data", "model", "sft", "splice"},
         {"codec/codec", "prepare"},
         {},
         stage_sft},
        {"candidates",
         "sample answers to the training prompts",
         {"seed", "data", "candidates", "splice"},
         {"prepare", "sft/model"},
         {},
         stage_candidates},
        {"pairs",
         "score the candidates and build preference pairs",
         {"seed", "data", "judge", "pairs"},
         {"codec", "prepare", "candidates/candidates.jsonl"},
         {},
         stage_pairs},
        reference_row(),
        align_row(),
        {"divergence",
         "how far every aligned model went from SFT",
         {"seed", "data", "divergence", "synthesise"},
         {"prepare", "sft/model", "align"},
         {},
         stage_divergence},
        {"synthesise",
         "speak the held-out prompts with every model",
         {"seed", "data", "synthesise"},
         {"codec", "prepare", "sft/model", "align"},
         {},
         stage_synthesise},
        {"evaluate",
         "recognise and score the held-out speech",
         {"evaluate"},
         {"prepare", "synthesise"},
         {},
         stage_evaluate},
        {"report",
         "tables, page and players",
         {"seed", "report", "align", "synthesise"},
         {"codec/codec_report.json", "prepare", "sft", "pairs", "align", "divergence", "synthesise",
          "evaluate"},
         {},
         stage_report},
    };
}

std::vector<Stage> asr_stages() {
    return {
        codec_row(),
        prepare_speech_row(),
        {"sft",
         "train the decoder LM to write down what the codes say",
         {"seed", "data", "transcript", "model", "sft", "splice"},
         {"prepare"},
         {},
         stage_sft_asr},
        {"candidates",
         "sample transcripts of the training clips",
         {"seed", "data", "transcript", "candidates"},
         {"prepare", "sft/model"},
         {},
         stage_candidates_asr},
        {"pairs",
         "score the transcripts and build preference pairs",
         {"seed", "pairs"},
         {"prepare", "candidates/candidates.jsonl"},
         {},
         stage_pairs_asr},
        reference_row(),
        align_row(),
        {"answer",
         "write down the held-out clips with every model",
         {"seed", "data", "transcript", "answer"},
         {"prepare", "sft/model", "align"},
         {},
         stage_answer_asr},
        evaluate_written_row(),
        report_written_row(),
    };
}

std::vector<std::filesystem::path> preference_files(const RecipeConfig& config) {
    Files files = start_text_files(config) + dialogue_files(config.text_data.parts);
    if (!config.text_data.manifest.empty()) return Files{config.text_data.manifest} + files;
    for (const std::string& name : config.text_data.corpus)
        files.push_back(config.text_data.corpus_folder / name);
    return files;
}

std::vector<Stage> text_stages() {
    return {
        {"prepare",
         "preference data or prose, splits, vocabulary",
         {"seed", "data", "model"},
         {},
         preference_files,
         stage_prepare_text},
        {"sft",
         "train the decoder LM on the preferred answers",
         {"seed", "data", "model", "sft"},
         {"prepare"},
         start_files,
         stage_sft_text},
        {"pairs",
         "the preferences as token ids",
         {"data", "model"},
         {"prepare"},
         start_text_files,
         stage_pairs_text},
        reference_row(),
        align_row(),
        answer_row({"data"}, {"prepare", "sft/model", "align"}),
        {"judge",
         "whose answers are better, every aligned model's or SFT's",
         {"align", "judge"},
         {"prepare", "answer"},
         judge_files,
         stage_judge_text},
        evaluate_written_row({"data", "judge"}, {"judge"}),
        report_written_row({"data", "judge"}, {"judge"}),
    };
}

Stage rounds_row() {
    return {"rounds",
            "answer fresh prompts with the aligned models and train them again",
            {"seed", "rounds", "candidates", "judge", "pairs", "align"},
            {"prepare", "align"},
            {},
            stage_rounds};
}

std::vector<Stage> math_stages() {
    return {
        {"prepare",
         "problems, their splits, vocabulary",
         {"seed", "data", "model"},
         {},
         math_files,
         stage_prepare_math},
        {"sft",
         "train the decoder LM on the worked answers",
         {"seed", "model", "sft"},
         {"prepare"},
         start_files,
         stage_sft_text},
        {"candidates",
         "sample answers to the prompts",
         {"seed", "rounds", "candidates"},
         {"prepare", "sft/model"},
         {},
         stage_candidates_text},
        {"pairs",
         "verify the candidates and build preference pairs",
         {"seed", "judge", "pairs"},
         {"prepare", "candidates/candidates.jsonl"},
         {},
         stage_pairs_math},
        reference_row(),
        align_row(),
        rounds_row(),
        answer_row({}, {"prepare", "sft/model", "align", "rounds"}),
        evaluate_written_row(),
        report_written_row(),
    };
}

Files pair_files(const RecipeConfig& config) {
    return Files{config.checkpoint.manifest} + start_text_files(config);
}

Files sft_files(const RecipeConfig& config) {
    return start_files(config) + dialogue_files(config.checkpoint.parts);
}

std::vector<Stage> checkpoint_stages() {
    return {
        {"prepare",
         "the ids that the checkpoint's answers are made of",
         {"model"},
         {},
         start_text_files,
         stage_prepare_checkpoint},
        {"pairs",
         "the preferences as token ids",
         {"seed", "data", "model"},
         {"prepare"},
         pair_files,
         stage_pairs_checkpoint},
        {"sft",
         "the checkpoint as the start, or trained on the chosen answers",
         {"seed", "data", "model", "sft"},
         {"prepare", "pairs"},
         sft_files,
         stage_sft_checkpoint},
        reference_row(),
        align_row(),
        {"evaluate",
         "every model on the held-out pairs",
         {"align"},
         {"prepare/vocabulary.json", "sft/model", "pairs", "align"},
         {},
         stage_evaluate_checkpoint},
        {"report",
         "tables, page, training curves",
         {"seed", "report", "align"},
         {"pairs", "align", "evaluate"},
         {},
         stage_report_checkpoint},
    };
}

}  // namespace

const std::vector<Task>& tasks() {
    static const std::vector<Task> all = {{"tts", tts_stages()},
                                          {"asr", asr_stages()},
                                          {"text", text_stages()},
                                          {"math", math_stages()},
                                          {"checkpoint", checkpoint_stages()}};
    return all;
}

std::filesystem::path run_recipe(const RecipeConfig& config, const std::filesystem::path& run_dir,
                                 const StageOptions& options) {
    configure_threads(0);
    const RunDirectory run(run_dir.empty() ? std::filesystem::path(config.run_dir) : run_dir);
    if (!options.dry_run)
        write_file_atomic(run.root() / "config.toml", config_to_toml([&](ConfigVisitor& v) {
                              const_cast<RecipeConfig&>(config).visit(v);
                          }));
    const auto task = std::find_if(tasks().begin(), tasks().end(),
                                   [&](const Task& row) { return row.name == config.task; });
    LINVOX_ASSERT(task != tasks().end(), "the task '{}' has no stages", config.task);
    run_stages(task->stages, config, run, options);
    return run.root();
}

}  // namespace linvox
