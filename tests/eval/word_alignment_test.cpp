#include "eval/word_alignment.h"

#include <gtest/gtest.h>

#include "eval/edit_rate.h"
#include "src/base/rng.h"
#include "src/base/text.h"

namespace linvox {
namespace {

TEST(WordAlignment, NamesEachEdit) {
    const auto edits = align_words(split_words("please enter your agent number now"),
                                   split_words("please your agent a number later"));
    const std::vector<WordEdit> expected{
        {'=', "please", "please"}, {'D', "enter", ""}, {'=', "your", "your"},
        {'=', "agent", "agent"},   {'I', "", "a"},     {'=', "number", "number"},
        {'S', "now", "later"}};
    EXPECT_EQ(edits, expected);
    EXPECT_EQ(align_words({}, split_words("a")), (std::vector<WordEdit>{{'I', "", "a"}}));
    EXPECT_TRUE(align_words({}, {}).empty());
}

TEST(WordAlignment, CountsAgreeWithTheErrorRate) {
    Rng rng(5);
    for (int trial = 0; trial < 200; ++trial) {
        std::vector<std::string> a(rng.below(9)), b(rng.below(9));
        for (auto* words : {&a, &b})
            for (std::string& word : *words) word = std::string(1, static_cast<char>('a' + rng.below(3)));
        EditCounts counts;
        for (const WordEdit& edit : align_words(a, b)) {
            counts.matches += edit.kind == '=';
            counts.substitutions += edit.kind == 'S';
            counts.deletions += edit.kind == 'D';
            counts.insertions += edit.kind == 'I';
        }
        ASSERT_EQ(counts, edit_counts(a, b));
    }
}

}  // namespace
}  // namespace linvox
