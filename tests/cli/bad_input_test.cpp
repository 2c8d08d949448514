// Every kind of bad input through the program itself: one clear error, exit code 2, no stage that
// looks finished.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "tests/cli/program.h"

namespace linvox::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

struct BadInput {
    std::string name;
    std::function<void(const fs::path& folder)> spoil;  // the folder of a good micro recipe
    std::string arguments;                              // %R: the recipe, %D: the folder
    std::vector<std::string> says;
};

void PrintTo(const BadInput& bad, std::ostream* out) { *out << bad.name; }

void append_line(const fs::path& folder, const std::string& line) {
    std::ofstream(folder / "manifest.jsonl", std::ios::app) << line << "\n";
}

void replace_in_recipe(const fs::path& folder, const std::string& old_text, const std::string& new_text) {
    std::string text = read_text(folder / "recipe.toml");
    text.replace(text.find(old_text), old_text.size(), new_text);
    write_text(folder / "recipe.toml", text);
}

const fs::path kClip = "audio/conf-full.opus";
const std::string kRun = "run %R --run %D/run";

std::vector<BadInput> bad_inputs() {
    const auto nothing = [](const fs::path&) {};
    return {
        {"NoCommand", nothing, "", {"subcommand"}},
        {"UnknownCommand", nothing, "aling %R", {"aling", "did you mean 'align'"}},
        {"NoRecipe", nothing, "run %D/none.toml", {"none.toml"}},
        {"RecipeIsNotToml",
         [](const fs::path& d) { write_text(d / "recipe.toml", "task = \n"); },
         kRun,
         {"recipe.toml", "1"}},
        {"EveryWrongKeyAtOnce",
         [](const fs::path& d) {
             replace_in_recipe(d, "steps = 120", "stepps = 120");
             replace_in_recipe(d, "hidden_size = 32", "hidden_size = \"wide\"");
             replace_in_recipe(d, "epochs = 3", "epochs = -3");
         },
         kRun,
         {"3 problem(s)", "sft.stepps", "did you mean 'sft.steps'", "recipe.toml:23", "hidden_size",
          "integer", "epochs", "-3"}},
        {"UnknownProfile", nothing, "run %R --profile tinny", {"tinny"}},
        {"UnknownKeyInSet", nothing, "run %R --set sft.step=5", {"sft.step", "did you mean 'sft.steps'"}},
        {"UnknownStage", nothing, "run %R --from sfd", {"--from", "did you mean 'sft'"}},
        {"StageWithoutItsInputs", nothing, "sft %R --run %D/run", {"before it"}},
        {"NoManifest", [](const fs::path& d) { fs::remove(d / "manifest.jsonl"); }, kRun, {"manifest.jsonl"}},
        {"ManifestLineIsNotJson",
         [](const fs::path& d) { append_line(d, "{\"id\": "); },
         kRun,
         {"manifest.jsonl:25"}},
        {"ManifestLineLacksAField",
         [](const fs::path& d) { append_line(d, R"({"id": "x", "audio": "audio/conf-full.opus"})"); },
         kRun,
         {"manifest.jsonl:25", "text"}},
        {"ManifestLeavesTheFolder",
         [](const fs::path& d) {
             append_line(d, R"({"id": "x", "text": "x", "audio": "../x.wav", "split": "train"})");
         },
         kRun,
         {"manifest.jsonl:25", "../x.wav"}},
        {"SameIdTwice",
         [](const fs::path& d) {
             append_line(
                 d, R"({"id": "conf-full", "text": "x", "audio": "audio/conf-full.opus", "split": "train"})");
         },
         kRun,
         {"manifest.jsonl:25", "conf-full"}},
        {"AudioIsMissing", [](const fs::path& d) { fs::remove(d / kClip); }, kRun, {"conf-full"}},
        {"AudioIsEmpty", [](const fs::path& d) { write_text(d / kClip, ""); }, kRun, {"conf-full"}},
        {"AudioIsText",
         [](const fs::path& d) { write_text(d / kClip, std::string(5000, 'x')); },
         kRun,
         {"conf-full"}},
        {"AudioIsCut", [](const fs::path& d) { fs::resize_file(d / kClip, 60); }, kRun, {"conf-full"}},
        {"ClipLongerThanTheContext",
         [](const fs::path& d) {
             replace_in_recipe(d, "hidden_size = 32", "hidden_size = 32\nmax_position_embeddings = 64");
         },
         kRun,
         {"64", "max_position_embeddings"}},
        {"RunDirectoryCannotBeMade", nothing, "run %R --run /proc/linvox", {"/proc/linvox"}},
        {"RunDirectoryIsAFile", nothing, "run %R --run %R", {"recipe.toml"}},
    };
}

std::string filled_in(std::string text, const fs::path& folder) {
    for (const auto& [mark, value] :
         {std::pair<std::string, std::string>{"%R", folder / "recipe.toml"}, {"%D", folder}})
        for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark))
            text.replace(at, 2, value);
    return text;
}

class BadInputTest : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, EndsWithOneErrorAndCode2) {
    const fs::path folder = test_folder();
    write_micro_recipe(folder);
    GetParam().spoil(folder);
    const Outcome outcome = linvox(filled_in(GetParam().arguments, folder));
    EXPECT_EQ(outcome.code, 2) << outcome.output;
    for (const std::string& text : GetParam().says) EXPECT_THAT(outcome.output, HasSubstr(text));
    EXPECT_THAT(outcome.output, Not(HasSubstr("please report")));
    EXPECT_FALSE(fs::exists(folder / "run" / "stages" / "sft" / "stage.json"));
}

INSTANTIATE_TEST_SUITE_P(Cli, BadInputTest, testing::ValuesIn(bad_inputs()),
                         [](const auto& given) { return given.param.name; });

TEST(FullDisk, LeavesNoStageThatLooksFinished) {
    const fs::path folder = test_folder();
    const fs::path recipe = write_micro_recipe(folder);
    const std::string run = "run " + recipe.string() + " --run " + (folder / "run").string();
    // No file may grow over 4 blocks of 512 bytes: what a write to a full disk looks like.
    const Outcome outcome = linvox(run, "trap '' XFSZ; ulimit -f 4;");
    EXPECT_EQ(outcome.code, 2) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr((folder / "run").string()));
    EXPECT_FALSE(fs::exists(folder / "run" / "stages" / "codec" / "stage.json"));
}

}  // namespace
}  // namespace linvox::test
