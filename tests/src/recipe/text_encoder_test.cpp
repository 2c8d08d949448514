#include "src/recipe/text_encoder.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"
#include "src/recipe/text_answers.h"
#include "src/text/sentencepiece_tokenizer.h"

namespace linvox {
namespace {

using testing::HasSubstr;

const std::vector<std::string> kTexts = {"Mia has 37 shells.", "37 + 8 = 45\n#### 45"};

TEST(TextEncoder, PromptIsAPrefixThatEndsInTheAssistantsRole) {
    const TextEncoder encoder = TextEncoder::from_words(kTexts);
    const std::vector<ChatMessage> prompt = {{"user", kTexts[0]}};
    const SequenceGroup group = encoder.group("a", prompt, kTexts[1]);
    EXPECT_EQ(group.prompt_ids.front(), TextEncoder::bos);
    EXPECT_EQ(group.prompt_ids[1], 4);
    EXPECT_EQ(group.prompt_ids.back(), 5);
    EXPECT_EQ(group.answers[0].ids.back(), TextEncoder::eos);
    EXPECT_EQ(group.prompt_ids.size(), 1U + 1 + 6 + 1);  // BOS USER, Mia has 7 3 shells ., ASSISTANT
    EXPECT_EQ(encoder.text(group.answers[0].ids), kTexts[1]);
    EXPECT_EQ(encoder.plan(prompt).stop_id, TextEncoder::eos);
    EXPECT_EQ(encoder.plan(prompt).prompt_ids, group.prompt_ids);
}

TEST(TextEncoder, SavedAndLoadedAlike) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "encoder";
    ensure_directory(folder);
    for (const bool words : {true, false}) {
        const TextEncoder encoder = words ? TextEncoder::from_words(kTexts)
                                          : TextEncoder::from_pieces(train_sentencepiece(
                                                kTexts, {.vocabulary_size = 30, .kind = "char"}));
        encoder.save(folder);
        const TextEncoder again = TextEncoder::load(folder);
        EXPECT_EQ(again.size(), encoder.size());
        EXPECT_EQ(again.kind(), encoder.kind());
        EXPECT_EQ(again.answer_ids(kTexts[0]), encoder.answer_ids(kTexts[0]));
        EXPECT_EQ(again.text(again.answer_ids(kTexts[0])), kTexts[0]);
    }
}

TEST(TextEncoder, SpeaksAsACheckpointDoes) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "checkpoint_encoder";
    std::filesystem::remove_all(folder);
    ensure_directory(folder / "model");
    const std::filesystem::path golden = LINVOX_SOURCE_DIR "/tests/golden/tokenizers/qwen2/tokenizer.json";
    write_file_atomic(folder / "model/tokenizer.json", read_file(golden));
    write_file_atomic(folder / "model/config.json",
                      R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 980,
                          "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                          "intermediate_size": 12, "rms_norm_eps": 1e-6, "max_position_embeddings": 64, "eos_token_id": 900})");
    StartConfig start;
    start.directory = folder / "model";
    start.chat_template = "chatml";
    TextEncoder::from_checkpoint(start).save(folder);
    std::filesystem::remove_all(folder / "model");  // the run's copy is enough
    const TextEncoder encoder = TextEncoder::load(folder);
    EXPECT_EQ(encoder.size(), 980);
    EXPECT_EQ(encoder.stop_ids(), (std::vector<std::int32_t>{902, 900}));
    EXPECT_EQ(encoder.softmax(), (SoftmaxRange{0, 980, {}}));
    const std::vector<std::int32_t> answer = encoder.answer_ids("Hello.");
    EXPECT_EQ(answer.back(), 902);
    std::vector<std::int32_t> sampled = answer;
    sampled.insert(sampled.begin(), 975);  // a row without a token
    EXPECT_EQ(encoder.text(sampled), "Hello.");
    EXPECT_EQ(encoder.plan({{"user", "Hi"}}).prompt_ids, encoder.prompt_ids({{"user", "Hi"}}));
    EXPECT_EQ(encoder.restrict({}).control_ids, 0);
}

TEST(TextEncoder, AnEarlierTurnOfTheAssistantsEndsAsAnAnswerDoes) {
    const TextEncoder encoder = TextEncoder::from_words(kTexts);
    const std::vector<ChatMessage> talk = {{"user", "Mia"}, {"assistant", "has"}, {"user", "shells"}};
    std::vector<std::int32_t> expected = encoder.prompt_ids({talk[0]});
    for (const std::int32_t id : encoder.answer_ids("has")) expected.push_back(id);
    for (const std::int32_t id : encoder.prompt_ids({talk[2]})) expected.push_back(id);
    expected.erase(std::find(expected.begin() + 1, expected.end(), TextEncoder::bos));
    EXPECT_EQ(encoder.prompt_ids(talk), expected);
    const AnswerDetails turns{{talk[1], talk[2], {"assistant", "37"}}, {}};
    const TokenSequence answer = marked_answer(encoder, {talk[0]}, "has", turns).tokens;
    EXPECT_EQ(encoder.text(answer.ids), "has shells 37");
    EXPECT_EQ(answer.given, (std::vector<Span>{{2, 5}}));  // USER shells ASSISTANT
    EXPECT_EQ(answer.ids.back(), TextEncoder::eos);
}

TEST(TextEncoder, SpansOfPiecesAreThoseOfTheirLetters) {
    const TextEncoder encoder =
        TextEncoder::from_pieces(train_sentencepiece(kTexts, {.vocabulary_size = 30, .kind = "char"}));
    const std::string answer = "Mia has 37 shells.";
    const auto ids = encoder.answer_ids(answer);
    const auto spans = encoder.token_spans(answer, {{4, 10, "what"}, {11, 18, "whom"}});
    const auto text_of = [&](const LabelledSpan& span) {
        return trim(encoder.text(std::span(ids).subspan(static_cast<std::size_t>(span.begin),
                                                        static_cast<std::size_t>(span.end - span.begin))));
    };
    EXPECT_EQ(text_of(spans.at(0)), "has 37");
    EXPECT_EQ(text_of(spans.at(1)), "shells.");
    EXPECT_EQ(spans[1].end, static_cast<std::int64_t>(ids.size()));  // the end token too
}

TEST(TextEncoder, NamesWhatItDoesNotKnow) {
    const TextEncoder encoder = TextEncoder::from_words(kTexts);
    try {
        encoder.answer_ids("Mia has shoes");
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr("'shoes'"));
    }
    EXPECT_THROW(encoder.prompt_ids({{"robot", "Mia"}}), DataError);
}

}  // namespace
}  // namespace linvox
