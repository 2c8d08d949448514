#include "src/text/codec_range.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linvox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Appends `count` tokens named by a format with one number.
void append_numbered(std::vector<std::string>& tokens, const std::string& before, const std::string& after,
                     int first, int count) {
    for (int i = 0; i < count; ++i) tokens.push_back(fmt::format("{}{}{}", before, first + i, after));
}

std::vector<std::string> text_tokens() {
    return {"a", "b", "ab", "<|im_end|>", "<|endoftext|>", "12", "<3>"};
}

TEST(CodecRange, Llasa) {
    std::vector<std::string> tokens = text_tokens();
    tokens.push_back("<|SPEECH_GENERATION_END|>");
    append_numbered(tokens, "<|s_", "|>", 0, 65536);
    const CodecRangeReport report = find_codec_ranges(tokens);
    ASSERT_EQ(report.ranges.size(), 1u);
    EXPECT_TRUE(report.problems.empty());
    const CodecRange& range = report.ranges[0];
    EXPECT_EQ(range, (CodecRange{"<|s_N|>", 8, 0, 65536, 1, 1, {7}}));
    EXPECT_TRUE(range.contains(8) && range.contains(65543));
    EXPECT_FALSE(range.contains(7) || range.contains(65544));
    EXPECT_EQ(range.code(65543), 65535);
    EXPECT_EQ(describe(range),
              "<|s_N|>: ids 8 to 65543 (1 stream x 65536 codes), 1 token a frame, stop ids 7");
}

TEST(CodecRange, OrpheusHasSevenStreamsBehindTenControls) {
    std::vector<std::string> tokens = text_tokens();
    append_numbered(tokens, "<custom_token_", ">", 0, 10 + 7 * 4096 + 1);
    const CodecRangeReport report = find_codec_ranges(tokens);
    ASSERT_EQ(report.ranges.size(), 1u);
    EXPECT_EQ(report.ranges[0], (CodecRange{"<custom_token_N>", 17, 10, 7 * 4096, 7, 7, {9}}));
    EXPECT_EQ(tokens[static_cast<std::size_t>(report.ranges[0].first_id)], "<custom_token_10>");
    EXPECT_EQ(report.ranges[0].stream(17 + 4096 * 3 + 5), 3);
    EXPECT_EQ(report.ranges[0].code(17 + 4096 * 3 + 5), 5);
    tokens.resize(tokens.size() - 3);
    EXPECT_THAT(describe(find_codec_ranges(tokens)), HasSubstr("not usable: <custom_token_N>: 28670 codes"));
}

TEST(CodecRange, SparkHasSpeechFirstThenSpeaker) {
    std::vector<std::string> tokens = text_tokens();
    append_numbered(tokens, "<|bicodec_global_", "|>", 0, 4096);
    append_numbered(tokens, "<|bicodec_semantic_", "|>", 0, 8192);
    tokens.push_back("<|end_semantic_token|>");
    const CodecRangeReport report = find_codec_ranges(tokens);
    ASSERT_EQ(report.ranges.size(), 2u);
    EXPECT_EQ(report.ranges[0],
              (CodecRange{"<|bicodec_semantic_N|>", 7 + 4096, 0, 8192, 1, 1, {3, 7 + 4096 + 8192}}));
    EXPECT_EQ(report.ranges[1].pattern, "<|bicodec_global_N|>");
}

// UniTTS numbers its codes from the id of the first one.
TEST(CodecRange, NumbersMayStartAnywhere) {
    std::vector<std::string> tokens = text_tokens();
    append_numbered(tokens, "<|g0r0_", "|>", 151672, 32768);
    const CodecRangeReport report = find_codec_ranges(tokens);
    ASSERT_EQ(report.ranges.size(), 1u);
    EXPECT_EQ(report.ranges[0], (CodecRange{"<|g#r#_N|>", 7, 151672, 32768, 1, 1, {3, 4}}));
}

TEST(CodecRange, SeveralStreams) {
    std::vector<std::string> tokens = text_tokens();
    for (const char* stream : {"<|g0r0_", "<|g0r1_", "<|g1r0_", "<|g1r1_"})
        append_numbered(tokens, stream, "|>", 0, 256);
    const CodecRangeReport report = find_codec_ranges(tokens);
    ASSERT_EQ(report.ranges.size(), 1u);
    EXPECT_EQ(report.ranges[0].streams, 4);
    EXPECT_EQ(report.ranges[0].frame_size, 4);
    EXPECT_EQ(report.ranges[0].codebook_size(), 256);
    tokens.pop_back();
    EXPECT_THAT(find_codec_ranges(tokens).problems,
                ElementsAre(HasSubstr("stream 1.1: 255 codes, the first stream has 256")));
    tokens.insert(tokens.begin() + 7 + 512, "between");
    EXPECT_THAT(find_codec_ranges(tokens).problems,
                ElementsAre(HasSubstr("stream 1.0: starts at the id 520 where 519")));
}

TEST(CodecRange, NamesWhatIsWrong) {
    std::vector<std::string> tokens = text_tokens();
    append_numbered(tokens, "<|speech_", "|>", 0, 100);
    auto gap = tokens;
    gap[7 + 17] = "";
    EXPECT_TRUE(find_codec_ranges(gap).ranges.empty());
    EXPECT_EQ(describe(find_codec_ranges(gap)),
              "not usable: <|speech_N|>: number 17 is missing (18 is the next)");
    auto swapped = tokens;
    std::swap(swapped[7 + 40], swapped[7 + 41]);
    EXPECT_EQ(describe(find_codec_ranges(swapped)),
              "not usable: <|speech_N|>: number 40 has the id 48 where 47 was expected");
    EXPECT_EQ(describe(find_codec_ranges(text_tokens())), "no codec tokens");
}

TEST(CodecRange, UnknownNamesAreMentionedReservedOnesAreNot) {
    std::vector<std::string> tokens = text_tokens();
    append_numbered(tokens, "<|reserved_special_token_", "|>", 0, 2000);
    append_numbered(tokens, "<|mystery_", "|>", 0, 1024);
    append_numbered(tokens, "<|few_", "|>", 0, 12);
    append_numbered(tokens, "<|x_99999999999999999999", "|>", 0, 3);
    EXPECT_THAT(find_codec_ranges(tokens).problems,
                ElementsAre(HasSubstr("<|mystery_N|>: 1024 numbered tokens")));
}

}  // namespace
}  // namespace linvox
