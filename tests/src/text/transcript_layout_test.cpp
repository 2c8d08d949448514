#include "src/text/transcript_layout.h"

#include <gtest/gtest.h>

#include "src/base/error.h"

namespace linvox {
namespace {

// PAD 0, BOS 1, END 2, a 3, b 4, c 5, NEXT 6, EOS 7, codes 8 to 15.
Vocabulary abc() { return {{"a", "b", "c"}, 8, "letters", ""}; }
using TokenIds = std::vector<std::int32_t>;
const std::vector<AlignedUnit> kSaid = {{"a", 0, 1}, {"b", 1, 2}, {"c", 2, 5}};
const TokenIds kHeard = {0, 1, 2, 3, 4};

TEST(TranscriptLayout, PlainIsCodesThenUnits) {
    const LaidOut out = lay_out_transcript(abc(), {.aligned = false}, kSaid, kHeard);
    EXPECT_EQ(out.prompt_ids, (TokenIds{1, 8, 9, 10, 11, 12, 2}));
    EXPECT_EQ(out.answer.ids, (TokenIds{3, 4, 5, 7}));
    EXPECT_TRUE(out.answer.given.empty());
}

TEST(TranscriptLayout, AlignedWritesAUnitBehindTheChunkInWhichItEnds) {
    const LaidOut out = lay_out_transcript(abc(), {.chunk = 2, .delay = 0}, kSaid, kHeard);
    EXPECT_EQ(out.prompt_ids, (TokenIds{1}));
    EXPECT_EQ(out.answer.ids, (TokenIds{8, 9, 3, 4, 6, 10, 11, 6, 12, 5, 6}));
    EXPECT_EQ(out.answer.given, (std::vector<Span>{{0, 2}, {5, 7}, {8, 9}}));
    EXPECT_EQ(out.answer.scored_count(), 6);
}

TEST(TranscriptLayout, ADelayHearsOnAndTheEndWritesTheRest) {
    const auto ids = lay_out_transcript(abc(), {.chunk = 2, .delay = 1}, kSaid, kHeard).answer.ids;
    EXPECT_EQ(ids, (TokenIds{8, 9, 3, 6, 10, 11, 4, 6, 12, 5, 6}));
    const auto late = lay_out_transcript(abc(), {.chunk = 2, .delay = 9}, kSaid, kHeard).answer.ids;
    EXPECT_EQ(late, (TokenIds{8, 9, 6, 10, 11, 6, 12, 3, 4, 5, 6}));
}

TEST(TranscriptLayout, PlansFeedWhatTheLayoutGives) {
    const GenerationPlan aligned = plan_transcript(abc(), {.chunk = 2}, kHeard);
    EXPECT_EQ(aligned.forced, (std::vector<TokenIds>{{8, 9}, {10, 11}, {12}}));
    EXPECT_EQ(aligned.boundary_id, 6);
    EXPECT_EQ(aligned.stop_id, -1);
    const GenerationPlan plain = plan_transcript(abc(), {.aligned = false}, kHeard);
    EXPECT_EQ(plain.prompt_ids, (TokenIds{1, 8, 9, 10, 11, 12, 2}));
    EXPECT_TRUE(plain.forced.empty());
    EXPECT_EQ(plain.stop_id, 7);
}

TEST(TranscriptLayout, PredictsUnitsAndWhatEndsThem) {
    EXPECT_EQ(transcript_range(abc(), {}), (Span{3, 7}));
    EXPECT_EQ(transcript_range(abc(), {.aligned = false}), (Span{3, 8}));
}

TEST(TranscriptLayout, UnitsComeBackFromBothLayouts) {
    for (const bool aligned : {false, true})
        EXPECT_EQ(
            extract_units(abc(),
                          lay_out_transcript(abc(), {.aligned = aligned, .chunk = 2}, kSaid, kHeard).answer),
            (std::vector<std::string>{"a", "b", "c"}));
}

TEST(TranscriptLayout, RefusesWhatTheVocabularyLacks) {
    EXPECT_THROW(plan_transcript(abc(), {}, TokenIds{8}), DataError);
    EXPECT_THROW(lay_out_transcript(abc(), {}, std::vector<AlignedUnit>{{"d", 0, 5}}, kHeard), DataError);
}

}  // namespace
}  // namespace linvox
