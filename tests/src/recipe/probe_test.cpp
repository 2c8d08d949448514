#include "src/recipe/probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "audio/wav.h"
#include "eval/report.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/model/torch_compat.h"
#include "src/recipe/clips.h"
#include "src/recipe/prepared.h"
#include "src/recipe/probe_watch.h"
#include "src/recipe/sampled.h"
#include "tests/audio/codec/small_codec.h"
#include "tests/src/train/toy_model.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kUnits = {"A", "B", "A"};

Vocabulary small_vocabulary() { return {{"A", "B"}, 24, "phones", "digest"}; }

Decoder small_decoder() {
    ModelConfig shape = toy::config();
    shape.vocab_size = small_vocabulary().size();
    return make_decoder(shape, 3);
}

PreparedClip clip_of(const std::string& id, Role role) {
    PreparedClip clip;
    clip.id = id;
    clip.role = role;
    clip.words = {"a"};
    clip.units = {{"A", 0, 4}, {"B", 4, 8}, {"A", 8, 12}};
    clip.word_of_unit = {0, 0, 0};
    clip.variants = {{1.0, 0, {0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1}}};
    return clip;
}

ProbePrompt prompt_of(const std::string& id, const CodeDistortion& distortion) {
    const PreparedClip clip = clip_of(id, Role::watch);
    return {{id, make_plan(small_vocabulary(), "aligned", clip.units), mix_seed(1, "probe", id)},
            kUnits,
            {distortion.features(clip.codes()), 12}};
}

GenerationProbe probe_of(const SamplingConfig& sampling) {
    const CodeDistortion distortion(small_codec());
    return {{prompt_of("x", distortion), prompt_of("y", distortion)},
            sampling,
            small_vocabulary(),
            distortion,
            PhoneFit({clip_of("t", Role::train)}, 24)};
}

TEST(Probe, CountsWhatWasSaid) {
    const Decoder decoder = small_decoder();
    // One code a unit, then the cap: three codes where twelve were recorded.
    const auto capped = probe_of({.max_tokens = 100, .max_codes_per_unit = 1}).measure(decoder);
    EXPECT_EQ(capped.at("probe/finished"), 1.0);
    EXPECT_EQ(capped.at("probe/capped_units"), 3.0);
    EXPECT_EQ(capped.at("probe/duration_ratio"), 0.25);
    EXPECT_GE(capped.at("probe/longest_run"), 1.0);
    EXPECT_LE(capped.at("probe/longest_run"), 3.0);
    EXPECT_LE(capped.at("probe/phone_fit"), 0.0);
    // Two forced tokens, then at most two more: nobody gets to the end.
    const auto cut = probe_of({.max_tokens = 4, .max_codes_per_unit = 40}).measure(decoder);
    EXPECT_EQ(cut.at("probe/finished"), 0.0);
    EXPECT_EQ(cut.at("probe/capped_units"), 0.0);
}

TEST(Probe, ScoresAreThoseOfTheJudge) {
    const Decoder decoder = small_decoder();
    const SamplingConfig sampling = restrict_to_speech({.max_tokens = 200}, small_vocabulary());
    const CodeDistortion distortion(small_codec());
    const PhoneFit fit({clip_of("t", Role::train)}, 24);
    double mcd = 0, phone_fit = 0, run = 0;
    for (const char* id : {"x", "y"}) {
        const ProbePrompt prompt = prompt_of(id, distortion);
        const std::vector<GenerationRequest> requests = {prompt.request};
        generate(decoder, requests, sampling, [&](std::size_t, GenerationResult&& result) {
            const Candidate candidate = to_candidate(std::move(result), prompt.request, sampling, "");
            const Scores scores =
                judge_candidate(candidate, kUnits, prompt.recording, small_vocabulary(), distortion, &fit);
            mcd += *scores.at("mcd") / 2;
            phone_fit += *scores.at("phone_fit") / 2;
            run += *scores.at("repetition") / 2;
        });
    }
    const auto values = probe_of({.max_tokens = 200}).measure(decoder);
    EXPECT_NEAR(values.at("probe/mcd"), mcd, 1e-9);
    EXPECT_NEAR(values.at("probe/phone_fit"), phone_fit, 1e-9);
    EXPECT_NEAR(values.at("probe/longest_run"), run, 1e-9);
}

SftData training_data() {
    configure_threads(1);  // bit-equal losses
    SftData data;
    data.epoch = [](int, Rng& rng) {
        std::vector<SequenceGroup> groups;
        for (int i = 0; i < 8; ++i) {
            PreparedClip clip = clip_of("t" + std::to_string(i), Role::train);
            for (std::int32_t& code : clip.variants[0].codes) code = static_cast<std::int32_t>(rng.below(24));
            groups.push_back(
                to_group(clip.id, lay_out(small_vocabulary(), "aligned", clip.units, clip.codes())));
        }
        return groups;
    };
    data.softmax = {small_vocabulary().next(), small_vocabulary().size(), {}};
    data.code_begin = small_vocabulary().codec_start();
    data.code_end = small_vocabulary().size();
    return data;
}

TEST(Probe, ARunWithItEqualsOneWithout) {
    const SftData data = training_data();
    SftConfig config;
    config.steps = 9;
    config.token_budget = 60;
    config.input_noise = 0.1;
    config.precision = "f32";
    config.evaluate_every = 0;
    std::vector<Decoder> trained;
    std::vector<double> losses[2];
    std::vector<StepReport> probed;
    for (const bool with_probe : {false, true}) {
        Decoder decoder = small_decoder();
        const auto probe = probe_of({.max_tokens = 60});
        const Observer collect{.on_evaluation = [&](const StepReport& r) { probed.push_back(r); }};
        const TrainRun run{{}, false, [&](std::int64_t) {
                               Observer losses_of{.on_step = [&](const StepReport& report) {
                                   losses[with_probe].push_back(report.values.at("loss"));
                               }};
                               std::vector<Observer> observers = {losses_of};
                               if (with_probe)
                                   observers.push_back(periodic_observer(
                                       2, [&] { return probe.measure(decoder); }, {collect}));
                               return observers;
                           }};
        train_sft(decoder, data, config, run);
        trained.push_back(decoder);
    }
    EXPECT_EQ(losses[0], losses[1]);
    visit_weights(std::as_const(trained[0]), [&](const std::string& name, const at::Tensor& weight) {
        visit_weights(std::as_const(trained[1]), [&](const std::string& other, const at::Tensor& same) {
            EXPECT_TRUE(name != other || at::equal(weight, same)) << name;
        });
    });
    ASSERT_EQ(probed.size(), 4U);
    EXPECT_NE(probed.front().values, probed.back().values);  // it sees the current weights
    // The same weights, the same words.
    EXPECT_EQ(probe_of({.max_tokens = 60}).measure(trained[1]),
              probe_of({.max_tokens = 60}).measure(trained[0]));
}

/// A run directory with what a probe reads, and a recipe.
struct SmallRun {
    explicit SmallRun(const std::string& name) : root(fs::path(testing::TempDir()) / name) {
        fs::remove_all(root);
        run = std::make_unique<RunDirectory>(root);
        for (const char* stage : {"codec", "prepare", "align"}) ensure_directory(run->stage(stage));
        small_vocabulary().save(run->stage("prepare") / "vocabulary.json");
        save_mel_codec(small_codec(), run->stage("codec") / "codec");
        config.synthesise.sampling = {.max_tokens = 60, .max_codes_per_unit = 1};
        config.probe.every = 2;
    }

    void write_clips_with(Role role) {
        const PreparedClip clip = clip_of("w", role);
        write_prepared(run->stage("prepare") / "prepared.jsonl", {clip_of("t", Role::train), clip});
        write_wave(root / "w.wav", test_tone(3840), 16000);
        ClipRecord record;
        record.id = "w";
        record.audio = root / "w.wav";
        record.duration_s = record.end_s = 0.24;
        record.variants = clip.variants;
        write_clips(run->stage("codec") / "clips.jsonl", {record});
    }

    StageContext context() const { return {config, *run, run->stage("align")}; }

    fs::path root;
    std::unique_ptr<RunDirectory> run;
    RecipeConfig config;
};

std::size_t event_files(const fs::path& folder) {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder))
        count += entry.path().filename().string().starts_with("events.out.tfevents.");
    return count;
}

TEST(MakeProbe, TakesWatchClipsOrSaysThatThereAreNone) {
    SmallRun small("probe_make");
    small.write_clips_with(Role::watch);
    const auto values = make_probe(small.context())->measure(small_decoder());
    EXPECT_EQ(values.at("probe/capped_units"), 3.0);
    EXPECT_EQ(values.at("probe/duration_ratio"), 0.25);
    EXPECT_TRUE(std::isfinite(values.at("probe/mcd")));

    small.write_clips_with(Role::held_out);
    EXPECT_THROW(make_probe(small.context()), DataError);
    small.config.probe.every = 0;
    EXPECT_EQ(make_probe(small.context()), nullptr);
}

TEST(WatchTraining, LogsAlarmsAndProbesReadAsCurves) {
    SmallRun small("probe_watch");
    small.write_clips_with(Role::watch);
    const Decoder decoder = small_decoder();
    const fs::path folder = small.run->stage("align");
    for (AlarmRule& rule : small.config.alarms.rules) rule.patience = rule.patience > 0 ? 1 : 0;
    {
        const auto observers = watch_training(small.context(), folder, decoder, 0, true);
        for (std::int64_t step = 1; step <= 3; ++step)
            for (const Observer& observer : observers)
                if (observer.on_step) observer.on_step({step, 3, 0.0, 0.0, {{"logratio/chosen_sum", -1.0}}});
    }
    std::vector<std::string> story;
    for_each_json_line(folder / "train.jsonl", [&](const nlohmann::json& line, std::size_t) {
        story.push_back(std::to_string(line.at("step").get<int>()) + " " +
                        (line.contains("name")                ? line["name"].get<std::string>()
                         : line.contains("probe/longest_run") ? "probe"
                                                              : "step"));
    });
    // Three units are capped in each answer, more than the alarm's one.
    EXPECT_THAT(story, testing::ElementsAre("0 probe", "0 boundary", "1 step", "1 displacement", "2 step",
                                            "2 probe", "3 step"));
    EXPECT_EQ(event_files(folder), 1U);

    std::map<std::string, std::vector<double>> curves;
    for (const Curve& curve : read_curves(folder / "train.jsonl", "lpo", "train"))
        curves[curve.name] = curve.step;
    EXPECT_THAT(curves.at("probe/capped_units"), testing::ElementsAre(0, 2));
    EXPECT_THAT(curves.at("logratio/chosen_sum"), testing::ElementsAre(1, 2, 3));
    EXPECT_FALSE(curves.contains("name"));

    // Resumed after step 2: no line stands twice, and what was said is not said again.
    {
        small.config.log.tensorboard = false;
        const auto observers = watch_training(small.context(), folder, decoder, 2, true);
        for (const Observer& observer : observers)
            if (observer.on_step) observer.on_step({3, 3, 0.0, 0.0, {{"logratio/chosen_sum", -1.0}}});
    }
    std::size_t lines = 0;
    for_each_json_line(folder / "train.jsonl", [&](const nlohmann::json&, std::size_t) { ++lines; });
    EXPECT_EQ(lines, 7U);
    EXPECT_EQ(event_files(folder), 1U);  // switched off
}

}  // namespace
}  // namespace linvox
