#include "src/text/token_layout.h"

#include <gtest/gtest.h>

#include "src/base/error.h"

namespace linvox {
namespace {

// PAD 0, BOS 1, END 2, a 3, b 4, NEXT 5, EOS 6, codes 7 to 14.
Vocabulary small() { return {{"a", "b"}, 8, "letters", ""}; }
using Ids = std::vector<std::int32_t>;
const std::vector<std::string> kUnits = {"a", "b"};
const std::vector<AlignedUnit> kAligned = {{"a", 0, 2}, {"b", 2, 3}};
const Ids kCodes = {0, 7, 3};

TEST(TokenLayout, PlainIsPromptThenCodesThenEos) {
    const LaidOut out = lay_out_plain(small(), kUnits, kCodes);
    EXPECT_EQ(out.prompt_ids, (Ids{1, 3, 4, 2}));
    EXPECT_EQ(out.answer.ids, (Ids{7, 14, 10, 6}));
    EXPECT_TRUE(out.answer.given.empty());
    EXPECT_EQ(out.answer.scored_count(), 4);
}

TEST(TokenLayout, AlignedGivesEachUnitAndItsSuccessor) {
    const LaidOut out = lay_out_aligned(small(), kAligned, kCodes);
    EXPECT_EQ(out.prompt_ids, (Ids{1}));
    EXPECT_EQ(out.answer.ids, (Ids{3, 4, 7, 14, 5, 4, 2, 10, 5}));
    EXPECT_EQ(out.answer.given, (std::vector<Span>{{0, 2}, {5, 7}}));
    EXPECT_EQ(out.answer.scored_count(), 5);
}

TEST(TokenLayout, PlansForceWhatTheLayoutGives) {
    const GenerationPlan aligned = plan_aligned(small(), kUnits);
    EXPECT_EQ(aligned.prompt_ids, (Ids{1}));
    EXPECT_EQ(aligned.forced, (std::vector<Ids>{{3, 4}, {4, 2}}));
    EXPECT_EQ(aligned.boundary_id, 5);
    EXPECT_EQ(aligned.stop_id, -1);
    const GenerationPlan plain = plan_plain(small(), kUnits);
    EXPECT_EQ(plain.prompt_ids, (Ids{1, 3, 4, 2}));
    EXPECT_TRUE(plain.forced.empty());
    EXPECT_EQ(plain.boundary_id, -1);
    EXPECT_EQ(plain.stop_id, 6);
}

TEST(TokenLayout, CodesComeBackFromBothLayouts) {
    const Vocabulary v = small();
    EXPECT_EQ(extract_codes(v, lay_out_plain(v, kUnits, kCodes).answer.ids), kCodes);
    EXPECT_EQ(extract_codes(v, lay_out_aligned(v, kAligned, kCodes).answer.ids), kCodes);
}

TEST(TokenLayout, UnitLengthsCountCodesBetweenBoundaries) {
    const Vocabulary v = small();
    TokenSequence answer = lay_out_aligned(v, kAligned, kCodes).answer;
    EXPECT_EQ(unit_lengths(v, answer), (Ids{2, 1}));
    answer.ids.pop_back();  // cut before the last NEXT
    EXPECT_EQ(unit_lengths(v, answer), (Ids{2, 1}));
}

TEST(TokenLayout, RefusesUnitsThatDoNotTileTheCodes) {
    const Vocabulary v = small();
    const std::vector<std::vector<AlignedUnit>> bad = {{{"a", 0, 1}, {"b", 2, 3}},  // gap
                                                       {{"a", 0, 2}, {"b", 1, 3}},  // overlap
                                                       {{"a", 0, 2}, {"b", 2, 2}},  // empty
                                                       {{"a", 0, 2}},               // ends early
                                                       {{"a", 0, 2}, {"b", 2, 4}},  // ends late
                                                       {{"a", 1, 2}, {"b", 2, 3}},  // starts late
                                                       {}};
    for (const auto& units : bad) EXPECT_THROW(lay_out_aligned(v, units, kCodes), DataError);
    EXPECT_THROW(lay_out_plain(v, kUnits, Ids{8}), DataError);
    EXPECT_THROW(lay_out_plain(v, kUnits, Ids{-1}), DataError);
    EXPECT_THROW(lay_out_plain(v, kUnits, Ids{}), DataError);
    EXPECT_THROW(plan_plain(v, {}), DataError);
    EXPECT_THROW(plan_aligned(v, {}), DataError);
}

TEST(TokenLayout, StructureOfWholeAnswersIsRight) {
    const Vocabulary v = small();
    EXPECT_TRUE(
        check_structure(v, plan_plain(v, kUnits), lay_out_plain(v, kUnits, kCodes).answer, true).empty());
    const TokenSequence aligned = lay_out_aligned(v, kAligned, kCodes).answer;
    EXPECT_TRUE(check_structure(v, plan_aligned(v, kUnits), aligned, true).empty());
    TokenSequence cut = aligned;  // stopped by length inside the last unit: right as far as it goes
    cut.ids.pop_back();
    EXPECT_TRUE(check_structure(v, plan_aligned(v, kUnits), cut, false).empty());
}

std::vector<StructureProblem> aligned_problems(Ids ids, std::vector<Span> given, bool finished = true) {
    return check_structure(small(), plan_aligned(small(), kUnits), {std::move(ids), std::move(given)},
                           finished);
}

TEST(TokenLayout, StructureFindsAlignedFaults) {
    const std::vector<Span> given = {{0, 2}, {5, 7}};
    auto found = aligned_problems({3, 4, 7, 6, 5, 4, 2, 10, 5}, given);  // EOS among the codes
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].position, 3);
    found = aligned_problems({3, 4, 7, 14, 5, 3, 2, 10, 5}, given);  // another unit than planned
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].position, 5);
    found = aligned_problems({3, 4, 5, 4, 2, 10, 5}, {{0, 2}, {3, 5}});  // a unit without codes
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].position, 2);
    EXPECT_EQ(aligned_problems({3, 4, 7, 14, 5}, {{0, 2}}).size(), 1u);               // ended after one unit
    EXPECT_TRUE(aligned_problems({3, 4, 7, 14, 5}, {{0, 2}}, false).empty());         // cut there
    EXPECT_EQ(aligned_problems({3, 4, 7, 14, 5, 4, 2, 10, 5, 7}, given).size(), 1u);  // codes after the end
    EXPECT_EQ(aligned_problems({3, 4, 7, 14, 5, 4, 2, 10, 5}, {{0, 2}}).size(), 2u);  // forced but scored
    EXPECT_EQ(aligned_problems({3, 4, 7, 14, 5, 4, 2, 10, 5}, {{0, 3}, {5, 7}}).size(),
              1u);  // code not scored
    EXPECT_FALSE(aligned_problems({}, {}, false).empty());
}

TEST(TokenLayout, StructureFindsPlainFaults) {
    const Vocabulary v = small();
    const GenerationPlan plan = plan_plain(v, kUnits);
    EXPECT_EQ(check_structure(v, plan, {{7, 3, 6}, {}}, true).size(), 1u);   // a text unit in the audio
    EXPECT_EQ(check_structure(v, plan, {{7, 8}, {}}, true).size(), 1u);      // EOS missing
    EXPECT_TRUE(check_structure(v, plan, {{7, 8}, {}}, false).empty());      // cut by length
    EXPECT_EQ(check_structure(v, plan, {{6}, {}}, true).size(), 1u);         // no code
    EXPECT_EQ(check_structure(v, plan, {{7, 99, 6}, {}}, true).size(), 1u);  // outside the vocabulary
    EXPECT_EQ(check_structure(v, plan, {{7, 8, 6}, {{0, 1}}}, true).size(), 1u);
}

}  // namespace
}  // namespace linvox
