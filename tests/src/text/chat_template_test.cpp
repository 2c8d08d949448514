#include "src/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "src/base/error.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

const std::vector<ChatMessage> kTalk = {
    {"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello."}, {"user", "Bye"}, {"assistant", "Bye!"}};

std::vector<std::string> answers_of(const RenderedChat& chat) {
    std::vector<std::string> out;
    for (const TextSpan& span : chat.answers)
        out.push_back(chat.text.substr(span.begin, span.end - span.begin));
    return out;
}

TEST(ChatTemplate, ChatMl) {
    const RenderedChat chat = render_chat(find_chat_template("chatml"), kTalk, true);
    EXPECT_EQ(
        chat.text,
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        "Hello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\nBye!<|im_end|>\n"
        "<|im_start|>assistant\n");
    EXPECT_THAT(answers_of(chat), testing::ElementsAre("Hello.<|im_end|>", "Bye!<|im_end|>"));
}

TEST(ChatTemplate, Llama3TrimsContents) {
    const RenderedChat chat =
        render_chat(find_chat_template("llama3"), std::vector<ChatMessage>{{"user", " Hi\n"}}, true);
    EXPECT_EQ(chat.text,
              "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
              "<|start_header_id|>assistant<|end_header_id|>\n\n");
    EXPECT_TRUE(chat.answers.empty());
}

TEST(ChatTemplate, Speech) {
    const std::vector<ChatMessage> spoken = {{"user", "Hi."}, {"assistant", "CODES"}};
    const auto text = [&](const char* name) { return render_chat(find_chat_template(name), spoken).text; };
    EXPECT_EQ(
        text("orpheus"),
        "<custom_token_3><|begin_of_text|>Hi.<|eot_id|><custom_token_4><custom_token_5><custom_token_1>CODES"
        "<custom_token_2><custom_token_6>");
    EXPECT_EQ(text("llasa"),
              "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: "
              "December 2023\n"
              "Today Date: 26 Jul 2024\n\n<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
              "Convert the text to speech:<|TEXT_UNDERSTANDING_START|>Hi.<|TEXT_UNDERSTANDING_END|><|eot_id|>"
              "<|start_header_id|>assistant<|end_header_id|>\n\n<|SPEECH_GENERATION_START|>CODES"
              "<|SPEECH_GENERATION_END|>");
    EXPECT_EQ(
        text("unitts"),
        "<|im_start|>user\nHi.<|im_end|><|endoftext|><|im_start|>assistant\nCODES<|im_end|><|endoftext|>");
    const RenderedChat spark =
        render_chat(find_chat_template("spark"),
                    std::vector<ChatMessage>{{"user", "Hi."}, {"speaker", "G"}, {"assistant", "S"}});
    EXPECT_EQ(spark.text,
              "<|task_tts|><|start_content|>Hi.<|end_content|><|start_global_token|>G<|end_global_token|>"
              "<|start_semantic_token|>S<|end_semantic_token|><|im_end|>");
    EXPECT_THAT(answers_of(spark),
                testing::ElementsAre("<|start_semantic_token|>S<|end_semantic_token|><|im_end|>"));
}

TEST(ChatTemplate, PresetsAreWhole) {
    std::set<std::string> names;
    for (const ChatTemplate& form : chat_templates()) {
        EXPECT_TRUE(names.insert(form.name).second) << form.name;
        EXPECT_FALSE(form.doc.empty()) << form.name;
        EXPECT_TRUE(form.source.starts_with("https://")) << form.name;
        EXPECT_NO_THROW(render_chat(form, {}, true)) << form.name;
        EXPECT_THAT(describe_chat_templates(), testing::HasSubstr(form.name + " "));
    }
}

TEST(ChatTemplate, RefusesUnknownNamesAndRoles) {
    EXPECT_THROW(find_chat_template("chatlm"), UserError);
    try {
        render_chat(find_chat_template("orpheus"),
                    std::vector<ChatMessage>{{"user", "x"}, {"narrator", "y"}});
        FAIL();
    } catch (const DataError& problem) {
        EXPECT_THAT(problem.what(),
                    testing::HasSubstr("message 2: the chat template 'orpheus' has no role 'narrator'"));
    }
}

TEST(ChatTemplate, IdsMarkWhatIsGiven) {
    const Tokenizer tokenizer = load_tokenizer(LINVOX_SOURCE_DIR "/tests/golden/tokenizers/qwen2");
    const ChatTemplate& form = find_chat_template("chatml");
    const TokenSequence sequence = encode_chat(tokenizer, render_chat(form, kTalk, true));
    EXPECT_EQ(tokenizer.decode(sequence.ids), render_chat(form, kTalk, true).text);
    ASSERT_EQ(sequence.given.size(), 3u);
    const auto prompt = tokenizer.encode(render_chat(form, std::span(kTalk).first(2), true).text);
    EXPECT_EQ(sequence.given[0], (Span{0, static_cast<std::int32_t>(prompt.size())}));
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), sequence.ids.begin()));
    const auto answers =
        tokenizer.encode("Hello.<|im_end|>").size() + tokenizer.encode("Bye!<|im_end|>").size();
    EXPECT_EQ(sequence.scored_count(), static_cast<std::int64_t>(answers));
}

}  // namespace
}  // namespace linvox
