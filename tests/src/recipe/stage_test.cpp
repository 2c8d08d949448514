#include "src/recipe/stage.h"

#include <gmock/gmock.h>

#include <fstream>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> calls;
bool fail_second = false;

void first(const StageContext& context) {
    calls.push_back("first");
    write_file_atomic(context.folder / "out.txt", std::to_string(context.config.seed));
}
void second(const StageContext& context) {
    calls.push_back(fs::exists(context.folder / "half.txt") ? "second resumed" : "second");
    write_file_atomic(context.folder / "half.txt", "x");
    if (fail_second) throw Interrupted{};
    write_file_atomic(context.folder / "out.txt", read_file(context.run.stage("first") / "out.txt"));
}

const std::vector<Stage> kStages = {
    {"first", "makes a number", {"seed"}, {}, {}, first},
    {"second", "copies it", {"report"}, {"first/out.txt"}, {}, second},
};

class StageTest : public testing::Test {
protected:
    void SetUp() override {
        root_ = fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
        fs::remove_all(root_);
        calls.clear();
        fail_second = false;
    }
    std::vector<std::string> run(const StageOptions& options = {}) {
        calls.clear();
        const RunDirectory directory(root_);
        run_stages(kStages, config_, directory, options);
        return calls;
    }
    fs::path root_;
    RecipeConfig config_;
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(StageTest, TakesFinishedStagesFromAnotherRunWhereTheyFit) {
    run();
    StageOptions options;
    options.reuse = root_;
    const fs::path first_root = root_;
    root_ += "-other";
    fs::remove_all(root_);
    EXPECT_THAT(run(options), IsEmpty());
    EXPECT_EQ(read_file(root_ / "stages/second/out.txt"), read_file(first_root / "stages/second/out.txt"));
    EXPECT_THAT(run(), IsEmpty());  // the copies are whole
    fs::remove_all(root_);
    config_.report.title = "another";  // a setting of the second stage alone
    EXPECT_THAT(run(options), ElementsAre("second"));
    options.reuse = root_ / "none";
    EXPECT_THROW(run(options), UserError);
}

TEST_F(StageTest, SkipsWhatIsUnchanged) {
    EXPECT_THAT(run(), ElementsAre("first", "second"));
    EXPECT_THAT(run(), IsEmpty());
}

TEST_F(StageTest, RedoesWhatItsSettingsOrInputsChanged) {
    run();
    config_.report.title = "other";
    EXPECT_THAT(run(), ElementsAre("second"));
    config_.seed = 7;
    EXPECT_THAT(run(), ElementsAre("first", "second"));
    EXPECT_EQ(read_file(root_ / "stages/second/out.txt"), "7");
    write_file_atomic(root_ / "stages/first/out.txt", "edited");
    EXPECT_THAT(run(), ElementsAre("second"));
}

TEST_F(StageTest, ResumesAnInterruptedStageButNotAStaleOne) {
    fail_second = true;
    EXPECT_THROW(run(), Interrupted);
    EXPECT_FALSE(fs::exists(root_ / "stages/second/stage.json"));
    fail_second = false;
    EXPECT_THAT(run(), ElementsAre("second resumed"));
    fail_second = true;
    config_.report.title = "x";
    EXPECT_THROW(run(), Interrupted);
    fail_second = false;
    config_.report.title = "y";
    EXPECT_THAT(run(), ElementsAre("second"));
}

TEST_F(StageTest, FromOnlyAndDryRun) {
    run();
    EXPECT_THAT(run({.from = "second"}), ElementsAre("second"));
    EXPECT_THAT(run({.only = "first"}), ElementsAre("first"));
    EXPECT_THAT(run({.from = "first", .dry_run = true}), IsEmpty());
    EXPECT_THROW(run({.from = "secnd"}), UserError);
}

TEST_F(StageTest, OnlyNeedsTheInputs) { EXPECT_THROW(run({.only = "second"}), UserError); }

TEST_F(StageTest, OneProcessPerRunDirectory) {
    const RunDirectory held(root_);
    EXPECT_THROW(RunDirectory{root_}, UserError);
}

}  // namespace
}  // namespace linvox
