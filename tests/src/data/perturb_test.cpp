#include <gtest/gtest.h>

#include <algorithm>

#include "src/data/pairs.h"

namespace linvox {
namespace {

constexpr std::int32_t kEnd = 99;

Candidate plain() {
    Candidate candidate;
    candidate.answer.ids = {10, 11, 12, 13, 14, 15, 16, 17, kEnd};
    candidate.source = "reference";
    return candidate;
}

/// Three units: two given ids, then codes and the boundary 99.
Candidate aligned() {
    Candidate candidate;
    candidate.answer.ids = {1, 2, 10, 11, 12, kEnd, 2, 3, 13, 14, kEnd, 3, 4, 15, 16, 17, 18, kEnd};
    candidate.answer.given = {{0, 2}, {6, 8}, {11, 13}};
    return candidate;
}

std::vector<std::int32_t> given_ids(const TokenSequence& answer) {
    std::vector<std::int32_t> ids;
    for (const Span& span : answer.given)
        ids.insert(ids.end(), answer.ids.begin() + span.begin, answer.ids.begin() + span.end);
    return ids;
}

PerturbConfig config_of(double span_share) { return {.span_share = span_share, .silence_id = 50}; }

TEST(Perturb, EachKindDoesWhatItsNameSays) {
    const std::size_t length = plain().answer.ids.size();
    const auto size_of = [&](const char* kind) {
        return perturb(plain(), kind, config_of(0.25), 1)->answer.ids.size();
    };
    EXPECT_EQ(size_of("repeat"), length + 2);
    EXPECT_EQ(size_of("drop"), length - 2);
    EXPECT_EQ(size_of("cut_tail"), length - 2);
    EXPECT_EQ(size_of("insert_silence"), length + 2);
    const auto substituted = perturb(plain(), "substitute", config_of(0.5), 1)->answer.ids;
    EXPECT_EQ(substituted.size(), length);
    EXPECT_NE(substituted, plain().answer.ids);
    EXPECT_EQ(substituted.back(), kEnd);
    for (std::size_t i = 0; i + 1 < substituted.size(); ++i)  // by codes of the answer, never by its end
        EXPECT_TRUE(substituted[i] >= 10 && substituted[i] <= 17) << substituted[i];
    auto shuffled = perturb(plain(), "shuffle", config_of(0.5), 1)->answer.ids;
    EXPECT_NE(shuffled, plain().answer.ids);
    std::sort(shuffled.begin(), shuffled.end());
    EXPECT_EQ(shuffled, plain().answer.ids);  // sorted by construction
    const auto cut = perturb(plain(), "cut_tail", config_of(0.25), 1)->answer.ids;
    EXPECT_EQ(cut, (std::vector<std::int32_t>{10, 11, 12, 13, 14, 15, kEnd}));  // the end token stays
    const auto silent = perturb(plain(), "insert_silence", config_of(0.25), 1)->answer.ids;
    EXPECT_EQ(std::count(silent.begin(), silent.end(), 50), 2);
}

TEST(Perturb, FramesStayWhole) {
    PerturbConfig config = config_of(0.25);
    config.frame_size = 2;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto dropped = perturb(plain(), "drop", config, seed)->answer.ids;
        ASSERT_EQ(dropped.size(), 7U);
        for (std::size_t i = 0; i + 1 < dropped.size(); i += 2)
            EXPECT_EQ(dropped[i] % 2, 0) << "seed " << seed;
    }
}

TEST(Perturb, GivenTokensAndBoundariesStay) {
    for (const char* kind : {"repeat", "drop", "shuffle", "cut_tail", "insert_silence"}) {
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
            const auto damaged = perturb(aligned(), kind, config_of(0.7), seed);
            ASSERT_TRUE(damaged) << kind;
            EXPECT_NE(damaged->answer.ids, aligned().answer.ids);
            EXPECT_EQ(given_ids(damaged->answer), given_ids(aligned().answer)) << kind;
            EXPECT_EQ(std::count(damaged->answer.ids.begin(), damaged->answer.ids.end(), kEnd), 3);
            for (const Span& span : damaged->answer.given)
                EXPECT_NE(damaged->answer.ids[static_cast<std::size_t>(span.end)], kEnd)
                    << "a unit without codes";
        }
    }
}

TEST(Perturb, RecordsItsOriginAndRepeats) {
    const auto damaged = perturb(plain(), "drop", config_of(0.25), 7);
    EXPECT_EQ(damaged->source, "perturbed");
    EXPECT_EQ(damaged->perturb.at("kind"), "drop");
    EXPECT_EQ(damaged->perturb.at("seed"), "7");
    EXPECT_TRUE(damaged->scores.empty());
    EXPECT_EQ(*damaged, *perturb(plain(), "drop", config_of(0.25), 7));
}

TEST(Perturb, TooShortOrUniformAnswersGiveNothing) {
    Candidate one = plain();
    one.answer.ids = {10, kEnd};
    EXPECT_FALSE(perturb(one, "drop", config_of(0.5), 1));
    Candidate uniform = plain();
    uniform.answer.ids = {10, 10, 10, kEnd};
    EXPECT_FALSE(perturb(uniform, "shuffle", config_of(1.0), 1));
    EXPECT_TRUE(perturb(one, "repeat", config_of(0.5), 1));
}

}  // namespace
}  // namespace linvox
