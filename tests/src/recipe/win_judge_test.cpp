#include "src/recipe/win_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/recipe/judge_command.h"
#include "src/recipe/win_rate.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

fs::path fresh_folder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    const fs::path folder = fs::path(testing::TempDir()) / (std::string("judge-") + info->name());
    fs::remove_all(folder);
    ensure_directory(folder);
    return folder;
}

/// Answers "yes" are good; SFT says "no" twice.
std::vector<JudgePair> pairs() {
    return {{"lpo", "p.0", "Well?", "no", "yes", "yes"},
            {"lpo", "q.0", "Well?", "no", "no", "yes"},
            {"lpo", "r.0", "Really?", "yes", "no", "yes"}};
}

/// Prefers "yes" wherever it stands.
constexpr const char* kFair = R"(sed -e 's/.*"a":"yes".*/{"verdict": "A"}/' -e 's/.*"b":"yes".*/b/')";

std::vector<std::vector<double>> scores(const std::vector<Judgement>& judged) {
    std::vector<std::vector<double>> all;
    for (const Judgement& j : judged) all.push_back(j.scores);
    return all;
}

TEST(WinJudge, ACommandIsAskedInBothOrders) {
    const auto judged = judge_all({.kind = "command", .command = kFair}, pairs(), fresh_folder());
    EXPECT_THAT(scores(judged),
                ElementsAre(std::vector<double>{1, 1}, std::vector<double>{0.5}, std::vector<double>{0, 0}));
    const WinCounts counts = count_wins(judged, "lpo");
    EXPECT_EQ(counts.wins, 1);
    EXPECT_EQ(counts.ties, 1);
    EXPECT_EQ(counts.losses, 1);
    EXPECT_EQ(counts.rate(), 0.5);
    EXPECT_EQ(counts.agreeing, 2);
}

TEST(WinJudge, APreferenceForAPlaceCancelsOut) {
    const auto judged = judge_all({.kind = "command", .command = "sed 's/.*/a/'"}, pairs(), fresh_folder());
    EXPECT_THAT(scores(judged),
                ElementsAre(std::vector<double>{0, 1}, std::vector<double>{0.5}, std::vector<double>{0, 1}));
    const WinCounts counts = count_wins(judged, "lpo");
    EXPECT_EQ(counts.ties, 3);
    EXPECT_EQ(counts.rate(), 0.5);
    EXPECT_EQ(counts.agreeing, 0);
    EXPECT_EQ(counts.first_place, counts.decided);
}

TEST(WinJudge, AFailingCommandEndsTheRunAndKeepsWhatItSaid) {
    const fs::path folder = fresh_folder();
    const auto ask = [&](const std::string& command, std::int64_t timeout_s = 60) {
        judge_all({.kind = "command", .command = command, .timeout_s = timeout_s}, pairs(), folder);
    };
    EXPECT_THAT([&] { ask("echo a; echo no model >&2; exit 3"); },
                ThrowsMessage<DataError>(
                    AllOf(HasSubstr("ended with exit code 3 after 1 of 4"), HasSubstr("no model"))));
    EXPECT_THAT([&] { ask("echo a"); },
                ThrowsMessage<DataError>(HasSubstr("gave 1 line(s) to 4 request(s)")));
    EXPECT_THAT([&] { ask("sed 's/.*/better/'"); },
                ThrowsMessage<DataError>(AllOf(HasSubstr("answers.txt:1: "), HasSubstr("found 'better'"))));
    EXPECT_THAT([&] { ask("sleep 30", 1); }, ThrowsMessage<DataError>(HasSubstr("took longer than")));
    // Three verdicts came; only the fourth is asked for once the program is mended.
    const std::string counting = "tee " + (folder / "asked").string() + " | (if [ -e " +
                                 (folder / "mended").string() +
                                 " ]; then sed 's/.*/b/'; else head -3 | sed 's/.*/a/'; fi)";
    EXPECT_THAT([&] { ask(counting); },
                ThrowsMessage<DataError>(HasSubstr("gave 3 line(s) to 4 request(s)")));
    std::ofstream(folder / "mended") << "";
    const auto judged = judge_all({.kind = "command", .command = counting}, pairs(), folder);
    EXPECT_EQ(judged[2].scores, (std::vector<double>{0, 0}));
    const std::string asked = read_file(folder / "asked");
    EXPECT_EQ(std::count(asked.begin(), asked.end(), '\n'), 1);
}

TEST(WinJudge, EqualQuestionsAreAskedOnce) {
    const fs::path folder = fresh_folder();
    std::vector<JudgePair> twice = pairs();
    twice.push_back(twice[0]);
    twice.back().system = "dpo";
    const auto judged = judge_all({.kind = "command", .command = kFair}, twice, folder);
    EXPECT_EQ(judged[3].scores, (std::vector<double>{1, 1}));
    const std::string asked = read_file(folder / "ask.jsonl");
    EXPECT_EQ(std::count(asked.begin(), asked.end(), '\n'), 4);
}

TEST(WinJudge, VerdictsAreReadStrictly) {
    EXPECT_EQ(read_verdict(" TIE\r", "x"), 0.5);
    EXPECT_EQ(read_verdict(R"({"id": "x", "verdict": "b", "why": "shorter"})", "x"), 0);
    EXPECT_THAT([] { read_verdict(R"({"id": "y", "verdict": "b"})", "x"); },
                ThrowsMessage<DataError>(HasSubstr("the verdict is about \"y\", asked was \"x\"")));
    for (const char* bad : {"", "{}", "{", "ab", "1", R"({"verdict": 1})"})
        EXPECT_THROW(read_verdict(bad, "x"), DataError) << bad;
}

TEST(WinJudge, ASidecarJudgesEveryItemOnce) {
    const fs::path folder = fresh_folder(), file = folder / "verdicts.jsonl";
    const auto judge = [&](const std::string& lines) {
        std::ofstream(file) << lines;
        return judge_all({.kind = "sidecar", .sidecar = file}, pairs(), folder);
    };
    const std::string first = R"({"system": "lpo", "item": "p.0", "verdict": "win", "key": ")" +
                              judge_key(pairs()[0]) + "\"}\n",
                      third = R"({"system": "lpo", "item": "r.0", "verdict": "loss"})"
                              "\n";
    // q.0 has equal answers: a tie without a word.
    EXPECT_THAT(scores(judge(first + third)),
                ElementsAre(std::vector<double>{1}, std::vector<double>{0.5}, std::vector<double>{0}));
    EXPECT_THAT([&] { judge(first); },
                ThrowsMessage<DataError>(AllOf(HasSubstr("1 of 3 verdicts are missing, the first is \"r.0\""),
                                               HasSubstr("requests.jsonl"))));
    EXPECT_THAT([&] { judge(first + first + third); },
                ThrowsMessage<DataError>(HasSubstr("verdicts.jsonl:2: \"p.0\" of \"lpo\" is judged twice")));
    EXPECT_THAT([&] { judge(R"({"system": "dpo", "item": "p.0", "verdict": "win"})"); },
                ThrowsMessage<DataError>(HasSubstr("no item \"p.0\" of \"dpo\"")));
    EXPECT_THAT([&] { judge(R"({"system": "lpo", "item": "p.0", "verdict": "better"})"); },
                ThrowsMessage<DataError>(HasSubstr("found \"better\"")));
    EXPECT_THAT([&] { judge(R"({"system": "lpo", "item": "p.0", "verdict": "win", "key": "0"})"); },
                ThrowsMessage<DataError>(HasSubstr("about other answers")));
    fs::remove(file);
    EXPECT_THAT([&] { judge_all({.kind = "sidecar", .sidecar = file}, pairs(), folder); },
                ThrowsMessage<DataError>(HasSubstr("there is no such file; judge the pairs of")));
    EXPECT_GT(fs::file_size(folder / "requests.jsonl"), 100U);
}

TEST(WinJudge, TheRuleKnowsThePreferredAnswer) {
    const auto judged = judge_all({.kind = "length_rule"}, pairs(), fresh_folder());
    EXPECT_THAT(scores(judged),
                ElementsAre(std::vector<double>{1}, std::vector<double>{0.5}, std::vector<double>{0}));
}

TEST(WinJudge, KindAndKeysBelongTogether) {
    EXPECT_TRUE((WinJudgeConfig{}.problems().empty()));
    EXPECT_EQ((WinJudgeConfig{.kind = "command"}.problems().size()), 1U);
    EXPECT_EQ((WinJudgeConfig{.command = "true"}.problems().size()), 1U);
    EXPECT_EQ((WinJudgeConfig{.kind = "sidecar", .command = "true"}.problems().size()), 2U);
}

TEST(WinJudge, TheRateIsHundredTimesTheScoreAndFiftyForSft) {
    const auto scores_of = win_scores(judge_all({.kind = "length_rule"}, pairs(), fresh_folder()));
    EXPECT_EQ(win_rate_value(scores_of, "sft", "p.0").value(), 50);
    EXPECT_EQ(win_rate_value(scores_of, "lpo", "p.0").value(), 100);
    EXPECT_FALSE(win_rate_value(scores_of, "gold", "p.0").valid());
    const ReportPanel panel =
        judge_panel({.kind = "length_rule"}, judge_all({.kind = "length_rule"}, pairs(), fresh_folder()),
                    {{"lpo", "LPO", false, {}}});
    EXPECT_THAT(panel.tables.at(0).rows.at(0), ElementsAre("LPO", "3", "1", "1", "1", "-", "-"));
}

}  // namespace
}  // namespace linvox
