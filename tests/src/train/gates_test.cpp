#include "src/train/gates.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "src/base/error.h"
#include "tests/src/train/toy_model.h"

namespace linvox {
namespace {

using Members = std::vector<const SequenceGroup*>;

const GateCheck& named(const std::vector<GateCheck>& checks, const std::string& name) {
    const auto found =
        std::find_if(checks.begin(), checks.end(), [&](const GateCheck& c) { return c.name == name; });
    if (found == checks.end()) throw BugError("no check " + name);
    return *found;
}

struct Gates : testing::Test {
    Decoder decoder = toy::decoder();
    std::vector<PreferenceRecord> records = toy::pairs(6, 2);
    std::vector<SequenceGroup> groups = toy::groups(records);
    ScoreConfig score{.softmax = {toy::kCodes, toy::kVocabulary, {}}};
    Packer good = [](const Members& members) { return pack(members); };

    ReferenceScores reference_of(const Decoder& model, const Packer& packer) const {
        const at::NoGradGuard no_grad;
        ReferenceScores scores;
        for (const SequenceGroup& group : groups) {
            const SequenceScore scored = score_answers(model, packer({&group}), score);
            for (std::size_t a = 0; a < group.answers.size(); ++a)
                scores[answer_digest(group.prompt_ids, group.answers[a])] = {
                    scored.logprob_sum_A[static_cast<std::int64_t>(a)].item<double>(),
                    group.answers[a].scored_count()};
        }
        return scores;
    }
    std::vector<GateCheck> step0(const ReferenceScores& reference, const LossConfig& loss,
                                 const Packer& packer) const {
        return check_step0(decoder, nullptr, records, reference, {score, loss, ""}, packer);
    }
};

LossConfig loss_of(const std::string& kind) {
    LossConfig config;
    config.main.kind = kind;
    return config;
}

TEST_F(Gates, PassWithAStopIdOutsideTheRange) {
    score.softmax.extra_ids = {3};
    for (SequenceGroup& group : groups)
        for (TokenSequence& answer : group.answers) answer.ids.push_back(3);
    EXPECT_NO_THROW(require_gates(check_masks(decoder, groups, score, good)));
}

TEST_F(Gates, PassOnASoundRun) {
    EXPECT_NO_THROW(require_gates(check_masks(decoder, groups, score, good)));
    EXPECT_EQ(check_masks(decoder, groups, score, good).size(), 6U);
    for (const char* kind : {"lpo-published", "sigmoid", "ipo"})
        EXPECT_NO_THROW(require_gates(step0(reference_of(decoder, good), loss_of(kind), good))) << kind;
    ScoreConfig narrow = score;
    narrow.forward.compute = Compute::bfloat16;
    EXPECT_NO_THROW(require_gates(check_masks(decoder, groups, narrow, good)));
}

TEST_F(Gates, PassOnPlainGroupsWithOneAnswer) {
    std::vector<SequenceGroup> single = {{"a", {1, 2}, {toy::codes(1, 1, 9, false)}},
                                         {"b", {1}, {toy::codes(2, 1, 1, false)}}};
    EXPECT_NO_THROW(require_gates(check_masks(decoder, single, score, good)));
    std::reverse(single.begin(), single.end());
    EXPECT_NO_THROW(require_gates(check_masks(decoder, single, score, good)));
}

TEST_F(Gates, PassWhereTheLastAnswerIsScoredInItsFirstTokenAlone) {
    const TokenSequence whole{{toy::kCodes + 1, toy::kCodes + 2, toy::kCodes + 3}, {}};
    const TokenSequence first_alone{{toy::kCodes + 4, toy::kCodes + 2, toy::kCodes + 3}, {{1, 3}}};
    EXPECT_NO_THROW(require_gates(check_masks(decoder, {{"a", {1, 2}, {whole, first_alone}}}, score, good)));
    EXPECT_NO_THROW(require_gates(check_masks(decoder, {{"a", {1, 2}, {first_alone}}}, score, good)));
}

TEST_F(Gates, AShiftedMaskIsFound) {
    const Packer shifted = [](const Members& members) {
        PackedBatch batch = pack(members);
        batch.row_N = (batch.row_N - 1).clamp_min(0);
        return batch;
    };
    EXPECT_FALSE(named(check_masks(decoder, groups, score, shifted), "mask/labels").passed);
    EXPECT_THROW(require_gates(check_masks(decoder, groups, score, shifted)), DataError);
    // On one side only, step 0 sees it too.
    EXPECT_FALSE(
        named(step0(reference_of(decoder, good), loss_of("lpo-published"), shifted), "step0/logratio")
            .passed);
}

TEST_F(Gates, AnInvertedMaskIsFound) {
    // Scores what is given and the prompt instead of the answer; both sides share the fault, so step 0 is
    // blind.
    const Packer inverted = [](const Members& members) {
        PackedBatch batch = pack(members);
        batch.row_N =
            (batch.position_T == 0).nonzero().flatten().slice(0, 0, 1).expand_as(batch.row_N).contiguous();
        batch.label_N = batch.ids_T.index_select(0, batch.row_N + 1);
        return batch;
    };
    EXPECT_FALSE(named(check_masks(decoder, groups, score, inverted), "mask/labels").passed);
}

TEST_F(Gates, ASkippedTokenIsFound) {
    const Packer skipping = [](const Members& members) {
        PackedBatch batch = pack(members);
        batch.row_N = batch.row_N.slice(0, 1);
        batch.label_N = batch.label_N.slice(0, 1);
        batch.answer_N = batch.answer_N.slice(0, 1);
        return batch;
    };
    EXPECT_FALSE(named(check_masks(decoder, groups, score, skipping), "mask/labels").passed);
}

TEST_F(Gates, AnswersThatSeeEachOtherAreFound) {
    // Sibling answers joined into one causal run: labels and counts are right, what is seen is not.
    const Packer leaking = [](const Members& members) {
        PackedBatch batch = pack(members);
        const std::int64_t tokens = batch.tokens();
        batch.segments = {{0, tokens, 0, 0}};
        return batch;
    };
    const auto checks = check_masks(decoder, groups, score, leaking);
    EXPECT_TRUE(named(checks, "mask/labels").passed);
    EXPECT_FALSE(named(checks, "mask/isolation").passed);
    EXPECT_FALSE(named(checks, "mask/order").passed);
    EXPECT_FALSE(named(checks, "mask/oracle").passed);
}

TEST_F(Gates, AnswersWithoutTheirPromptAreFound) {
    const Packer blind = [](const Members& members) {
        PackedBatch batch = pack(members);
        for (Segment& segment : batch.segments) segment.prompt_begin = segment.prompt_end = 0;
        return batch;
    };
    EXPECT_FALSE(named(check_masks(decoder, groups, score, blind), "mask/oracle").passed);
}

TEST_F(Gates, LabelsOfTheWrongAnswerAreFound) {
    const Packer swapped = [](const Members& members) {
        PackedBatch batch = pack(members);
        batch.answer_N = (batch.answer_N / 2).to(at::kLong) * 2;
        return batch;
    };
    EXPECT_FALSE(named(check_masks(decoder, groups, score, swapped), "mask/labels").passed);
}

TEST_F(Gates, AStaleReferenceIsFound) {
    const ReferenceScores stale = reference_of(toy::decoder(4), good);
    const auto checks = step0(stale, loss_of("lpo-published"), good);
    EXPECT_FALSE(named(checks, "step0/logratio").passed);
    EXPECT_FALSE(named(checks, "step0/loss").passed);
    try {
        require_gates(checks);
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("step0/logratio"));
        EXPECT_THAT(error.what(), testing::HasSubstr("score the reference again"));
    }
}

TEST_F(Gates, ASmallShiftOfTheReferenceIsFound) {
    ReferenceScores shifted = reference_of(decoder, good);
    for (auto& [key, score_of_answer] : shifted) score_of_answer.logprob_sum += 1e-3;
    EXPECT_FALSE(named(step0(shifted, loss_of("sigmoid"), good), "step0/logratio").passed);
}

}  // namespace
}  // namespace linvox
