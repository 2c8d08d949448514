#include "src/recipe/prose_pairs.h"

#include <gmock/gmock.h>

#include <set>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {
namespace {

const std::string kAnswer = "one two three four five six seven eight nine ten eleven twelve";
const std::vector<std::string> kWords = {"red", "green", "blue"};

std::string damaged(const std::string& kind, std::uint64_t seed, double share = 0.5) {
    Rng rng(seed);
    return damaged_answer(kAnswer, kind, share, "alpha beta gamma", kWords, rng);
}

TEST(ProsePairs, PassagesEndWithSentencesAndDoNotOverlap) {
    const ProseConfig config{.prompt_words = 3, .answer_words = 3};
    const std::string text =
        "TITLE\n\nOne two three. Four five\nsix seven. Eight nine ten. Eleven \"twelve and more.\" Left "
        "over\n\nToo short.\n";
    const auto passages = cut_passages(text, "a.txt", config);
    ASSERT_EQ(passages.size(), 2U);
    EXPECT_EQ(passages[0].prompt, "One two three.");
    EXPECT_EQ(passages[0].answer, "Four five six seven.");
    EXPECT_EQ(passages[1].prompt, "Eight nine ten.");
    EXPECT_EQ(passages[1].answer, "Eleven \"twelve and more.\"");
    EXPECT_EQ(passages[0].source, "a.txt, paragraph 2");
}

TEST(ProsePairs, EveryDamageKeepsTheNumberOfWords) {
    for (const char* kind : {"shuffle", "repeat", "swap", "replace"})
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
            EXPECT_EQ(split_words(damaged(kind, seed)).size(), 12U) << kind;
            EXPECT_EQ(damaged(kind, seed), damaged(kind, seed)) << kind;
        }
}

TEST(ProsePairs, EachKindDoesWhatItSays) {
    const auto words = [](const std::string& text) {
        const auto list = split_words(text);
        return std::multiset<std::string>(list.begin(), list.end());
    };
    EXPECT_EQ(words(damaged("shuffle", 1)), words(kAnswer));
    EXPECT_NE(damaged("shuffle", 1), kAnswer);
    const auto repeated = words(damaged("repeat", 2));
    EXPECT_LT((std::set<std::string>(repeated.begin(), repeated.end()).size()), 12U);
    EXPECT_EQ(damaged("swap", 1), "alpha beta gamma alpha beta gamma alpha beta gamma alpha beta gamma");
    const auto replaced = words(damaged("replace", 3));
    EXPECT_GT(replaced.count("red") + replaced.count("green") + replaced.count("blue"), 0U);
}

TEST(ProsePairs, ItemsHaveSplitsAndRejectedAnswersThatDiffer) {
    std::vector<Passage> passages;
    for (int i = 0; i < 400; ++i)
        passages.push_back(
            {"prompt " + std::to_string(i), kAnswer + " " + std::to_string(i), "a.txt, paragraph 1"});
    TextDataConfig config;
    config.prose.rejected = 3;
    const auto items = prose_items(passages, config, 5);
    ASSERT_EQ(items.size(), 400U);
    std::set<std::string> splits;
    for (const TextItem& item : items) {
        splits.insert(item.split);
        EXPECT_EQ(item.rejected.size(), 3U);
        const std::set<std::string> different(item.rejected.begin(), item.rejected.end());
        EXPECT_EQ(different.size(), 3U);
        EXPECT_FALSE(different.contains(item.chosen));
    }
    EXPECT_EQ(splits, (std::set<std::string>{"train", "valid", "test"}));
    EXPECT_EQ(items, prose_items(passages, config, 5));
    EXPECT_THROW(prose_items({passages[0]}, config, 5), DataError);
}

}  // namespace
}  // namespace linvox
