// Ids against Hugging Face's package: tests/golden/tokenizers/make.py names version and command.
#include "src/text/tokenizer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/parallel.h"
#include "src/text/sentencepiece_tokenizer.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;
using testing::HasSubstr;

const fs::path kGolden = LINVOX_SOURCE_DIR "/tests/golden/tokenizers";

fs::path empty_folder(const std::string& name) {
    const fs::path folder = fs::path(testing::TempDir()) / ("tokenizer-" + name);
    fs::remove_all(folder);
    fs::create_directories(folder);
    return folder;
}

/// A golden tokenizer.json with one piece of its text replaced, in a folder of its own.
fs::path edited(const std::string& golden, const std::string& from, const std::string& to) {
    std::string text = read_file(kGolden / golden / "tokenizer.json");
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const fs::path folder = empty_folder("edited");
    write_file_atomic(folder / "tokenizer.json", text);
    return folder;
}

std::string load_error(const fs::path& path) {
    try {
        load_tokenizer(path);
    } catch (const DataError& problem) {
        return problem.what();
    }
    return "no DataError";
}

class GoldenTokenizer : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTokenizer, GivesTheIdsAndTextsOfThePackage) {
    const Tokenizer tokenizer = load_tokenizer(kGolden / GetParam());
    std::size_t count = 0;
    for_each_json_line(kGolden / GetParam() / "cases.jsonl", [&](const nlohmann::json& line,
                                                                 std::size_t number) {
        const auto text = line.at("text").get<std::string>();
        const auto ids = line.at("ids").get<Ids>();
        EXPECT_EQ(tokenizer.encode(text, true), ids) << "line " << number << ": " << text;
        EXPECT_EQ(tokenizer.encode(text), line.at("plain").get<Ids>()) << "line " << number << ": " << text;
        EXPECT_EQ(tokenizer.decode(ids), line.at("decoded").get<std::string>()) << "line " << number;
        EXPECT_EQ(tokenizer.decode(ids, true), line.at("skipped").get<std::string>()) << "line " << number;
        ++count;
    });
    EXPECT_GE(count, 50u);
}

TEST_P(GoldenTokenizer, BrokenBytesCountAsReplacementCharacters) {
    const Tokenizer tokenizer = load_tokenizer(kGolden / GetParam());
    EXPECT_EQ(tokenizer.encode("a\xff"
                               "b\xe4\xbb <|s_1|>"),
              tokenizer.encode("a\uFFFDb\uFFFD <|s_1|>"));
    const Ids ids = tokenizer.encode("\U0001F600");
    EXPECT_TRUE(tokenizer.decode(ids).ends_with("\U0001F600"));
    EXPECT_TRUE(tokenizer.decode(Ids(ids.begin(), ids.end() - 1)).ends_with("\uFFFD"));
    EXPECT_EQ(tokenizer.decode(Ids{*tokenizer.id("\u00C3")}), "\uFFFD");  // byte C3 alone
}

TEST_P(GoldenTokenizer, ThreadsAgree) {
    const Tokenizer tokenizer = load_tokenizer(kGolden / GetParam());
    std::vector<Ids> parallel(200);
    const auto text = [](std::size_t i) {
        return fmt::format("line {} <|s_{}|> caf\u00e9 e\u0301 {}", i, i % 64, i * i);
    };
    parallel_for(
        parallel.size(), [&](std::size_t i) { parallel[i] = tokenizer.encode(text(i)); }, 4);
    for (std::size_t i = 0; i < parallel.size(); ++i) EXPECT_EQ(parallel[i], tokenizer.encode(text(i)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoldenTokenizer, testing::Values("gpt2", "llama3", "qwen2", "mixed"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Tokenizer, LooksTokensUp) {
    const Tokenizer tokenizer = load_tokenizer(kGolden / "qwen2");
    EXPECT_EQ(tokenizer.kind(), "byte-level BPE");
    EXPECT_EQ(tokenizer.file(), kGolden / "qwen2" / "tokenizer.json");
    for (std::int32_t id = 0; id < tokenizer.size(); ++id) EXPECT_EQ(tokenizer.id(tokenizer.token(id)), id);
    const std::int32_t end = *tokenizer.id("<|im_end|>");
    EXPECT_TRUE(tokenizer.is_special(end));
    EXPECT_FALSE(tokenizer.is_special(*tokenizer.id("<|s_1|>")));
    EXPECT_FALSE(tokenizer.id("no such token"));
    EXPECT_EQ(tokenizer.special_ids(), SpecialIds());
    EXPECT_THROW(tokenizer.token(tokenizer.size()), DataError);
    EXPECT_THROW(tokenizer.token(-1), DataError);
    EXPECT_THROW(tokenizer.decode(Ids{0, tokenizer.size()}), DataError);
}

TEST(Tokenizer, TokenizerConfigNamesSpecialTokensAndAddsTokens) {
    const fs::path folder = empty_folder("config");
    fs::copy_file(kGolden / "qwen2" / "tokenizer.json", folder / "tokenizer.json");
    const std::int32_t size = load_tokenizer(kGolden / "qwen2").size();
    write_file_atomic(folder / "tokenizer_config.json",
                      fmt::format(R"({{"eos_token": "<|im_end|>", "bos_token": null, "added_tokens_decoder":
                          {{"{}": {{"content": "<new>", "normalized": false, "special": true}}}}}})",
                                  size));
    write_file_atomic(folder / "special_tokens_map.json", R"({"pad_token": {"content": "<|endoftext|>"}})");
    const Tokenizer tokenizer = load_tokenizer(folder);
    EXPECT_EQ(tokenizer.special_ids(),
              (SpecialIds{.eos = *tokenizer.id("<|im_end|>"), .pad = *tokenizer.id("<|endoftext|>")}));
    EXPECT_EQ(tokenizer.size(), size + 1);
    EXPECT_THAT(tokenizer.encode("<new>"), testing::ElementsAre(size));
    EXPECT_EQ(tokenizer.decode(Ids{size}, true), "");
}

TEST(Tokenizer, RefusesWhatItDoesNotSupportByName) {
    const std::string nfc = R"("normalizer":{"type":"NFC"})";
    const std::vector<std::array<std::string, 3>> cases = {
        {R"("type":"BPE")", R"("type":"WordPiece")", "model.type: WordPiece is not supported"},
        {R"("dropout":null)", R"("dropout":0.1)", "model.dropout: 0.1 is not supported"},
        {R"("byte_fallback":false)", R"("byte_fallback":true)", "model.byte_fallback: true is not supported"},
        {nfc, R"("normalizer":{"type":"Lowercase"})",
         "normalizer: Lowercase is not supported; supported: NFC or none"},
        {nfc, R"("normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Strip"}]})",
         "normalizer.normalizers[1]: Strip"},
        {nfc, R"("new_part":{})", "the key \"new_part\" is not supported"},
        {R"("behavior":"Isolated")", R"("behavior":"MergedWithNext")",
         "pre_tokenizer.pretokenizers[0].behavior: MergedWithNext"},
        {R"("Regex":"(?i)", R"("Regex":"(?i[)", "PCRE2 cannot compile the pattern"},
        {R"("pretokenizers":[)", R"("pretokenizers":[{"type":"Metaspace"},)",
         "pre_tokenizer.pretokenizers[0]: Metaspace is not supported"},
        {R"("post_processor":{"type":"ByteLevel")", R"("post_processor":{"type":"BertProcessing")",
         "post_processor: BertProcessing"},
        {R"("decoder":{"type":"ByteLevel")", R"("decoder":{"type":"WordPiece")",
         "decoder: WordPiece is not supported"},
        {R"("id":901,)", R"("id":5000,)", "has the id 5000 where 901 is next"},
        {R"("content":"<|s_1|>")", R"("content":"<|s_0|>")", "'<|s_0|>' comes twice"},
        {R"("merges":[[)", R"("merges":["a  b",[)", "merges[0] must be"},
        {R"("merges":[[)", R"("merges":["a zzz",[)", "the token 'zzz' is not in the vocabulary"},
        {R"("vocab":{"!":0)", R"("vocab":{"!!!":0)", "model.vocab: the token '!' is not in the vocabulary"},
        {R"("vocab":{"!":0)", R"("vocab":{"!":1)", "the id 1 belongs to"},
        {R"("vocab":{"!":0)", R"("vocab":{"!":-1)", "the id -1 of '!' must be"},
        {R"("vocab":{"!":0)", R"("vocab":{"!":"x")", "not a tokenizer.json as Hugging Face writes it"},
        {R"({"version")", R"([{"version")", "not valid JSON"},
    };
    for (const auto& [from, to, expected] : cases) {
        const fs::path folder = edited("qwen2", from, to);
        const std::string message = load_error(folder);
        EXPECT_THAT(message, HasSubstr(expected)) << from;
        EXPECT_THAT(message, HasSubstr((folder / "tokenizer.json").string())) << from;
    }
}

TEST(Tokenizer, SaysWhatItLookedFor) {
    const fs::path folder = empty_folder("empty");
    EXPECT_THAT(load_error(folder), HasSubstr("looked for tokenizer.json, tokenizer.model and *.model"));
    EXPECT_THAT(load_error(folder / "absent"), HasSubstr("no such file or directory"));
    write_file_atomic(folder / "a.model", "x");
    write_file_atomic(folder / "b.model", "x");
    EXPECT_THAT(load_error(folder), HasSubstr("more than one *.model"));
    write_file_atomic(folder / "tokenizer.model", "x");
    EXPECT_THAT(load_error(folder), HasSubstr("tokenizer.model: not a sentencepiece model"));
}

TEST(Tokenizer, SentencepieceBehindTheSameInterface) {
    const fs::path folder = empty_folder("pieces");
    const std::vector<std::string> lines = {"please enter your password", "please try again",
                                            "press one to enter"};
    write_file_atomic(folder / "any.model", train_sentencepiece(lines, {.vocabulary_size = 60}));
    const Tokenizer plain = load_tokenizer(folder);
    EXPECT_EQ(plain.kind(), "sentencepiece");
    const SentencepieceTokenizer pieces = SentencepieceTokenizer::load(folder / "any.model");
    EXPECT_EQ(plain.encode("please enter"), pieces.ids("please enter"));
    EXPECT_EQ(plain.encode("please enter", true), plain.encode("please enter"));
    EXPECT_EQ(plain.decode(plain.encode("please enter")), "please enter");
    EXPECT_EQ(plain.special_ids(), (SpecialIds{.bos = 1, .eos = 2, .unk = 0}));
    EXPECT_TRUE(plain.is_special(1));
    EXPECT_EQ(plain.id("</s>"), 2);
    EXPECT_THROW(plain.decode(Ids{plain.size()}), DataError);

    write_file_atomic(folder / "tokenizer_config.json", R"({"add_bos_token": true, "add_eos_token": true})");
    const Ids framed = load_tokenizer(folder).encode("please", true);
    EXPECT_EQ(framed.front(), 1);
    EXPECT_EQ(framed.back(), 2);
    EXPECT_EQ(load_tokenizer(folder).decode(framed, true), "please");
    write_file_atomic(folder / "tokenizer_config.json",
                      R"({"added_tokens_decoder": {"900": {"content": "<|s_0|>"}}})");
    EXPECT_THAT(load_error(folder), HasSubstr("lacks the token '<|s_0|>' (id 900)"));
}

}  // namespace
}  // namespace linvox
