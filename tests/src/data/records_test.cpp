#include "src/data/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "src/base/error.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path write_text(const std::string& name, const std::string& text) {
    const fs::path path = fs::path(testing::TempDir()) / name;
    std::ofstream(path) << text;
    return path;
}

Candidate candidate(std::vector<std::int32_t> ids) {
    Candidate c;
    c.answer = {std::move(ids), {{0, 1}}};
    c.scores = {{"mcd", 6.25}, {"wer", std::nullopt}};
    c.seed = 9;
    c.temperature = 0.9;
    c.transcript = "";
    c.meta = {{"capped_units", 2.0}};
    return c;
}

CandidateFile candidate_file() {
    CandidateFile file;
    file.header = {"candidates", 50, {}, {{"model", "abc"}}};
    CandidateRecord record;
    record.info = {"utt_1", {1, 2}, "hello", "en", "tts", "s1", R"({"role":"train"})"};
    record.reference = candidate({5, 6, 7});
    record.reference->source = "reference";
    record.reference->seed = 0;
    record.reference->temperature = 1.0;
    record.candidates = {candidate({8, 9}), candidate({8, 10, 11})};
    record.candidates[1].finish = Finish::length;
    record.candidates[1].source = "perturbed";
    record.candidates[1].seed = 0;
    record.candidates[1].temperature = 1.0;
    record.candidates[1].perturb = {{"kind", "drop"}};
    file.records = {record};
    return file;
}

/// The message of reading one line of that kind after a header with vocab_size 100 and stop id 99.
template <typename Read>
std::string error_of(const std::string& line, const Read& read, const std::string& kind) {
    const std::string header = R"({"format":"linvox-preference","version":1,"kind":")" + kind +
                               R"(","vocab_size":100,"stop_ids":[99]})";
    try {
        read(write_text("records_error.jsonl", header + "\n" + line + "\n"));
    } catch (const DataError& error) {
        return error.what();
    }
    return "(read without complaint)";
}
std::string pair_error(const std::string& line) {
    return error_of(
        line, [](const fs::path& path) { read_preferences(path); }, "pairs");
}
std::string candidate_error(const std::string& line) {
    return error_of(
        line, [](const fs::path& path) { read_candidates(path); }, "candidates");
}

TEST(Records, CandidatesComeBackEqual) {
    const fs::path path = fs::path(testing::TempDir()) / "candidates.jsonl";
    const CandidateFile file = candidate_file();
    write_candidates(path, file);
    const CandidateFile read = read_candidates(path);
    EXPECT_EQ(read.header, file.header);
    EXPECT_TRUE(read.has_header);
    ASSERT_EQ(read.records.size(), 1U);
    EXPECT_EQ(read.records[0], file.records[0]);
}

TEST(Records, PairsComeBackEqual) {
    const fs::path path = fs::path(testing::TempDir()) / "pairs.jsonl";
    PreferenceFile file;
    file.header = {"pairs", 50, {}, {}};
    const CandidateRecord source = candidate_file().records[0];
    file.records = {
        {source.info, source.candidates[0], {source.candidates[1], *source.reference}, 0.5, "pareto mcd"}};
    write_preferences(path, file);
    const PreferenceFile read = read_preferences(path);
    ASSERT_EQ(read.records.size(), 1U);
    EXPECT_EQ(read.records[0], file.records[0]);
}

TEST(Records, SupervisedExamplesComeBackEqual) {
    const fs::path path = fs::path(testing::TempDir()) / "sft.jsonl";
    SftFile file;
    file.header.kind = "sft";
    file.records = {{{"a", {1}, "x"}, {{3, 4, 5}, {{0, 2}}}}};
    write_sft_examples(path, file);
    EXPECT_EQ(read_sft_examples(path).records, file.records);
}

TEST(Records, AppendsTheStopIdOfAnAnswerThatStopped) {
    const std::string header =
        R"({"format":"linvox-preference","version":1,"kind":"pairs","vocab_size":100,"stop_ids":[98,99]})"
        "\n";
    const fs::path path = write_text(
        "stops.jsonl", header +
                           R"({"id":"a","prompt_ids":[1],"chosen_ids":[2,99],"rejected_ids":[3]})"
                           "\n" +
                           R"({"id":"b","prompt_ids":[1],"chosen_ids":[2],"chosen_info":{"stop_id":99},)"
                           R"("rejected_ids":[[4,5]],"rejected_finish":["length"]})"
                           "\n");
    const PreferenceFile file = read_preferences(path);
    EXPECT_EQ(file.records[0].chosen.answer.ids, (std::vector<std::int32_t>{2, 99}));       // never two
    EXPECT_EQ(file.records[0].rejected[0].answer.ids, (std::vector<std::int32_t>{3, 98}));  // the first one
    EXPECT_EQ(file.records[1].chosen.answer.ids, (std::vector<std::int32_t>{2, 99}));       // its own
    EXPECT_EQ(file.records[1].rejected[0].answer.ids, (std::vector<std::int32_t>{4, 5}));   // cut: none
    EXPECT_EQ(file.stops_appended, 2);
}

TEST(Records, BadPairsAreNamedByFieldAndPlace) {
    const std::string head = R"({"id":"a","prompt_ids":[1],)";
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2],"rejected_ids":[[3],[]]})"),
                HasSubstr("records_error.jsonl:2: rejected_ids[1] is empty"));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2],"rejected_ids":[2]})"),
                HasSubstr("identical to chosen_ids"));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2,100],"rejected_ids":[3]})"),
                HasSubstr("chosen_ids[1] = 100 is outside the vocabulary (100)"));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2,-1],"rejected_ids":[3]})"), HasSubstr("is negative"));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2.0],"rejected_ids":[3]})"),
                HasSubstr("not an integer id"));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[99],"rejected_ids":[3]})"),
                HasSubstr("nothing but the stop id"));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2],"chosen_finish":"length","rejected_ids":[3]})"),
                HasSubstr("must have stopped by itself"));
    EXPECT_THAT(
        pair_error(head + R"("chosen_ids":[2],"rejected_ids":[[3,99]],"rejected_finish":["length"]})"),
        HasSubstr("cut by length has none"));
    EXPECT_THAT(
        pair_error(head + R"("chosen_ids":[2],"rejected_ids":[[3]],"rejected_finish":["stop","stop"]})"),
        HasSubstr("rejected_finish must be a list with one entry"));
    EXPECT_THAT(pair_error(head + R"("chosen":true,"rejected_ids":[3]})"), HasSubstr("quality flag"));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2],"rejected_ids":[3],"weights":[1]})"),
                HasSubstr("\"weights\""));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2],"rejected_ids":[3],"chosen_score":{}})"),
                HasSubstr("did you mean \"chosen_scores\"?"));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2,3],"chosen_given":[[0,3]],"rejected_ids":[3]})"),
                HasSubstr("within the 2 ids"));
    EXPECT_THAT(pair_error(head + R"("chosen_ids":[2,3],"chosen_given":[[0,2]],"rejected_ids":[3]})"),
                HasSubstr("covers the whole answer"));
    EXPECT_THAT(pair_error(R"({"id":"a","prompt_ids":[],"chosen_ids":[2],"rejected_ids":[3]})"),
                HasSubstr("prompt_ids is empty"));
    EXPECT_THAT(pair_error(R"({"prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[3]})"), HasSubstr("\"id\""));
}

TEST(Records, BadCandidatesAreNamed) {
    const std::string head = R"({"id":"a","prompt_ids":[1],"candidates":)";
    EXPECT_THAT(candidate_error(head + "[]}"), HasSubstr("at least one"));
    EXPECT_THAT(candidate_error(head + R"([{"ids":[2]}]})"), HasSubstr("candidates[0] has no \"finish\""));
    EXPECT_THAT(candidate_error(head + R"([{"ids":[2],"finish":"done"}]})"), HasSubstr("is not one of"));
    EXPECT_THAT(candidate_error(head + R"([{"ids":[2],"finish":"stop","scores":{"wer":"low"}}]})"),
                HasSubstr("scores.wer"));
    EXPECT_THAT(candidate_error(head + R"([{"ids":[2],"finish":"stop","source":"web"}]})"),
                HasSubstr("source"));
}

TEST(Records, ProblemsAreCollectedUpToTwenty) {
    std::string text;
    for (int i = 0; i < 30; ++i)
        text += R"({"id":"","prompt_ids":[1]})"
                "\n";
    try {
        read_preferences(write_text("many.jsonl", text));
        FAIL();
    } catch (const DataError& error) {
        const std::string what = error.what();
        EXPECT_THAT(what, HasSubstr("many.jsonl:1:"));
        EXPECT_THAT(what, HasSubstr("many.jsonl:20:"));
        EXPECT_THAT(what, testing::Not(HasSubstr("many.jsonl:21:")));
    }
}

TEST(Records, RepeatedIdsEmptyFilesAndBrokenJsonAreErrors) {
    const std::string line = R"({"id":"a","prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[3]})"
                             "\n";
    EXPECT_THAT(pair_error(line + line), HasSubstr(":3: id \"a\" was used before"));
    EXPECT_THAT(pair_error(""), HasSubstr("holds no record"));
    EXPECT_THAT(pair_error(line + "{'id': 1}"), HasSubstr(":3:"));
    EXPECT_THAT(error_of(
                    line, [](const fs::path& path) { read_candidates(path); }, "pairs"),
                HasSubstr("holds pairs, not candidates"));
}

TEST(CandidateAppender, GoesOnAfterAKillAndRefusesAnotherHeader) {
    const fs::path path = fs::path(testing::TempDir()) / "appended.jsonl";
    fs::remove(path);
    CandidateFile file = candidate_file();
    {
        CandidateAppender appender(path, file.header);
        EXPECT_TRUE(appender.found().empty());
        appender.append(file.records[0]);
    }
    std::ofstream(path, std::ios::app) << R"({"id":"utt_2","prom)";  // torn by a kill
    {
        CandidateAppender appender(path, file.header);
        ASSERT_EQ(appender.found().size(), 1U);
        file.records[0].info.id = "utt_3";
        appender.append(file.records[0]);
        appender.close();
    }
    EXPECT_EQ(read_candidates(path).records.size(), 2U);
    file.header.digests["model"] = "other";
    EXPECT_THROW(CandidateAppender(path, file.header), DataError);
}

TEST(AnswerDigest, KnowsWhereThePromptEndsAndWhatIsGiven) {
    const auto digest = answer_digest({1, 2}, {{3, 4}, {}});
    EXPECT_EQ(digest, answer_digest({1, 2}, {{3, 4}, {}}));
    EXPECT_NE(digest, answer_digest({1}, {{2, 3, 4}, {}}));
    EXPECT_NE(digest, answer_digest({1, 2}, {{3, 4}, {{0, 1}}}));
    EXPECT_NE(digest, answer_digest({1, 2}, {{3, 5}, {}}));
}

}  // namespace
}  // namespace linvox
