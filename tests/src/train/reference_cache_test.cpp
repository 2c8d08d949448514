#include "src/train/reference_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "tests/src/train/toy_model.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

struct Cache : testing::Test {
    fs::path path = fs::path(testing::TempDir()) / "reference.jsonl";
    Decoder decoder = toy::decoder();
    std::vector<SequenceGroup> groups = toy::groups(toy::pairs(12, 2));
    ScoreConfig score{.softmax = {toy::kCodes, toy::kVocabulary, {}}};
    std::map<std::string, std::string> identity = reference_identity(decoder, score, {{"vocabulary", "v1"}});
    ReferenceCounts counts;

    void SetUp() override { fs::remove(path); }
    ReferenceScores compute(const std::vector<SequenceGroup>& of,
                            ReferenceDetail detail = ReferenceDetail::sums) {
        return precompute_reference(path, decoder, of, score, identity, 100, &counts, detail);
    }
    void expect_equal(const ReferenceScores& a, const ReferenceScores& b) {
        ASSERT_EQ(a.size(), b.size());
        for (const auto& [key, value] : a) {
            EXPECT_EQ(value.token_count, b.at(key).token_count);
            EXPECT_NEAR(value.logprob_sum, b.at(key).logprob_sum, 1e-4);
        }
    }
};

TEST_F(Cache, HoldsTheScoresOfEveryAnswerAndIsNotComputedTwice) {
    const ReferenceScores scores = compute(groups);
    EXPECT_EQ(counts.computed, 36);
    const SequenceGroup& group = groups[3];
    const PackedBatch batch = pack(std::vector<SequenceGroup>{group});
    const SequenceScore direct = score_answers(decoder, batch, score);
    for (std::size_t a = 0; a < group.answers.size(); ++a) {
        const ReferenceScore& entry = scores.at(answer_digest(group.prompt_ids, group.answers[a]));
        EXPECT_NEAR(entry.logprob_sum, direct.logprob_sum_A[static_cast<std::int64_t>(a)].item<double>(),
                    1e-4);
        EXPECT_EQ(entry.token_count, group.answers[a].scored_count());
    }
    const std::string bytes = read_file(path);
    expect_equal(compute(groups), scores);
    EXPECT_EQ(counts.computed, 0);
    EXPECT_EQ(counts.found, 36);
    EXPECT_EQ(read_file(path), bytes);
    expect_equal(read_reference(path, identity), scores);
}

TEST_F(Cache, AddedPairsComputeOnlyTheNewOnes) {
    compute({groups.begin(), groups.begin() + 5});
    EXPECT_EQ(counts.computed, 15);
    groups[4].answers.push_back(toy::codes(1, 1, 14, true));  // one more answer of a known prompt
    const ReferenceScores scores = compute(groups);
    EXPECT_EQ(counts.found, 15);
    EXPECT_EQ(counts.computed, 22);
    fs::remove(path);
    expect_equal(compute(groups), scores);
}

TEST_F(Cache, ATornTailIsCutAndADamagedLineComputedAgain) {
    const ReferenceScores scores = compute(groups);
    const std::string bytes = read_file(path);
    std::ofstream(path) << bytes.substr(0, bytes.size() - 20);
    expect_equal(compute(groups), scores);
    EXPECT_EQ(counts.computed, 1);

    std::string damaged = read_file(path);
    const std::size_t digit = damaged.find("\"sum\":-", damaged.size() / 2) + 7;
    damaged[digit] = damaged[digit] == '9' ? '8' : '9';  // still valid JSON: the check must find it
    std::ofstream(path) << damaged;
    EXPECT_THROW(read_reference(path, identity), DataError);
    expect_equal(compute(groups), scores);
    EXPECT_EQ(counts.damaged, 1);
    EXPECT_EQ(counts.computed, 1);
    expect_equal(read_reference(path, identity), scores);
}

TEST_F(Cache, TokenValuesAreKeptToTheLastBitWhenAskedFor) {
    for (const auto& [key, entry] : compute(groups)) EXPECT_TRUE(entry.token_logprobs.empty());
    const ReferenceScores scores = compute(groups, ReferenceDetail::tokens);
    EXPECT_EQ(counts.computed, 36);  // answers that have their sum only are scored again
    const ReferenceScores direct = score_reference(decoder, groups, score, 100, ReferenceDetail::tokens);
    const ReferenceScores read = read_reference(path, identity);
    ASSERT_EQ(read.size(), direct.size());
    std::int64_t tokens = 0;
    for (const auto& [key, entry] : direct) {
        EXPECT_EQ(read.at(key).token_logprobs, entry.token_logprobs);
        ASSERT_EQ(static_cast<std::int64_t>(entry.token_logprobs.size()), entry.token_count);
        double sum = 0.0;
        for (const float value : entry.token_logprobs) sum += value;
        EXPECT_NEAR(sum, entry.logprob_sum, 1e-4);
        tokens += entry.token_count;
    }
    compute(groups, ReferenceDetail::tokens);
    EXPECT_EQ(counts.found, 36);
    compute(groups);
    EXPECT_EQ(counts.found, 36);  // sums are there as well

    fs::remove(path);
    compute(groups);
    const auto plain = fs::file_size(path);
    fs::remove(path);
    compute(groups, ReferenceDetail::tokens);
    EXPECT_EQ(fs::file_size(path), plain + 8 * static_cast<std::uintmax_t>(tokens) +
                                       36 * std::string_view(",\"tokens\":\"\"").size());
}

TEST_F(Cache, ADamagedTokenValueIsFound) {
    const ReferenceScores scores = compute(groups, ReferenceDetail::tokens);
    std::string damaged = read_file(path);
    const std::size_t digit = damaged.find("\"tokens\":\"", damaged.size() / 2) + 13;
    damaged[digit] = damaged[digit] == '9' ? '8' : '9';
    std::ofstream(path) << damaged;
    EXPECT_THROW(read_reference(path, identity), DataError);
    compute(groups, ReferenceDetail::tokens);
    EXPECT_EQ(counts.damaged, 1);
    EXPECT_EQ(counts.computed, 1);
}

TEST_F(Cache, AnotherIdentityIsRefusedWithFieldAndValues) {
    compute(groups);
    const Decoder other = toy::decoder(4);
    EXPECT_NE(reference_identity(other, score, {})["model"], identity["model"]);
    ScoreConfig wider = score;
    wider.softmax.begin = 0;
    const auto changed = reference_identity(decoder, wider, {{"vocabulary", "v2"}});
    try {
        read_reference(path, changed);
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(),
                    testing::HasSubstr("softmax_range differs: '8:24' in the file, '0:24' in this run"));
        EXPECT_THAT(error.what(),
                    testing::HasSubstr("vocabulary differs: 'v1' in the file, 'v2' in this run"));
    }
    EXPECT_THROW(precompute_reference(path, decoder, groups, wider, changed, 100), DataError);
}

TEST_F(Cache, SomethingElseIsNotOverwritten) {
    std::ofstream(path) << "{\"format\":\"other\"}\n";
    EXPECT_THROW(compute(groups), DataError);
    EXPECT_EQ(read_file(path), "{\"format\":\"other\"}\n");
}

TEST_F(Cache, AStopRequestLosesNothing) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // a fork cannot go on with its parent's GPU
    EXPECT_EXIT(
        {
            request_stop();
            try {
                compute(groups);
            } catch (const Interrupted&) {
                std::exit(fs::exists(path) ? 0 : 1);
            }
            std::exit(2);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace linvox
