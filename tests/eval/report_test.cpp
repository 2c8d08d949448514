#include "eval/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "eval/report_files.h"
#include "src/base/error.h"
#include "tests/eval/report_fixture.h"

namespace linvox {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Report, CorpusValueIsSumOverSum) {
    const Report report = build_report(small_input());
    const Aggregate& a = *find_aggregate(report, "sft", "wer.linvox");
    // Errors (2+3+2+3+2+3) x 2 = 30 in (4+5+6+7+8+9) x 2 = 78 words.
    EXPECT_NEAR(*a.corpus, 100 * 30.0 / 78, 1e-12);
    EXPECT_NEAR(a.description->mean, 100 * (2. / 4 + 3. / 5 + 2. / 6 + 3. / 7 + 2. / 8 + 3. / 9) / 6, 1e-12);
    EXPECT_EQ(a.n, 12);
    EXPECT_EQ(a.clusters, 6);
    EXPECT_EQ(a.interval_method, "cluster bootstrap");
    EXPECT_LT(a.interval->low, *a.corpus);
    EXPECT_GT(a.interval->high, *a.corpus);
}

TEST(Report, ACeilingOwesOneAnswerAPrompt) {
    ReportInput in = small_input();
    std::erase_if(in.answers, [](const ReportAnswer& a) { return a.system == "recording" && a.item != "p0#0"; });
    EXPECT_THAT(build_report(in).warnings, testing::Contains(HasSubstr("Recording: 10 of 12 items")));
    in = small_input();
    std::erase_if(in.answers, [](const ReportAnswer& a) { return a.system == "recording" && a.item.ends_with("#1"); });
    EXPECT_THAT(build_report(in).warnings, Not(testing::Contains(HasSubstr("Recording"))));
}

TEST(Report, FailuresAreCountedNeverDropped) {
    ReportInput in = small_input();
    for (ReportAnswer& answer : in.answers)
        if (answer.system == "lpo" && answer.item == "p0#0")
            answer.values["wer.linvox"] = metric_null("decode_error");
    std::erase_if(in.answers, [](const ReportAnswer& a) { return a.system == "lpo" && a.item == "p1#1"; });
    const Report report = build_report(in);
    const Aggregate& a = *find_aggregate(report, "lpo", "wer.linvox");
    EXPECT_EQ(a.n, 10);
    EXPECT_EQ(a.n_failed, 2);
    EXPECT_EQ(a.reasons.at("decode_error"), 1);
    EXPECT_EQ(a.reasons.at("missing_file"), 1);  // the item without an answer appears all the same
    const ComparisonResult& c = comparison_of(report, "wer.linvox");
    EXPECT_EQ(c.n, 10);
    EXPECT_EQ(c.n_left_out, 2);
    EXPECT_THAT(report.warnings, testing::Contains(HasSubstr("LPO: 1 of 12 items have no answer")));
    EXPECT_THAT(report.warnings, testing::Contains(HasSubstr("sft and lpo fail on different shares")));
    const Aggregate& none = *find_aggregate(report, "recording", "tok.finish");
    EXPECT_EQ(none.n, 0);
    EXPECT_FALSE(none.corpus);
}

TEST(Report, InsertionsAgainstAnEmptyReferenceEnterTheCorpus) {
    ReportInput in = small_input();
    for (ReportAnswer& answer : in.answers)
        if (answer.system == "sft" && answer.item == "p0#0")
            answer.values["wer.linvox"] = {300, 0, "ref_empty", {}};
    const Aggregate a = *find_aggregate(build_report(in), "sft", "wer.linvox");
    EXPECT_NEAR(*a.corpus, 100 * (30.0 - 2 + 3) / (78 - 4), 1e-12);
    EXPECT_EQ(a.n, 11);
}

TEST(Report, ComparesPairs) {
    const Report report = build_report(small_input());
    const ComparisonResult& wer = comparison_of(report, "wer.linvox");
    EXPECT_NEAR(*wer.difference, 100 * (6.0 - 30) / 78, 1e-12);
    EXPECT_LT(wer.interval->high, 0);
    EXPECT_EQ(*wer.probability_improved, 1);
    EXPECT_EQ(wer.test, "swap randomisation of clusters");
    EXPECT_NEAR(*wer.p, 2.0 / 64, 0.01);  // 6 clusters, all better: only all or none swapped is as extreme
    EXPECT_GT(*wer.p_holm, *wer.p);       // a family of three headline metrics
    const ComparisonResult& duration = comparison_of(report, "duration.ratio");
    EXPECT_TRUE(duration.distance_from_one);
    EXPECT_NEAR(*duration.baseline_value, 0.5, 1e-12);
    EXPECT_NEAR(*duration.candidate_value, 0.1, 1e-12);
    EXPECT_GT(*duration.probability_improved, 0.99);
    const ComparisonResult& loudness = comparison_of(report, "loudness");
    EXPECT_FALSE(loudness.p_holm);  // no headline, no direction
    EXPECT_FALSE(loudness.probability_improved);
    EXPECT_EQ(loudness.verdict, "");
}

TEST(Report, VerdictsNeedHolm) {
    ReportInput in = small_input();
    for (int prompt = 6; prompt < 14; ++prompt) {  // more prompts, all won by LPO
        const std::string id = fmt::format("q{}", prompt);
        in.items.push_back({id, id, "text"});
        for (const char* system : {"sft", "lpo"})
            in.answers.push_back(
                {.system = system,
                 .item = id,
                 .values = {{"wer.linvox", metric_value(system == std::string("sft") ? 300 : 0, 4)}}});
    }
    EXPECT_EQ(comparison_of(build_report(small_input()), "wer.linvox").verdict, "");
    EXPECT_EQ(comparison_of(build_report(in), "wer.linvox").verdict, "better");
    std::swap(in.comparisons[0].baseline, in.comparisons[0].candidate);
    EXPECT_EQ(comparison_of(build_report(in), "wer.linvox").verdict, "worse");
}

TEST(Report, ProportionsUseWilsonAndMcNemar) {
    ReportInput in = small_input();
    for (ReportItem& item : in.items) item.cluster = item.id;
    const Report report = build_report(in);
    const Aggregate& all = *find_aggregate(report, "lpo", "tok.finish");
    EXPECT_EQ(all.interval_method, "wilson");
    EXPECT_NEAR(all.interval->low, wilson_interval(12, 12).low, 1e-12);
    const ComparisonResult& c = comparison_of(report, "tok.finish");
    EXPECT_EQ(c.test, "mcnemar exact");
    EXPECT_NEAR(*c.p, 0.5, 1e-12);  // two items only LPO finishes
}

TEST(Report, FewClustersAreMarked) {
    ReportInput in = small_input();
    for (ReportItem& item : in.items) item.cluster = item.id < "p3" ? "a" : "b";
    const Report report = build_report(in);
    EXPECT_EQ(find_aggregate(report, "sft", "wer.linvox")->interval_method, "bootstrap, too few clusters");
    EXPECT_THAT(report.warnings, testing::Contains(HasSubstr("too narrow")));
}

TEST(Report, RefusesWhatDoesNotFit) {
    ReportInput in = small_input();
    in.answers.push_back(in.answers.front());
    EXPECT_THROW(build_report(in), DataError);
    in = small_input();
    in.answers.front().item = "unknown";
    EXPECT_THROW(build_report(in), DataError);
    in = small_input();
    in.comparisons.push_back({"sft", "ppo"});
    EXPECT_THROW(build_report(in), DataError);
    in = small_input();
    in.items.push_back(in.items.front());
    EXPECT_THROW(build_report(in), DataError);
}

TEST(ReportJson, IsReadBackWithoutLoss) {
    ReportInput in = small_input();
    in.curves.push_back({"lpo", "loss", "train", {1, 2}, {0.5, 0.25}, {0.4, 0.2}, {0.6, 0.3}});
    in.panels.push_back({"pairs",
                         "Pairs",
                         "lead",
                         {{"kept", "3"}},
                         {{"t", {"a"}, {{"1"}}}},
                         {{"b", "", {"x"}, {{"s", {1}}}}},
                         {"w"}});
    in.answers[1].values["wer.linvox"] = metric_null("timeout");
    in.answers[1].pitch_hz = {0, 120};
    const nlohmann::json document = report_to_json(build_report(in));
    EXPECT_EQ(document.at("schema"), "linvox.report/1");
    EXPECT_EQ(report_to_json(report_from_json(document)), document);
    EXPECT_EQ(report_to_json(report_from_json(nlohmann::json::parse(document.dump()))), document);
    const auto& value = document.at("items").at(0).at("values");
    const auto failed =
        std::find_if(value.begin(), value.end(), [](const auto& v) { return v.at("reason") == "timeout"; });
    ASSERT_NE(failed, value.end());
    EXPECT_TRUE(failed->at("v").is_null());
    EXPECT_EQ(failed->at("status"), "failed");
}

TEST(ReportJson, NamesWhatIsWrong) {
    nlohmann::json document = report_to_json(build_report(small_input()));
    EXPECT_THROW(report_from_json(nlohmann::json::array()), DataError);
    nlohmann::json other = document;
    other["schema"] = "linvox.report/2";
    EXPECT_THROW(report_from_json(other), DataError);
    document["systems"][0].erase("label");
    try {
        report_from_json(document);
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr("label"));
    }
}

TEST(ReportFiles, HoldEveryValue) {
    ReportInput in = small_input();
    in.answers[1].values["wer.linvox"] = metric_null("timeout");
    in.answers[1].item = "p0#0";
    in.systems[1].label = "SFT, \"v1\"";
    const Report report = build_report(in);
    const std::string csv = utterances_csv(report);
    EXPECT_THAT(csv, HasSubstr("sft,p0#0,wer.linvox,wer.linvox/1,,failed,timeout,0,0\n"));
    EXPECT_THAT(csv, HasSubstr("lpo,p0#1,wer.linvox,wer.linvox/1,25,ok,,100,4\n"));
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 12 * 2 + 12 * 4 * 2);
    EXPECT_THAT(utterances_wide_csv(report), HasSubstr("\"one <two>, three & four\""));
    EXPECT_THAT(summary_csv(report), HasSubstr("sft,wer.linvox,%,11,1,0,"));
    EXPECT_THAT(summary_markdown(report),
                HasSubstr("|---|---|---:|---:|---:|\n| `wer.linvox` % | lower | 0.0 [0.0, 0.0] |"));
    for (const std::string& text :
         {csv, summary_csv(report), summary_markdown(report), terminal_table(report)})
        EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(TerminalTable, BreaksIntoBlocksOfTheWidth) {
    const std::string text = terminal_table(build_report(small_input()), 50);
    EXPECT_THAT(text, HasSubstr("Recording (ceiling)  0.0 [0.0, 0.0]"));
    EXPECT_THAT(text, HasSubstr("duration.ratio off 1"));
    const std::size_t blocks = text.find("LPO against SFT");
    ASSERT_NE(blocks, std::string::npos);
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) < blocks; begin = end + 1)
        EXPECT_LE(end - begin, 50u) << text.substr(begin, end - begin);
}

}  // namespace
}  // namespace linvox
