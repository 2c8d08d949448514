#include "src/text/grow_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/text/codec_range.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

/// The golden tokenizer of Qwen's kind with a tokenizer_config.json of this text.
fs::path make_model(const std::string& config) {
    const fs::path folder = fs::path(testing::TempDir()) / "grow-tokenizer";
    fs::remove_all(folder);
    fs::create_directories(folder);
    fs::copy_file(LINVOX_SOURCE_DIR "/tests/golden/tokenizers/qwen2/tokenizer.json",
                  folder / "tokenizer.json");
    if (!config.empty()) write_file_atomic(folder / "tokenizer_config.json", config);
    return folder;
}

void write_growth(const fs::path& folder, const TokenizerGrowth& growth) {
    for (const auto& file : growth.files) write_file_atomic(folder / file.name, file.bytes);
}

/// `after` is `before` with one piece put in.
void expect_one_insertion(const std::string& before, const std::string& after) {
    ASSERT_GT(after.size(), before.size());
    const auto split = std::mismatch(before.begin(), before.end(), after.begin()).first - before.begin();
    const std::string tail = before.substr(static_cast<std::size_t>(split));
    EXPECT_TRUE(after.ends_with(tail));
}

TEST(GrowTokenizer, AddsSixtyFiveThousandCodecTokens) {
    const fs::path folder = make_model("");
    const std::string before = read_file(folder / "tokenizer.json");
    const Tokenizer old = load_tokenizer(folder);
    const TokenizerGrowth growth = grow_tokenizer(folder, numbered_tokens("<|speech_N|>", 65536));
    ASSERT_EQ(growth.files.size(), 1u);
    EXPECT_EQ(read_file(folder / "tokenizer.json"), before) << "nothing is written";
    expect_one_insertion(before, growth.files[0].bytes);
    write_growth(folder, growth);
    const Tokenizer grown = load_tokenizer(folder);
    EXPECT_EQ(growth.first_id, old.size());
    EXPECT_EQ(growth.size, old.size() + 65536);
    EXPECT_EQ(grown.size(), growth.size);
    const std::int32_t first = growth.first_id;
    EXPECT_THAT(grown.encode("<|speech_0|><|speech_65535|><|speech_655|>35|>"),
                testing::AllOf(testing::Contains(first), testing::Contains(first + 65535),
                               testing::Contains(first + 655)));
    for (const std::string text : {"Hello, world! <|s_5|> caf\u00e9", "<|speech_65536|>", "<|speech_|>"})
        EXPECT_EQ(grown.encode(text), old.encode(text)) << text;
    EXPECT_EQ(grown.decode(std::vector<std::int32_t>{first + 7}, true), "<|speech_7|>");
    EXPECT_EQ(find_codec_ranges(grown).ranges.back(),
              (CodecRange{"<|speech_N|>", first, 0, 65536, 1, 1, {}}));
}

TEST(GrowTokenizer, KeepsTheStyleOfTheFiles) {
    const std::string config =
        "{\n  \"add_bos_token\": false,\n  \"note\": \"added_tokens_decoder { ]\",\n  "
        "\"added_tokens_decoder\": {\n"
        "    \"5\": {\n      \"content\": \"&\",\n      \"special\": false\n    }\n  },\n  \"eos_token\": "
        "\"&\"\n}\n";
    const fs::path folder = make_model(config);
    const TokenizerGrowth growth = grow_tokenizer(folder, numbered_tokens("<|a_N|>", 2, 3), 1);
    ASSERT_EQ(growth.files.size(), 2u);
    EXPECT_EQ(growth.files[1].name, "tokenizer_config.json");
    expect_one_insertion(config, growth.files[1].bytes);
    EXPECT_THAT(growth.files[1].bytes,
                testing::HasSubstr("\n    },\n    \"" + std::to_string(growth.first_id) +
                                   "\": {\n      \"content\": \"<|a_3|>\",\n      \"lstrip\": false,\n"
                                   "      \"normalized\": false,\n      \"rstrip\": false,\n"
                                   "      \"single_word\": false,\n      \"special\": true\n    },\n    \""));
    EXPECT_THAT(growth.files[0].bytes, testing::HasSubstr("},{\"id\":" + std::to_string(growth.first_id + 1) +
                                                          ",\"content\":\"<|a_4|>\",\"single_word\":false,"));
    write_growth(folder, growth);
    EXPECT_TRUE(load_tokenizer(folder).is_special(growth.first_id));
    EXPECT_FALSE(load_tokenizer(folder).is_special(growth.first_id + 1));
}

TEST(GrowTokenizer, EmptyLists) {
    const fs::path folder = make_model("{\n  \"added_tokens_decoder\": {},\n  \"x\": 1\n}\n");
    const TokenizerGrowth growth = grow_tokenizer(folder, numbered_tokens("<|a_N|>", 1));
    EXPECT_THAT(growth.files.at(1).bytes,
                testing::HasSubstr("\"special\": false\n    }\n  },\n  \"x\": 1\n}\n"));
    write_growth(folder, growth);
    EXPECT_EQ(load_tokenizer(folder).size(), growth.size);
}

TEST(GrowTokenizer, Refuses) {
    const fs::path folder = make_model("");
    EXPECT_THROW(numbered_tokens("<|s_|>", 3), UserError);
    EXPECT_THROW(numbered_tokens("<|N_N|>", 3), UserError);
    EXPECT_THROW(grow_tokenizer(folder, numbered_tokens("<|s_N|>", 3)), UserError);  // there already
    EXPECT_THROW(grow_tokenizer(folder, std::vector<std::string>{"x", "x"}), UserError);
    EXPECT_THROW(grow_tokenizer(folder, std::vector<std::string>{""}), UserError);
    EXPECT_THROW(grow_tokenizer(folder, std::vector<std::string>{}), UserError);
    EXPECT_THROW(grow_tokenizer(folder / "absent", numbered_tokens("<|a_N|>", 3)), DataError);
}

}  // namespace
}  // namespace linvox
