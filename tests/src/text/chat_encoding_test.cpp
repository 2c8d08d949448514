#include "src/text/chat_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"

namespace linvox {
namespace {

using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

const Tokenizer& tokenizer(const std::string& family) {
    static const Tokenizer llama = load_tokenizer(LINVOX_SOURCE_DIR "/tests/golden/tokenizers/llama3");
    static const Tokenizer qwen = load_tokenizer(LINVOX_SOURCE_DIR "/tests/golden/tokenizers/qwen2");
    return family == "llama3" ? llama : qwen;
}

Ids joined(std::initializer_list<Ids> parts) {
    Ids all;
    for (const Ids& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

TEST(ChatEncoding, PlainTextStandsBehindTheTokenizersOwnBos) {
    const ChatEncoding plain{tokenizer("llama3"), {}};
    const std::vector<ChatMessage> one = {{"user", "hello"}};
    EXPECT_EQ(prompt_ids(plain, one), joined({{900}, tokenizer("llama3").encode("hello")}));
    EXPECT_EQ(answer_ids(plain, "there"), tokenizer("llama3").encode("there"));
    EXPECT_TRUE(closing_ids(plain).empty());
    const std::vector<ChatMessage> two = {{"system", "be brief"}, {"user", "hello"}};
    EXPECT_THAT([&] { prompt_ids(plain, two); },
                testing::ThrowsMessage<DataError>(HasSubstr("the prompt has 2 messages")));
}

TEST(ChatEncoding, ATemplatesAnswerHasItsStopOnce) {
    const ChatEncoding chat{tokenizer("qwen2"), find_chat_template("chatml")};
    const std::vector<ChatMessage> one = {{"user", "hello"}};
    const Ids ids = prompt_ids(chat, one);
    EXPECT_EQ(ids.front(), 901);
    EXPECT_EQ(tokenizer("qwen2").decode(ids), "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
    EXPECT_EQ(closing_ids(chat), (Ids{902}));
    EXPECT_EQ(answer_ids(chat, "there"), joined({tokenizer("qwen2").encode("there"), {902}}));
    EXPECT_EQ(answer_ids(chat, "there<|im_end|>"), answer_ids(chat, "there"));
}

TEST(ChatEncoding, TheLeadIsAnsweredOrFed) {
    ChatTemplate form{
        .name = "own",
        .roles = {{.role = "user"}, {.role = "assistant", .lead = "<|s_0|>", .stop = "<|s_1|>"}}};
    const std::vector<ChatMessage> one = {{"user", "hello"}};
    ChatEncoding chat{tokenizer("qwen2"), form};
    const Ids hello = tokenizer("qwen2").encode("hello");
    EXPECT_EQ(prompt_ids(chat, one), hello);
    EXPECT_EQ(answer_ids(chat, "<|s_5|>"), (Ids{903, 908, 904}));
    chat.lead_in_prompt = true;
    EXPECT_EQ(prompt_ids(chat, one), joined({hello, {903}}));
    EXPECT_EQ(answer_ids(chat, "<|s_0|><|s_5|>"), (Ids{908, 904}));
}

TEST(ChatEncoding, RefusesATemplateWhoseMarksAreNoTokens) {
    EXPECT_NO_THROW(check({tokenizer("qwen2"), find_chat_template("chatml")}));
    EXPECT_NO_THROW(check({tokenizer("qwen2"), {}}));
    EXPECT_THAT(
        [] {
            check({tokenizer("llama3"), find_chat_template("chatml")});
        },
        testing::ThrowsMessage<UserError>(HasSubstr("'<|im_start|>', which is no token of")));
    EXPECT_THAT(
        [] {
            check({tokenizer("llama3"), ChatTemplate{.name = "own"}});
        },
        testing::ThrowsMessage<UserError>(HasSubstr("no form for its answering role")));
}

}  // namespace
}  // namespace linvox
