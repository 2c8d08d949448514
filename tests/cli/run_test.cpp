// A whole run through the program: it ends with a table and a report, skips what is unchanged, and goes
// on to the same result after Ctrl-C and after kill.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/cli/program.h"

namespace linvox::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> kResults = {
    "stages/sft/model/model.safetensors", "stages/pairs/pairs.train.jsonl",
    "stages/align/lpo/model/model.safetensors", "stages/evaluate/evaluated.jsonl", "stages/report/table.txt"};

std::string run_command(const fs::path& recipe, const fs::path& run) {
    return "run " + recipe.string() + " --run " + run.string();
}

TEST(WholeRun, EndsWithTableAndReportAndIsSafeToRepeat) {
    const fs::path folder = test_folder();
    const std::string command = run_command(write_micro_recipe(folder), folder / "run");
    const Outcome first = linvox(command);
    ASSERT_EQ(first.code, 0) << first.output;
    EXPECT_THAT(first.output, HasSubstr("LPO against SFT"));
    EXPECT_THAT(first.output, HasSubstr((folder / "run" / "report" / "index.html").string()));
    for (const char* file : {"index.html", "report.json", "utterances.csv", "summary.md"})
        EXPECT_GT(fs::file_size(folder / "run" / "report" / file), 100U) << file;

    const Outcome again = linvox(command);
    EXPECT_EQ(again.code, 0);
    EXPECT_THAT(again.output, HasSubstr("[report] unchanged, skipped"));
    EXPECT_THAT(again.output, HasSubstr("LPO against SFT"));

    const Outcome dry = linvox(command + " --dry-run --set candidates.per_prompt=4");
    EXPECT_THAT(dry.output, HasSubstr("sft          skip"));
    EXPECT_THAT(dry.output, HasSubstr("candidates   run"));

    const Outcome no_pairs = linvox("pairs " + (folder / "recipe.toml").string() + " --run " +
                                    (folder / "run").string() + " --set pairs.max_length_ratio=0.5");
    EXPECT_EQ(no_pairs.code, 2);
    EXPECT_THAT(no_pairs.output, HasSubstr("no usable pair"));
    EXPECT_THAT(no_pairs.output, HasSubstr("pair_report.txt"));
}

TEST(WholeRun, TisDpoTrainsItsTwoModelsFirstAndReusesTheRest) {
    const fs::path folder = test_folder();
    ASSERT_EQ(linvox(run_command(write_micro_recipe(folder), folder / "run")).code, 0);
    write_text(folder / "tis.toml",
               "base = \"recipe.toml\"\n[[align]]\nname = \"tis\"\nepochs = 1\n"
               "[align.loss]\nkind = \"tis_dpo\"\n");
    const Outcome outcome =
        linvox(run_command(folder / "tis.toml", folder / "tis") + " --reuse " + (folder / "run").string());
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("[sft] taken over from"));
    EXPECT_THAT(outcome.output, HasSubstr("token weights: the positive model"));
    EXPECT_THAT(outcome.output, HasSubstr("token weights: the negative model"));
    EXPECT_THAT(outcome.output, HasSubstr("TIS against SFT"));
    const std::string positive = read_text(folder / "tis/stages/align/tis/contrast/positive/scores.jsonl");
    EXPECT_NE(positive, read_text(folder / "tis/stages/align/tis/contrast/negative/scores.jsonl"));
}

TEST(WholeRun, PlainLayoutGoesThroughEveryStageToo) {
    const fs::path folder = test_folder();
    const Outcome outcome = linvox(run_command(write_micro_recipe(folder), folder / "run") +
                                   " --set data.layout=plain --set data.units=letters --set sft.steps=300");
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("LPO against SFT"));
    EXPECT_THAT(read_text(folder / "run/stages/prepare/vocabulary.json"), HasSubstr("letters"));
}

/// Runs until `mark` exists, then sends the signal.
Outcome interrupt(const std::string& command, const fs::path& mark, int signal_number) {
    Process process(command, mark.parent_path().parent_path().parent_path().string() + ".log");
    EXPECT_TRUE(process.wait_for(mark)) << "the run ended before " << mark;
    return process.stop(signal_number);
}

TEST(WholeRun, GoesOnAfterCtrlCAndKillToTheSameResult) {
    const fs::path folder = test_folder();
    const fs::path recipe = write_micro_recipe(folder);
    ASSERT_EQ(linvox(run_command(recipe, folder / "whole")).code, 0);

    const std::string command = run_command(recipe, folder / "stopped");
    const fs::path stages = folder / "stopped" / "stages";
    for (const char* stage : {"codec", "sft", "candidates", "align", "evaluate"}) {
        const Outcome stopped = interrupt(command, stages / stage / "started.json", SIGINT);
        EXPECT_EQ(stopped.code, 130) << stage << "\n" << stopped.output;
        EXPECT_THAT(stopped.output, HasSubstr("the same command goes on from here"));
        EXPECT_THAT(stopped.output, Not(HasSubstr("internal error")));
    }
    for (const char* stage : {"sft", "align"}) {
        fs::remove_all(stages / stage);
        const Outcome killed = interrupt(command, stages / stage / "started.json", SIGKILL);
        EXPECT_EQ(killed.code, 128 + SIGKILL);
        EXPECT_FALSE(fs::exists(stages / stage / "stage.json"));
    }
    const Outcome last = linvox(command);
    ASSERT_EQ(last.code, 0) << last.output;
    for (const std::string& file : kResults)
        EXPECT_EQ(read_text(folder / "stopped" / file), read_text(folder / "whole" / file)) << file;
}

}  // namespace
}  // namespace linvox::test
