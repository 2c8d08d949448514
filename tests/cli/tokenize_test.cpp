// `linvox tokenize` and `linvox templates`, as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/program.h"

namespace linvox::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kModel = "tokenize --model " LINVOX_SOURCE_DIR "/tests/golden/tokenizers/qwen2 ";

TEST(Tokenize, ThereAndBackAgain) {
    const fs::path folder = test_folder();
    const std::string lines = "Hello, world!\n\n  caf\u00e9 <|s_12|> \u4eca\u5929\nlast\n";
    write_text(folder / "lines.txt", lines);
    const Outcome ids = linvox(kModel + (folder / "lines.txt").string());
    EXPECT_EQ(ids.code, 0) << ids.output;
    EXPECT_TRUE(ids.output.starts_with("{\"ids\":[")) << ids.output;
    EXPECT_THAT(ids.output, HasSubstr("\n{\"ids\":[]}\n"));
    write_text(folder / "ids.jsonl", ids.output);
    const Outcome text = linvox(kModel + "--decode " + (folder / "ids.jsonl").string());
    EXPECT_EQ(text.code, 0);
    EXPECT_EQ(text.output, lines);
    const Outcome piped = linvox(kModel + "--decode", "cat " + (folder / "ids.jsonl").string() + " | ");
    EXPECT_EQ(piped.output, lines);
}

TEST(Tokenize, JsonLinesAndTokens) {
    const fs::path folder = test_folder();
    write_text(folder / "in.jsonl", "{\"text\": \"a\\nb<|im_end|>\"}\n");
    const std::string file = (folder / "in.jsonl").string();
    const Outcome ids = linvox(kModel + "--jsonl --tokens " + file);
    EXPECT_THAT(ids.output, HasSubstr("\"tokens\":[\"a\",\"\u010a\",\"b\",\"<|im_end|>\"]"));
    write_text(folder / "ids.jsonl", ids.output);
    const std::string back = kModel + "--decode --jsonl " + (folder / "ids.jsonl").string();
    EXPECT_EQ(linvox(back).output, "{\"text\":\"a\\nb<|im_end|>\"}\n");
    EXPECT_EQ(linvox(back + " --skip-special").output, "{\"text\":\"a\\nb\"}\n");
}

TEST(Tokenize, SaysWhereAndWhat) {
    const fs::path folder = test_folder();
    write_text(folder / "ids.jsonl", "{\"ids\": [1]}\n{\"ids\": [1, 99999]}\n");
    const Outcome range = linvox(kModel + "--decode " + (folder / "ids.jsonl").string());
    EXPECT_EQ(range.code, 2);
    EXPECT_THAT(range.output, HasSubstr("ids.jsonl:2: id 2 of the 2 to decode is 99999"));
    write_text(folder / "bad.jsonl", "{\"ids\": \"x\"}\n");
    EXPECT_EQ(linvox(kModel + "--decode " + (folder / "bad.jsonl").string()).code, 2);
    const Outcome absent = linvox("tokenize --model /nowhere -");
    EXPECT_EQ(absent.code, 2);
    EXPECT_THAT(absent.output, HasSubstr("/nowhere: no such file or directory"));
    EXPECT_EQ(linvox(kModel + "/nowhere").code, 2);
}

TEST(Templates, AreListed) {
    const Outcome listing = linvox("templates");
    EXPECT_EQ(listing.code, 0);
    EXPECT_THAT(listing.output, HasSubstr("<|im_start|>user\\n{content}<|im_end|>\\n"));
    EXPECT_THAT(listing.output, HasSubstr("orpheus"));
}

// libsentencepiece and LibTorch each have a FLAGS_minloglevel; sentencepiece's is larger and would be
// constructed over LibTorch's flags, one of which makes failed allocations abort.
TEST(Tokenize, SentencepiecesFlagsAreItsOwnInTheProgram) {
    const Outcome outcome = linvox("losses", "LD_DEBUG=bindings LD_BIND_NOW=1");
    EXPECT_THAT(outcome.output,
                testing::ContainsRegex(
                    "file [^ ]*libsentencepiece[^ ]* [^ ]* to [^ ]*libsentencepiece[^ ]* [^ ]* normal symbol "
                    "[^ ]FLAGS_minloglevel"));
}

}  // namespace
}  // namespace linvox::test
