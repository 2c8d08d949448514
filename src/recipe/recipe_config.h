// The recipe file of an alignment run as structs: every key, its default and its range.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "src/config/config_io.h"
#include "src/config/visitor.h"
#include "src/data/pairs.h"
#include "src/generate/sampler.h"
#include "src/model/model_config.h"
#include "src/recipe/checkpoint.h"
#include "src/recipe/text_config.h"
#include "src/recipe/win_judge.h"
#include "src/train/alarms.h"
#include "src/train/align.h"
#include "src/train/codec_fit.h"
#include "src/train/sft.h"

namespace linvox {

struct DataConfig {
    std::filesystem::path manifest;
    std::string layout = "aligned";
    std::string units = "phones";
    std::int64_t pieces = 256;
    std::string normaliser = "english";
    std::filesystem::path lexicon, alignment;
    double min_duration_s = 0.2, max_duration_s = 20.0, margin_s = 0.05;
    std::vector<double> stretches = {0.9, 1.0, 1.1};
    std::vector<std::int64_t> shifts = {0, 1};
    std::vector<std::string> held_out = {"test"};
    double watch_share = 0.0;
    std::int64_t max_codes_per_unit = 40;
    void visit(ConfigVisitor& v);
};

/// A model trained from scratch, or the checkpoint that takes its place. Each task has its own keys of it:
/// see visit_tts and its neighbours in the .cpp.
struct ModelSection {
    ModelConfig shape;
    bool init_codes_from_codec = true;
    StartConfig start;
    void visit_shape(ConfigVisitor& v);
};

/// Utterances spliced from word runs of several clips; aligned layout only.
struct SpliceConfig {
    double share = 0.4;  // of the training examples
    std::int64_t max_runs = 7, max_run_words = 6, max_codes = 400;
    void visit(ConfigVisitor& v);
};

/// How speech is laid out for a model that writes it down; see src/text/transcript_layout.h.
struct TranscriptConfig {
    std::int64_t chunk_codes = 4, delay_codes = 2;
    void visit(ConfigVisitor& v);
};

struct CandidatesConfig {
    std::int64_t per_prompt = 6;
    std::int64_t spliced_prompts = 0;
    SamplingConfig sampling{.temperature = 0.9, .top_p = 0.95, .top_k = 50, .max_tokens = 2000};
    void visit(ConfigVisitor& v);
};

struct JudgeConfig {
    bool recognise = false;
    void visit(ConfigVisitor& v);
};

/// One aligned model: a name for tables and folders, and how it is trained.
struct AlignRun {
    std::string name;
    AlignConfig train;
    void visit(ConfigVisitor& v);
};

struct SynthesiseConfig {
    std::int64_t samples = 2;
    SamplingConfig sampling{.temperature = 0.7, .top_p = 0.95, .top_k = 50, .max_tokens = 2000};
    void visit(ConfigVisitor& v);
};

/// How far the aligned models went from SFT; see src/recipe/divergence.h.
struct DivergenceConfig {
    std::int64_t samples = 1;  // of each held-out prompt; 0: not measured
    void visit(ConfigVisitor& v);
};

struct EvaluateConfig {
    std::vector<std::string> metrics;
    void visit(ConfigVisitor& v);
};

struct ReportConfig {
    std::string title = "TTS alignment";
    std::int64_t players = 24;  // TTS alone
    void visit(ConfigVisitor& v, bool speech = true);
};

/// What is written while a model is trained, beside train.jsonl.
struct LogConfig {
    bool tensorboard = true;
    void visit(ConfigVisitor& v);
};

/// Samples of a model in training; see src/recipe/probe.h.
struct ProbeConfig {
    std::int64_t every = 0;  // steps; 0: off
    std::int64_t prompts = 4;
    void visit(ConfigVisitor& v);
};

/// The sections of all tasks; visit() walks those of `task`, so that a key which the task does not use is
/// unknown.
struct RecipeConfig {
    std::string task = "tts";
    std::string run_dir = "runs/tts";
    std::int64_t seed = 1;
    std::int64_t rounds = 1;  // of candidates, pairs and align; see rounds.h
    std::int64_t round = 1;   // the one that runs; not a key of its own
    DataConfig data;
    CodecFitConfig codec;
    ModelSection model;
    SftConfig sft;
    SpliceConfig splice;
    CandidatesConfig candidates;
    JudgeConfig judge;
    PairConfig pairs;
    std::vector<AlignRun> align;
    DivergenceConfig divergence;
    SynthesiseConfig synthesise;
    EvaluateConfig evaluate;
    ReportConfig report;
    LogConfig log;  // the last three change what is told of a training, not its result: no stage's key
    AlarmConfig alarms;
    ProbeConfig probe;
    TranscriptConfig transcript;
    TextDataConfig text_data;
    MathDataConfig math_data;
    CheckpointDataConfig checkpoint;
    MathJudgeConfig math_judge;
    TextCandidatesConfig text_candidates;
    AnswerConfig answer;
    WinJudgeConfig win_judge;
    void visit(ConfigVisitor& v);
};

/// The tasks that a recipe may name.
const Choices& task_names();

/// Reads a recipe and checks what spans several keys; ConfigError with every problem.
RecipeConfig read_recipe(const ConfigSource& source);

/// Cross-field rules, all problems at once.
void check(const RecipeConfig& config);

}  // namespace linvox
