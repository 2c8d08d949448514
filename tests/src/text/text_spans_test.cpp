#include "src/text/text_spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "src/text/chat_encoding.h"

namespace linvox {
namespace {

using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

const Tokenizer& qwen() {
    static const Tokenizer tokenizer = load_tokenizer(LINVOX_SOURCE_DIR "/tests/golden/tokenizers/qwen2");
    return tokenizer;
}

/// Tokens "ab" (1) and single letters (their code); blanks are tokens too.
TextCoder pairs_of_letters() {
    return {[](std::string_view text) {
                Ids ids;
                for (std::size_t i = 0; i < text.size(); ++i) {
                    const bool joined = text.substr(i, 2) == "ab";
                    ids.push_back(joined ? 1 : text[i]);
                    i += joined;
                }
                return ids;
            },
            [](std::span<const std::int32_t> ids) {
                std::string text;
                for (const std::int32_t id : ids)
                    text += id == 1 ? "ab" : std::string(1, static_cast<char>(id));
                return text;
            }};
}

TEST(TextSpans, CharactersAreCodePoints) {
    const std::string text = "n\xC3\xA9 \xE2\x82\xAC!";  // "né €!"
    EXPECT_EQ(character_count(text), 5);
    EXPECT_EQ(byte_of_character(text, 0), 0U);
    EXPECT_EQ(byte_of_character(text, 2), 3U);
    EXPECT_EQ(byte_of_character(text, 4), 7U);
    EXPECT_EQ(byte_of_character(text, 5), text.size());
}

TEST(TextSpans, ATokenThatABorderCutsCountsToThePartItBeganIn) {
    const TextCoder coder = pairs_of_letters();
    const std::string text = "xab y";
    const Ids ids = coder.encode(text);  // x, ab, blank, y
    ASSERT_EQ(ids.size(), 4U);
    const auto border = [&](std::size_t byte) { return token_border(coder, text, ids, byte); };
    EXPECT_EQ(border(0).at, 0);
    EXPECT_EQ(border(1).at, 1);
    EXPECT_FALSE(border(1).cuts);
    EXPECT_EQ(border(2).at, 2);
    EXPECT_TRUE(border(2).cuts);
    EXPECT_EQ(border(3).at, 2);
    EXPECT_EQ(border(4).at, 2);  // the blank goes with what follows
    EXPECT_EQ(border(5).at, 4);
}

TEST(TextSpans, TheOtherCutOfAFrontIsCountedInLetters) {
    // The front alone is cut after three letters, the whole after two: "ab|cd" against "abc|d".
    const TextCoder coder{[](std::string_view text) {
                              return text == "abcd" ? Ids{1, 2} : text == "abc" ? Ids{3} : Ids{4, 5};
                          },
                          [](std::span<const std::int32_t> ids) {
                              std::string text;
                              for (const std::int32_t id : ids) text += id == 3 ? "abc" : "ab";
                              return text;
                          }};
    const TokenBorder border = token_border(coder, "abcd", Ids{1, 2}, 3);
    EXPECT_EQ(border.at, 2);
    EXPECT_TRUE(border.cuts);
}

TEST(TextSpans, SpansOfAChatAnswerLeaveTheTemplatesLeadAndTakeItsEnd) {
    const ChatTemplate form{
        .name = "own",
        .roles = {{.role = "user"}, {.role = "assistant", .lead = "<|s_0|>", .stop = "<|s_1|>"}},
        .trim = true};
    const ChatEncoding chat{qwen(), form};
    const std::string answer = "  Why? Because.";
    const Ids ids = answer_ids(chat, answer);
    const auto spans = token_spans(text_coder(chat), framed_answer(chat, answer), answer, ids,
                                   {{0, 6, "first"}, {6, 15, "second"}});
    ASSERT_EQ(spans.size(), 2U);
    EXPECT_EQ(spans[0].begin, 1);  // behind <|s_0|>
    EXPECT_EQ(spans[0].end, spans[1].begin);
    EXPECT_EQ(spans[1].end, static_cast<std::int64_t>(ids.size()));
    const auto text_of = [&](const LabelledSpan& span) {
        return qwen().decode(std::span(ids).subspan(static_cast<std::size_t>(span.begin),
                                                    static_cast<std::size_t>(span.end - span.begin)));
    };
    EXPECT_EQ(text_of(spans[0]), "Why?");
    EXPECT_EQ(text_of(spans[1]), " Because.<|s_1|>");
}

TEST(TextSpans, ASpanWithoutATokenOfItsOwnIsRefused) {
    const TextCoder coder = pairs_of_letters();
    const std::string text = "xab y";
    EXPECT_THAT(
        [&] {
            token_spans(coder, {text, 0, 5, 0}, text, coder.encode(text), {{2, 3, "half"}});
        },
        testing::ThrowsMessage<DataError>(
            HasSubstr("\"half\" of the characters 2 to 3 has no token of its own")));
}

}  // namespace
}  // namespace linvox
