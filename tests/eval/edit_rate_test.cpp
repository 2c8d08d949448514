#include "eval/edit_rate.h"

#include <gtest/gtest.h>

#include "src/base/rng.h"

namespace linvox {
namespace {

EditCounts counts(std::int64_t matches, std::int64_t substitutions, std::int64_t deletions,
                  std::int64_t insertions) {
    return {matches, substitutions, deletions, insertions};
}

// jiwer 4.0.0: process_words(r, h), and process_characters() of the texts without spaces; errors and
// reference length.
TEST(EditRate, AgreesWithJiwer) {
    struct Row {
        const char *reference, *hypothesis;
        std::int64_t word_errors, words, character_errors, characters;
    };
    const Row rows[] = {{"please enter your password followed by the pound key",
                         "please enter the password followed pound pound key now", 4, 9, 12, 44},
                        {"to decrease the audio volume from other participants",
                         "decrease audio the volume for other other participants", 5, 8, 13, 45},
                        {"you are now muted", "you are not being muted now", 3, 4, 9, 14}};
    for (const Row& row : rows) {
        const EditCounts words = word_edits(row.reference, row.hypothesis);
        EXPECT_EQ(words.errors(), row.word_errors);
        EXPECT_EQ(words.reference_length(), row.words);
        const EditCounts characters = character_edits(row.reference, row.hypothesis);
        EXPECT_EQ(characters.errors(), row.character_errors);
        EXPECT_EQ(characters.reference_length(), row.characters);
    }
}

TEST(EditRate, WordCounts) {
    EXPECT_EQ(word_edits("a b c", "a b c"), counts(3, 0, 0, 0));
    EXPECT_EQ(word_edits("a b c", "a x c"), counts(2, 1, 0, 0));
    EXPECT_EQ(word_edits("a b c", "a c"), counts(2, 0, 1, 0));
    EXPECT_EQ(word_edits("a b c", "a b b c"), counts(3, 0, 0, 1));
    EXPECT_EQ(word_edits("a b", "  a   b "), counts(2, 0, 0, 0));
}

TEST(EditRate, BacktracePrefersSubstitutionThenDeletion) {
    // "a b" -> "b c": two substitutions, not a deletion and an insertion of equal cost.
    EXPECT_EQ(word_edits("a b", "b c"), counts(0, 2, 0, 0));
    EXPECT_EQ(word_edits("a b c d", "b d"), counts(2, 0, 2, 0));
}

TEST(EditRate, EmptySides) {
    EXPECT_EQ(word_edits("a b", ""), counts(0, 0, 2, 0));
    EXPECT_DOUBLE_EQ(*word_edits("a b", "").rate(), 1.0);
    EXPECT_EQ(word_edits("", "a b"), counts(0, 0, 0, 2));
    EXPECT_FALSE(word_edits("", "a b").rate().has_value());
    EXPECT_GT(*word_edits("a", "b c d").rate(), 1.0);
}

TEST(EditRate, CharactersWithoutSpaces) {
    EXPECT_EQ(character_edits("a b", "ab"), counts(2, 0, 0, 0));
    EXPECT_EQ(character_edits("\xC3\xA9t\xC3\xA9", "ete"), counts(1, 2, 0, 0));  // code points, not bytes
}

/// Distance by the textbook recursion, for short sequences.
std::int64_t slow_distance(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
    if (a.empty()) return static_cast<std::int64_t>(b.size());
    if (b.empty()) return static_cast<std::int64_t>(a.size());
    const std::int64_t replaced = slow_distance(a.subspan(1), b.subspan(1)) + (a[0] == b[0] ? 0 : 1);
    return std::min({replaced, slow_distance(a.subspan(1), b) + 1, slow_distance(a, b.subspan(1)) + 1});
}

TEST(EditRate, LeastCostOnRandomSequences) {
    Rng rng(1);
    for (int round = 0; round < 200; ++round) {
        std::vector<std::int32_t> a(rng.below(7)), b(rng.below(7));
        for (auto& value : a) value = static_cast<std::int32_t>(rng.below(3));
        for (auto& value : b) value = static_cast<std::int32_t>(rng.below(3));
        const EditCounts found =
            edit_counts(std::span<const std::int32_t>(a), std::span<const std::int32_t>(b));
        EXPECT_EQ(found.errors(), slow_distance(a, b));
        EXPECT_EQ(found.reference_length(), static_cast<std::int64_t>(a.size()));
        EXPECT_EQ(found.matches + found.substitutions + found.insertions,
                  static_cast<std::int64_t>(b.size()));
    }
}

TEST(CorpusErrorRate, SumsBeforeDividing) {
    CorpusErrorRate corpus;
    corpus.add(word_edits("a b c d e f g h i j", "a b c d e f g h i j"));
    corpus.add(word_edits("a", "b c"));  // 2 errors
    corpus.add(word_edits("", "x"));     // 1 more, without length
    EXPECT_DOUBLE_EQ(*corpus.corpus(), 3.0 / 11);
    EXPECT_DOUBLE_EQ(*corpus.macro_mean(), 1.0);
    EXPECT_DOUBLE_EQ(*corpus.above_half_share(), 0.5);
    EXPECT_EQ(corpus.empty_references, 1);
    EXPECT_FALSE(CorpusErrorRate().corpus().has_value());
    EXPECT_FALSE(CorpusErrorRate().macro_mean().has_value());
    EXPECT_FALSE(CorpusErrorRate().above_half_share().has_value());
}

}  // namespace
}  // namespace linvox
