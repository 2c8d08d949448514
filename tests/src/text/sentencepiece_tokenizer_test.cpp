#include "src/text/sentencepiece_tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

const std::vector<std::string> kLines = {"please enter your password", "please try again",
                                         "the conference is locked", "press one to enter the conference",
                                         "the password is not valid"};

TEST(Sentencepiece, RoundTrip) {
    for (const std::string kind : {"unigram", "bpe", "char"}) {
        const auto tokenizer = SentencepieceTokenizer::from_bytes(
            train_sentencepiece(kLines, {.vocabulary_size = 60, .kind = kind}));
        const std::string text = "please enter the conference";
        const auto pieces = tokenizer.pieces(text);
        const auto ids = tokenizer.ids(text);
        ASSERT_EQ(pieces.size(), ids.size());
        EXPECT_EQ(tokenizer.decode(pieces), text) << kind;
        EXPECT_EQ(tokenizer.decode(ids), text) << kind;
        const auto vocabulary = tokenizer.vocabulary();
        EXPECT_LE(vocabulary.size(), 60u);
        for (std::size_t i = 0; i < ids.size(); ++i)
            EXPECT_EQ(vocabulary[static_cast<std::size_t>(ids[i])], pieces[i]);
        if (kind == "char")
            EXPECT_GT(pieces.size(), 20u);
        else
            EXPECT_LT(pieces.size(), 20u);
    }
}

TEST(Sentencepiece, TrainingRepeats) {
    const SentencepieceConfig config{.vocabulary_size = 50};
    EXPECT_EQ(train_sentencepiece(kLines, config), train_sentencepiece(kLines, config));
}

TEST(Sentencepiece, LargeSizeIsALimitOnly) {
    const auto tokenizer =
        SentencepieceTokenizer::from_bytes(train_sentencepiece(kLines, {.vocabulary_size = 5000}));
    EXPECT_LT(tokenizer.vocabulary().size(), 500u);
}

TEST(Sentencepiece, FilesAndErrors) {
    const auto path = std::filesystem::path(testing::TempDir()) / "pieces.model";
    write_file_atomic(path, train_sentencepiece(kLines, {.vocabulary_size = 50}));
    EXPECT_EQ(
        SentencepieceTokenizer::load(path).decode(SentencepieceTokenizer::load(path).ids("the password")),
        "the password");
    write_file_atomic(path, "not a model");
    EXPECT_THROW(SentencepieceTokenizer::load(path), DataError);
    EXPECT_THROW(SentencepieceTokenizer::load("/nowhere/x.model"), DataError);
    EXPECT_THROW(train_sentencepiece(std::vector<std::string>{"", " "}, {}), DataError);
    EXPECT_THROW(train_sentencepiece(kLines, {.kind = "words"}), UserError);
    const auto tokenizer =
        SentencepieceTokenizer::from_bytes(train_sentencepiece(kLines, {.vocabulary_size = 50}));
    EXPECT_THROW(tokenizer.decode(std::vector<std::int32_t>{100000}), DataError);
}

}  // namespace
}  // namespace linvox
