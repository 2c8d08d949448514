#include "src/recipe/recipe_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "eval/metric.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/recipe/judge_text.h"
#include "src/recipe/judge_tts.h"
#include "src/train/precision.h"

namespace linvox {

void DataConfig::visit(ConfigVisitor& v) {
    v.path("manifest", manifest, "JSON lines: id, text, audio, split");
    v.choice("layout", layout, "aligned: each unit stands before its codes; plain: all text, then all codes",
             {"aligned", "plain"});
    v.choice("units", units, "what text is made of; the aligned layout needs phones",
             {"phones", "letters", "pieces"});
    v.field("pieces", pieces, "size of the sentencepiece vocabulary (units = pieces or letters)",
            Range{16, 65536});
    v.choice("normaliser", normaliser, "english spells out numbers and symbols; basic serves any language",
             {"english", "basic"});
    v.path("lexicon", lexicon, "pronunciations laid over the dictionary, one 'word PH PH' a line");
    v.path("alignment", alignment, "unit times (JSON lines id, unit, start, end); empty: forced alignment");
    v.field("min_duration_s", min_duration_s, "shorter speech is left out, s", Range{0, 1e4});
    v.field("max_duration_s", max_duration_s, "longer speech is left out, s", Range{0, 1e4});
    v.field("margin_s", margin_s, "silence kept at both ends, s", Range{0, 10});
    v.field("stretches", stretches, "time stretch of the training codings", Range{0.5, 2});
    v.field("shifts", shifts, "mel frames by which training codings are shifted", Range{0, 1});
    v.field("held_out", held_out, "splits that are only evaluated", {"valid", "test"});
    v.field("watch_share", watch_share, "share of training clips kept for early stopping and held-out pairs",
            Range{0, 0.5});
    v.field("max_codes_per_unit", max_codes_per_unit, "an alignment with a longer unit is left out",
            Range{1, 10000});
}

void ModelSection::visit_shape(ConfigVisitor& v) {
    v.choice("architecture", shape.architecture, "decoder family", {"qwen2", "qwen3", "llama"});
    v.field("hidden_size", shape.hidden_size, "width of the residual stream", Range{8, 65536});
    v.field("num_layers", shape.num_layers, "decoder layers", Range{1, 1000});
    v.field("num_heads", shape.num_heads, "attention heads", Range{1, 1000});
    v.field("num_kv_heads", shape.num_kv_heads, "key-value heads; divides num_heads", Range{1, 1000});
    v.field("head_dim", shape.head_dim, "width of a head", Range{2, 1024});
    v.field("intermediate_size", shape.intermediate_size, "width of the gated MLP", Range{8, 1e6});
    v.field("rope_theta", shape.rope_theta, "base of the rotary positions", Range{1, 1e9});
    v.field("tie_word_embeddings", shape.tie_word_embeddings, "head and embedding are one matrix");
    v.field("max_position_embeddings", shape.max_position_embeddings, "context in tokens", Range{16, 1e7});
}

void SpliceConfig::visit(ConfigVisitor& v) {
    v.field("share", share, "share of training examples spliced from word runs (aligned layout)",
            Range{0, 1});
    v.field("max_runs", max_runs, "runs in a spliced utterance", Range{1, 100});
    v.field("max_run_words", max_run_words, "words in a run", Range{1, 100});
    v.field("max_codes", max_codes, "codes in a spliced utterance", Range{1, 1e5});
}

void TranscriptConfig::visit(ConfigVisitor& v) {
    v.field("chunk_codes", chunk_codes, "codes heard at a time (aligned layout)", Range{1, 1000});
    v.field("delay_codes", delay_codes, "codes heard beyond the end of a unit before it is written down",
            Range{0, 1000});
}

void CandidatesConfig::visit(ConfigVisitor& v) {
    v.field("per_prompt", per_prompt, "samples for each prompt", Range{2, 1000});
    v.field("spliced_prompts", spliced_prompts, "more prompts, spliced from word runs of training clips",
            Range{0, 1e6});
    v.section("sampling", sampling, "how candidates are sampled");
}

void JudgeConfig::visit(ConfigVisitor& v) {
    v.field("recognise", recognise, "also score candidates by the recogniser's word error rate (slow)");
}

void AlignRun::visit(ConfigVisitor& v) {
    v.field("name", name, "name of the aligned model in folders and tables");
    train.visit(v);
}

void SynthesiseConfig::visit(ConfigVisitor& v) {
    v.field("samples", samples, "samples of each held-out prompt", Range{1, 100});
    v.section("sampling", sampling, "how held-out prompts are spoken, equal for every model");
}

void DivergenceConfig::visit(ConfigVisitor& v) {
    v.field("samples", samples, "samples of each held-out prompt at temperature 1; 0: KL is not measured",
            Range{0, 100});
}

void EvaluateConfig::visit(ConfigVisitor& v) {
    v.field("metrics", metrics, "ids of `linvox metrics`; empty: the headline metrics");
}

void ReportConfig::visit(ConfigVisitor& v, bool speech) {
    v.field("title", title, "title of the report");
    if (speech) v.field("players", players, "items with audio players in the page", Range{0, 1000});
}

void LogConfig::visit(ConfigVisitor& v) {
    v.field("tensorboard", tensorboard, "write TensorBoard event files beside train.jsonl");
}

void ProbeConfig::visit(ConfigVisitor& v) {
    v.field("every", every, "steps between samples of the model in training; 0: none", Range{0, 1e9});
    v.field("prompts", prompts, "watch clips that are spoken each time", Range{1, 1e4});
}

namespace {

/// The model section of the kinds of task.
struct SpeechModel {
    ModelSection& section;
    void visit(ConfigVisitor& v) {
        section.visit_shape(v);
        v.field("init_codes_from_codec", section.init_codes_from_codec,
                "embeddings of codes start from the codec's centroids, so that similar codes start alike");
    }
};
struct TranscriptModel {
    ModelSection& section;
    void visit(ConfigVisitor& v) { section.visit_shape(v); }
};
struct WrittenModel {
    ModelSection& section;
    void visit(ConfigVisitor& v) {
        section.start.visit(v);
        section.visit_shape(v);
    }
};
struct CheckpointModel {
    ModelSection& section;
    void visit(ConfigVisitor& v) {
        section.start.visit(v);
        section.start.visit_answer_ids(v);
    }
};

struct ReportWithoutSpeech {
    ReportConfig& section;
    void visit(ConfigVisitor& v) { section.visit(v, false); }
};
struct AnswerWithoutSplits {
    AnswerConfig& section;
    void visit(ConfigVisitor& v) { section.visit(v, false); }
};
struct SftFromWeights {
    SftConfig& section;
    void visit(ConfigVisitor& v) { section.visit(v, true); }
};

void visit_tts(RecipeConfig& c, ConfigVisitor& v) {
    v.section("data", c.data, "recordings and text");
    v.section("codec", c.codec, "fit of the audio codec");
    SpeechModel model{c.model};
    v.section("model", model, "shape of the decoder LM");
    v.section("sft", c.sft, "supervised training from scratch");
    v.section("splice", c.splice, "augmentation by spliced utterances");
    v.section("candidates", c.candidates, "sampled answers to training prompts");
    v.section("judge", c.judge, "scores of the candidates");
    v.section("pairs", c.pairs, "preferred and rejected answers");
    v.sections("align", c.align, "the aligned models, all from the same start and pairs");
    v.section("divergence", c.divergence, "KL of every aligned model to the SFT model");
    v.section("synthesise", c.synthesise, "held-out prompts spoken by every model");
    v.section("evaluate", c.evaluate, "metrics of the held-out speech");
    v.section("report", c.report, "the report");
    v.section("log", c.log, "what is written while a model is trained");
    v.section("alarms", c.alarms, "warnings while a model is trained");
    v.section("probe", c.probe, "samples of a model in training, with the settings of synthesise");
}

/// The text and the math recipe; only the latter samples candidates.
void visit_written(RecipeConfig& c, ConfigVisitor& v) {
    const bool math = c.task == "math";
    WrittenModel model{c.model};
    SftFromWeights sft{c.sft};
    ReportWithoutSpeech report{c.report};
    if (math) {
        v.field(
            "rounds", c.rounds,
            "times that the prompts are answered and the models trained, each time a share of the prompts by "
            "the models of the time before",
            Range{1, 100});
        v.section("data", c.math_data, "problems with worked answers");
    } else {
        v.section("data", c.text_data, "preference data, or prose");
    }
    v.section("model", model, "shape of the decoder LM, or the checkpoint in its place");
    v.section("sft", sft, "supervised training, from scratch or of the checkpoint");
    if (math) {
        v.section("candidates", c.text_candidates, "sampled answers to the prompts");
        v.section("judge", c.math_judge, "which candidates are right");
        v.section("pairs", c.pairs, "preferred and rejected answers");
    }
    v.sections("align", c.align, "the aligned models, all from the same start and pairs");
    v.section("answer", c.answer, "held-out prompts answered by every model");
    if (!math) v.section("judge", c.win_judge, "whose answers are better: every aligned model against SFT");
    v.section("report", report, "the report");
    v.section("log", c.log, "what is written while a model is trained");
    v.section("alarms", c.alarms, "warnings while a model is trained");
}

void visit_asr(RecipeConfig& c, ConfigVisitor& v) {
    TranscriptModel model{c.model};
    AnswerWithoutSplits answer{c.answer};
    ReportWithoutSpeech report{c.report};
    v.section("data", c.data, "recordings and text");
    v.section("codec", c.codec, "fit of the audio codec");
    v.section("transcript", c.transcript, "how codes and text are laid out");
    v.section("model", model, "shape of the decoder LM");
    v.section("sft", c.sft, "supervised training from scratch");
    v.section("splice", c.splice, "augmentation by spliced utterances");
    v.section("candidates", c.text_candidates, "sampled transcripts of the training clips");
    v.section("pairs", c.pairs, "preferred and rejected transcripts");
    v.sections("align", c.align, "the aligned models, all from the same start and pairs");
    v.section("answer", answer, "held-out clips written down by every model");
    v.section("report", report, "the report");
    v.section("log", c.log, "what is written while a model is trained");
    v.section("alarms", c.alarms, "warnings while a model is trained");
}

void visit_checkpoint(RecipeConfig& c, ConfigVisitor& v) {
    CheckpointModel model{c.model};
    SftFromWeights sft{c.sft};
    ReportWithoutSpeech report{c.report};
    v.section("model", model, "the checkpoint to start from");
    v.section("data", c.checkpoint, "its preference data");
    v.section("sft", sft, "supervised training on the chosen answers, before alignment");
    v.sections("align", c.align, "the aligned models, all from the same start and pairs");
    v.section("report", report, "the report");
    v.section("log", c.log, "what is written while a model is trained");
    v.section("alarms", c.alarms, "warnings while a model is trained");
}

/// What each task reads of a recipe file.
struct TaskSections {
    const char* task;
    void (*visit)(RecipeConfig&, ConfigVisitor&);
};
constexpr TaskSections kTaskSections[] = {{"tts", visit_tts},
                                          {"asr", visit_asr},
                                          {"text", visit_written},
                                          {"math", visit_written},
                                          {"checkpoint", visit_checkpoint}};

}  // namespace

const Choices& task_names() {
    static const Choices names = [] {
        Choices all;
        for (const TaskSections& row : kTaskSections) all.emplace_back(row.task);
        return all;
    }();
    return names;
}

void RecipeConfig::visit(ConfigVisitor& v) {
    v.choice("task", task, "what the recipe aligns", task_names());
    v.field("run_dir", run_dir, "where results go, relative to the current directory");
    v.field("seed", seed, "seed of everything random", Range{0, 1e15});
    for (const TaskSections& row : kTaskSections)
        if (task == row.task) row.visit(*this, v);
}

namespace {

void check_align_runs(const std::vector<AlignRun>& runs, std::vector<std::string>& problems) {
    std::set<std::string> names;
    if (runs.empty()) problems.push_back("align: at least one [[align]] table is needed");
    for (const AlignRun& run : runs) {
        if (run.name.empty()) problems.push_back("align: every [[align]] table needs a name");
        if (run.name == "sft" || run.name == "recording" || run.name == "codec" || run.name == "gold")
            problems.push_back(fmt::format("align: '{}' is a reserved name", run.name));
        if (!names.insert(run.name).second)
            problems.push_back(fmt::format("align: the name '{}' stands twice", run.name));
        if (resolved_precision(run.train.precision) != resolved_precision(runs.front().train.precision))
            problems.push_back("align: all runs share one reference, so their precision must be equal");
        for (const std::string& problem :
             kept_weights_problems(run.train.weights, run.train.precision, run.train.optimiser.moments,
                                   run.train.lora.rank, "align." + run.name))
            problems.push_back(problem);
        for (const std::string& problem : check_loss_config(run.train.loss, "align." + run.name + ".loss"))
            problems.push_back(problem);
    }
}

void check_pair_metrics(const RecipeConfig& config, std::vector<std::string>& problems) {
    const std::vector<std::string> known = config.task == "tts"   ? judge_metric_names(config.judge)
                                           : config.task == "asr" ? std::vector<std::string>{"per"}
                                                                  : text_judge_metric_names();
    for (const PairMetric& metric : config.pairs.metrics)
        if (std::find(known.begin(), known.end(), metric.name) == known.end())
            problems.push_back(fmt::format("pairs.metrics: '{}' is not among the judge's scores: {}",
                                           metric.name, join(known, " ")));
}

/// What holds for both tasks that read recordings.
void check_recordings(const RecipeConfig& config, std::vector<std::string>& problems) {
    if (config.data.manifest.empty()) problems.push_back("data.manifest is needed");
    if (config.data.layout == "aligned" && config.data.units != "phones" && config.data.alignment.empty())
        problems.push_back(
            "data.layout = 'aligned' needs data.units = 'phones', or unit times in data.alignment");
    check_pair_metrics(config, problems);
}

void check_tts(const RecipeConfig& config, std::vector<std::string>& problems) {
    check_recordings(config, problems);
    try {
        find_metrics(config.evaluate.metrics);
    } catch (const UserError& error) {
        problems.push_back(error.what());
    }
}

void check_math(const RecipeConfig& config, std::vector<std::string>& problems) {
    const MathDataConfig& data = config.math_data;
    if (data.manifest.empty() != data.test_manifest.empty())
        problems.push_back(
            "data.manifest and data.test_manifest belong together: set both, or neither to generate "
            "problems");
    if (data.generate.problem.smallest >= data.generate.problem.largest)
        problems.push_back("data.generate.smallest must be below data.generate.largest");
    check_pair_metrics(config, problems);
}

void check_text(const RecipeConfig& config, std::vector<std::string>& problems) {
    const TextDataConfig& data = config.text_data;
    if (data.manifest.empty() == data.corpus.empty())
        problems.push_back("data: set manifest (preference data) or corpus (prose), one of them");
    for (const std::string& problem : data.parts.problems()) problems.push_back(problem);
    if (data.manifest.empty() && !data.parts.spans.empty())
        problems.push_back("data.spans are those of data.manifest; pairs out of a corpus have none");
    for (const std::string& problem : config.win_judge.problems()) problems.push_back(problem);
    if (data.manifest.empty() && data.prose.kinds.empty())
        problems.push_back("data.prose.kinds names no damage");
    if (config.answer.splits != std::vector<std::string>{"test"} &&
        config.answer.splits != std::vector<std::string>{"valid"})
        problems.push_back("answer.splits must be [\"test\"] or [\"valid\"] in a text recipe");
}

void check_checkpoint(const RecipeConfig& config, std::vector<std::string>& problems) {
    if (!config.model.start.given())
        problems.push_back("model.start is needed: the directory of a checkpoint");
    for (const std::string& problem : config.checkpoint.parts.problems()) problems.push_back(problem);
    if (!config.checkpoint.parts.dialogues.empty() && config.sft.steps == 0)
        problems.push_back("data.dialogues are learned by the sft stage; set sft.steps");
    if (config.checkpoint.manifest.empty()) problems.push_back("data.manifest is needed: preference pairs");
}

/// A shape beside model.start would be passed over.
void check_start(const RecipeConfig& config, std::vector<std::string>& problems) {
    const StartConfig& start = config.model.start;
    for (const std::string& problem : start.problems()) problems.push_back(problem);
    ModelConfig unset;
    unset.qkv_bias = config.model.shape.qkv_bias;
    unset.qk_norm = config.model.shape.qk_norm;
    if (start.given() && config.model.shape != unset)
        problems.push_back("model: the shape comes from model.start's config.json; leave its keys out");
    if (start.given()) return;
    if (config.sft.steps == 0)
        problems.push_back("sft.steps = 0 keeps a checkpoint as it is, and model.start names none");
    if (config.sft.lora.rank > 0 || !config.sft.freeze.empty())
        problems.push_back("sft.lora and sft.freeze train parts of a checkpoint, and model.start names none");
}

/// What holds for the tasks without speech.
void check_written(const RecipeConfig& config, std::vector<std::string>& problems) {
    if (config.sft.input_noise > 0)
        problems.push_back(
            fmt::format("sft.input_noise replaces codes of speech; set it to 0 in a {} recipe", config.task));
    check_start(config, problems);
}

void check_answer(const RecipeConfig& config, std::vector<std::string>& problems) {
    if (config.answer.splits.empty()) problems.push_back("answer.splits names no split");
}

}  // namespace

void check(const RecipeConfig& config) {
    std::vector<std::string> problems;
    if (config.task == "tts") check_tts(config, problems);
    if (config.task == "asr") check_recordings(config, problems);
    if (config.task == "checkpoint") check_checkpoint(config, problems);
    if (config.task == "text") check_text(config, problems);
    if (config.task == "math") check_math(config, problems);
    if (config.task != "tts" && config.task != "asr") check_written(config, problems);
    if (config.task == "text" || config.task == "math") check_answer(config, problems);
    check_align_runs(config.align, problems);
    for (const std::string& problem : problems_of(config.sft)) problems.push_back(problem);
    try {
        if (config.task == "tts" || config.task == "asr" || config.task == "math") check(config.pairs);
        ModelConfig shape = config.model.shape;
        shape.vocab_size = 1;  // known once the data are prepared
        check(shape);
    } catch (const UserError& error) {
        problems.push_back(error.what());
    }
    if (problems.empty()) return;
    throw ConfigError(
        fmt::format("{} problem(s) in the configuration:\n  {}", problems.size(), join(problems, "\n  ")));
}

RecipeConfig read_recipe(const ConfigSource& given) {
    RecipeConfig config;
    ConfigSource source = given;
    // A checkpoint laid over a recipe for a new model: its shape goes with it.
    KeyReplacement shape{"model.start", {}};
    for (const std::string& key : config_keys([&](ConfigVisitor& v) { config.model.visit_shape(v); }))
        shape.replaced.push_back("model." + key);
    source.replacements.push_back(std::move(shape));
    // The task comes first: it decides which keys there are.
    const std::string task = peek_config(source, "task");
    if (std::find(task_names().begin(), task_names().end(), task) != task_names().end()) config.task = task;
    if (config.task == "checkpoint") config.sft.steps = 0;  // alignment alone, unless asked for
    read_config(source, [&](ConfigVisitor& v) { config.visit(v); });
    const ModelConfig defaults = model_config_defaults(config.model.shape.architecture);
    config.model.shape.qkv_bias = defaults.qkv_bias;
    config.model.shape.qk_norm = defaults.qk_norm;
    config.codec.seed = config.sft.seed = config.pairs.seed = config.seed;
    for (AlignRun& run : config.align) run.train.seed = config.seed;
    check(config);
    return config;
}

}  // namespace linvox
