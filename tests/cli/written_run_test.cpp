// The text and the math recipe through the program, on models that learn nothing in seconds: every stage
// runs, the table and the report are there, and an interrupted run ends like a whole one. Then `linvox
// validate`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/cli/model_files.h"
#include "tests/cli/program.h"

namespace linvox::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

const std::string kModel = R"(
[model]
hidden_size = 32
num_layers = 1
num_heads = 2
num_kv_heads = 1
head_dim = 16
intermediate_size = 64
[[align]]
name = "lpo"
epochs = 1
batch_pairs = 8
[align.loss]
kind = "lpo-ste"
)";

/// The worked solution is chosen where no sample is right, so that pairs do not depend on what the model has
/// learned.
fs::path write_math_recipe(const fs::path& folder) {
    write_text(folder / "recipe.toml", R"(
task = "math"
[data.generate]
steps = 1
train = 60
prompts = 12
valid = 6
test = 10
unseen = 4
[sft]
steps = 12
token_budget = 500
evaluate_every = 6
[candidates]
per_prompt = 2
[candidates.sampling]
max_tokens = 12
[pairs]
rule = "correct"
chosen_from = "either"
[[pairs.metrics]]
name = "correct"
[answer]
splits = ["test", "unseen"]
[answer.sampling]
max_tokens = 12
)" + kModel);
    return folder / "recipe.toml";
}

fs::path write_text_recipe(const fs::path& folder) {
    std::string pairs;
    for (int i = 0; i < 60; ++i) {
        const std::string n = std::to_string(i);
        pairs += R"({"prompt": "What comes after )" + n + R"(?", "chosen": "It is )" + std::to_string(i + 1) +
                 R"(.", "rejected": "I do not know )" + n + R"(."})" + "\n";
    }
    write_text(folder / "preferences.jsonl", pairs);
    write_text(folder / "recipe.toml", R"(
task = "text"
[data]
manifest = "preferences.jsonl"
pieces = 60
[answer.sampling]
max_tokens = 12
[sft]
steps = 12
token_budget = 500
evaluate_every = 6
)" + kModel);
    return folder / "recipe.toml";
}

/// The clips of the speech recipe, written down by a model that hardly learns.
fs::path write_asr_recipe(const fs::path& folder) {
    write_micro_recipe(folder);
    write_text(folder / "recipe.toml", R"(
task = "asr"
[data]
manifest = "manifest.jsonl"
held_out = ["valid"]
watch_share = 0.1
stretches = [1.0]
shifts = [0]
[codec]
codebook_size = 64
kmeans_iterations = 2
channels = 16
mel_steps = 0
wave_steps = 0
[sft]
steps = 12
evaluate_every = 6
[candidates]
per_prompt = 2
[candidates.sampling]
max_tokens = 4000
[pairs]
chosen_from = "reference"
[[pairs.metrics]]
name = "per"
[pairs.perturb]
kinds = ["substitute"]
[answer.sampling]
max_tokens = 4000
)" + kModel);
    return folder / "recipe.toml";
}

std::string run_of(const fs::path& recipe, const fs::path& run) {
    return "run " + recipe.string() + " --run " + run.string();
}

void expect_whole_run(const fs::path& recipe, const fs::path& run, const std::vector<std::string>& says) {
    const Outcome first = linvox(run_of(recipe, run));
    ASSERT_EQ(first.code, 0) << first.output;
    for (const std::string& text : says) EXPECT_THAT(first.output, HasSubstr(text));
    EXPECT_THAT(first.output, HasSubstr("LPO against SFT"));
    for (const char* file : {"index.html", "report.json", "utterances.csv", "summary.md"})
        EXPECT_GT(fs::file_size(run / "report" / file), 100U) << file;
    EXPECT_THAT(linvox(run_of(recipe, run)).output, HasSubstr("[report] unchanged, skipped"));
}

TEST(WrittenRun, MathEndsWithTableAndReport) {
    const fs::path folder = test_folder();
    expect_whole_run(write_math_recipe(folder), folder / "run",
                     {"em.numeric", "em.numeric.unseen", "data (ceiling)"});
    EXPECT_THAT(read_text(folder / "run/report/report.json"), HasSubstr("mcnemar exact"));
}

TEST(WrittenRun, LaterRoundsStartFromTheModelBeforeOnOtherPrompts) {
    const fs::path folder = test_folder(), rounds = folder / "run/stages/rounds/lpo";
    const Outcome outcome = linvox(run_of(write_math_recipe(folder), folder / "run") + " --set rounds=2");
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_EQ(read_text(rounds / "2/stages/sft/model/model.safetensors"),
              read_text(folder / "run/stages/align/lpo/model/model.safetensors"));
    EXPECT_NE(read_text(rounds / "2/stages/align/lpo/model/model.safetensors"),
              read_text(folder / "run/stages/align/lpo/model/model.safetensors"));
    const std::string first = read_text(folder / "run/stages/candidates/candidates.jsonl"),
                      second = read_text(rounds / "2/stages/candidates/candidates.jsonl");
    EXPECT_THAT(first, HasSubstr("prompts-00000"));
    EXPECT_THAT(first, Not(HasSubstr("prompts-00001")));
    EXPECT_THAT(second, HasSubstr("prompts-00001"));
    EXPECT_THAT(second, Not(HasSubstr("prompts-00000")));
}

TEST(WrittenRun, AsrEndsWithTableAndReport) {
    const fs::path folder = test_folder();
    expect_whole_run(write_asr_recipe(folder), folder / "run", {"asr.per", "data (ceiling)"});
    const std::string pairs = read_text(folder / "run/stages/pairs/pairs.train.jsonl");
    EXPECT_THAT(pairs, HasSubstr("perturb substitute"));
    EXPECT_THAT(pairs, HasSubstr("reference pareto per"));
}

TEST(WrittenRun, TextEndsWithTableAndReport) {
    const fs::path folder = test_folder();
    expect_whole_run(write_text_recipe(folder), folder / "run",
                     {"pref.ranking", "pref.loss", "text.distinct2"});
}

/// A small chat model in place of one trained from scratch; `[model]` names its template.
std::string from_checkpoint(const fs::path& folder, const fs::path& recipe) {
    const fs::path model = write_speech_model(
        folder,
        {.name = "chat", .architecture = "qwen2", .shards = 2, .spare_rows = 3, .end = "<|endoftext|>"});
    std::string text = read_text(recipe);
    const auto begin = text.find("[model]"), end = text.find("[[align]]");
    text.replace(begin, end - begin, "[model]\nstart = \"" + model.string() + "\"\ntemplate = \"chatml\"\n");
    write_text(recipe, text);
    return read_text(model / "model.safetensors.index.json");
}

TEST(WrittenRun, TextStartsFromACheckpointAndKeepsItsForm) {
    const fs::path folder = test_folder(), recipe = write_text_recipe(folder);
    const std::string index = from_checkpoint(folder, recipe);
    expect_whole_run(recipe, folder / "run", {"pref.ranking", "pref.loss"});
    const fs::path stages = folder / "run/stages";
    for (const fs::path& saved : {stages / "sft/model", stages / "align/lpo/model"}) {
        EXPECT_EQ(read_text(saved / "model.safetensors.index.json"), index);
        EXPECT_EQ(read_text(saved / "tokenizer.json"), read_text(folder / "chat/tokenizer.json"));
    }
    EXPECT_NE(read_text(stages / "sft/model/model-00001-of-00002.safetensors"),
              read_text(folder / "chat/model-00001-of-00002.safetensors"));
    EXPECT_THAT(read_text(stages / "answer/answered.jsonl"), HasSubstr(R"("text":"It is 1.","tokens":[)"));
}

TEST(WrittenRun, MathMayTakeACheckpointAsItIs) {
    const fs::path folder = test_folder(), recipe = write_math_recipe(folder);
    from_checkpoint(folder, recipe);
    const Outcome run = linvox(run_of(recipe, folder / "run") + " --set sft.steps=0");
    ASSERT_EQ(run.code, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("em.numeric"));
    EXPECT_TRUE(fs::is_symlink(folder / "run/stages/sft/model"));
    EXPECT_THAT(linvox(run_of(recipe, folder / "run") + " --set sft.steps=0").output,
                HasSubstr("[report] unchanged, skipped"));
}

TEST(WrittenRun, GoesOnAfterCtrlCToTheSameResult) {
    const fs::path folder = test_folder();
    const fs::path recipe = write_math_recipe(folder);
    ASSERT_EQ(linvox(run_of(recipe, folder / "whole")).code, 0);
    for (const char* stage : {"sft", "candidates", "answer"}) {
        Process process(run_of(recipe, folder / "stopped"), folder / "stopped.log");
        ASSERT_TRUE(process.wait_for(folder / "stopped/stages" / stage / "started.json")) << stage;
        process.stop(SIGINT);
    }
    ASSERT_EQ(linvox(run_of(recipe, folder / "stopped")).code, 0);
    for (const char* file : {"stages/align/lpo/model/model.safetensors", "stages/evaluate/evaluated.jsonl"})
        EXPECT_EQ(read_text(folder / "stopped" / file), read_text(folder / "whole" / file)) << file;
}

TEST(WrittenRun, BadDataEndsWithOneErrorThatNamesTheLine) {
    const fs::path folder = test_folder();
    const fs::path recipe = write_text_recipe(folder);
    write_text(folder / "preferences.jsonl", R"({"prompt": "a", "chosen": "b", "rejected": "c"}
{"prompt": "a", "chosen": "b", "rejected": "b"}
)");
    const Outcome outcome = linvox(run_of(recipe, folder / "run"));
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.output, HasSubstr("preferences.jsonl:2"));
    EXPECT_THAT(outcome.output, HasSubstr("linvox validate"));
    EXPECT_THAT(outcome.output, Not(HasSubstr("please report")));
}

/// Pairs that differ in one marked part, and conversations for SFT.
fs::path write_decoupled_recipe(const fs::path& folder) {
    std::string pairs, talks;
    for (int i = 0; i < 80; ++i) {
        const std::string n = std::to_string(i % 10);
        const bool of_plan = i % 2 == 0;
        const std::string chosen = "[Count] It is " + n + ".",
                          rejected = of_plan ? "[Joke] It is " + n + "." : "[Count] No idea.";
        const auto spans = [&](const std::string& text) {
            const std::size_t end = text.find(']') + 1;
            return R"([{"begin": )" + std::to_string(of_plan ? 0 : end + 1) + R"(, "end": )" +
                   std::to_string(of_plan ? end : text.size()) + R"(, "label": ")" +
                   (of_plan ? "plan" : "text") + R"("}])";
        };
        pairs += R"({"prompt": "What is line )" + std::to_string(i) + R"(?", "chosen": ")" + chosen +
                 R"(", "rejected": ")" + rejected + R"(", "chosen_spans": )" + spans(chosen) +
                 R"(, "rejected_spans": )" + spans(rejected) + "}\n";
        talks +=
            R"({"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "[Joke] Ho.", )"
            R"("cal_loss": false}, {"role": "user", "content": "And )" +
            n + R"(?"}, {"role": "assistant", "content": ")" + chosen + R"("}]})" + "\n";
    }
    write_text(folder / "pairs.jsonl", pairs);
    write_text(folder / "talks.jsonl", talks);
    write_text(folder / "recipe.toml", R"(
task = "text"
[data]
manifest = "pairs.jsonl"
dialogues = "talks.jsonl"
spans = ["plan", "text"]
test_share = 0.2
pieces = 60
[answer.sampling]
temperature = 1.0
max_tokens = 12
[sft]
steps = 12
token_budget = 500
evaluate_every = 6
[judge]
kind = "command"
command = "sed 's/.*/tie/'"
)" + kModel + R"(
[align.optimiser]
learning_rate = 0.02
)");  // the two models must answer differently: equal answers are no question to a judge
    return folder / "recipe.toml";
}

TEST(WrittenRun, DecoupledPairsOfTwoSpansInOneRun) {
    const fs::path folder = test_folder(), recipe = write_decoupled_recipe(folder),
                   stages = folder / "run/stages";
    expect_whole_run(recipe, folder / "run",
                     {"by span: {\"plan\":", "pref.ranking.plan", "pref.ranking.text", "win.rate", "50.0"});
    const std::string pairs = read_text(stages / "pairs/pairs.train.jsonl");
    EXPECT_THAT(pairs, HasSubstr("given plan"));
    EXPECT_THAT(pairs, HasSubstr("given text"));
    EXPECT_THAT(pairs, HasSubstr("chosen_given"));
    EXPECT_THAT(read_text(stages / "prepare/items.jsonl"), HasSubstr("\"scored\":false"));
    EXPECT_THAT(read_text(stages / "judge/ask.jsonl"), HasSubstr("\"id\":\"lpo/"));
    EXPECT_THAT(read_text(folder / "run/report/report.json"), HasSubstr("one verdict in both orders"));
    const Outcome unnamed = linvox(run_of(recipe, folder / "other") + " --set data.spans=[]");
    EXPECT_EQ(unnamed.code, 2);
    EXPECT_THAT(unnamed.output, HasSubstr("pairs.jsonl:1: the answers have spans (chosen: plan)"));
    const Outcome absent =
        linvox(run_of(recipe, folder / "other") + " --set 'data.spans=[\"plan\",\"tone\"]'");
    EXPECT_EQ(absent.code, 2);
    EXPECT_THAT(absent.output, HasSubstr("no span that data.spans names (plan tone); found: text"));
}

TEST(WrittenRun, AJudgeThatFailsEndsTheRun) {
    const fs::path folder = test_folder(), recipe = write_decoupled_recipe(folder);
    const Outcome failed = linvox(run_of(recipe, folder / "run") + " --set 'judge.command=exit 4'");
    EXPECT_EQ(failed.code, 2);
    EXPECT_THAT(failed.output, HasSubstr("judge.command = 'exit 4' ended with exit code 4"));
    EXPECT_FALSE(fs::exists(folder / "run/report/index.html"));
    const Outcome mended =
        linvox(run_of(recipe, folder / "run") + " --set judge.command= --set judge.kind=length_rule");
    EXPECT_EQ(mended.code, 0) << mended.output;
    EXPECT_THAT(mended.output, HasSubstr("[answer] unchanged, skipped"));
    EXPECT_THAT(mended.output, HasSubstr("win.rate"));
}

TEST(WrittenRun, DialoguesTrainACheckpointToo) {
    const fs::path folder = test_folder(), recipe = write_decoupled_recipe(folder);
    from_checkpoint(folder, recipe);
    const Outcome run =
        linvox(run_of(recipe, folder / "run") + " --set judge.command= --set judge.kind=length_rule");
    ASSERT_EQ(run.code, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("pref.ranking.plan"));
    const Outcome last = linvox(run_of(recipe, folder / "run") + " --set 'data.turns=\"1\"'");
    EXPECT_EQ(last.code, 0) << last.output;
    const Outcome none = linvox(run_of(recipe, folder / "run") + " --set 'data.turns=\"3\"'");
    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.output, HasSubstr("talks.jsonl:1: none of the assistant's turns"));
}

TEST(Validate, ExitCodeSaysWhetherErrorsRemain) {
    const fs::path folder = test_folder();
    const fs::path file = folder / "data.jsonl", fixed = folder / "fixed.jsonl";
    write_text(file, R"({"prompt": "a", "chosen": "b", "rejected": "c"}
{"prompt": "a", "chosen": "b", "rejected": "b"}
)");
    const Outcome found = linvox("validate " + file.string());
    EXPECT_EQ(found.code, 2);
    EXPECT_THAT(found.output, HasSubstr("data.jsonl:2"));
    EXPECT_EQ(linvox("validate " + file.string() + " --fix " + fixed.string()).code, 0);
    EXPECT_EQ(linvox("validate " + fixed.string()).code, 0);
    EXPECT_EQ(linvox("validate " + file.string() + " --fix " + fixed.string()).code, 2);  // it exists by now
    EXPECT_EQ(linvox("validate " + (folder / "none.jsonl").string()).code, 2);
    const Outcome alone = linvox("validate " + fixed.string() + " --template chatml");
    EXPECT_EQ(alone.code, 2);
    EXPECT_THAT(alone.output, HasSubstr("give --tokenizer too"));
    write_text(file, R"({"prompt": "a", "chosen": 1, "rejected": "b"})");
    EXPECT_EQ(linvox("validate " + file.string() + " --fix " + (folder / "other.jsonl").string()).code, 2);
}

}  // namespace
}  // namespace linvox::test
