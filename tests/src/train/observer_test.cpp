#include "src/train/observer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "src/base/jsonl.h"
#include "src/base/log.h"

namespace linvox {
namespace {

std::vector<nlohmann::json> lines_of(const std::filesystem::path& path) {
    std::vector<nlohmann::json> lines;
    for_each_json_line(path, [&](const nlohmann::json& line, std::size_t) { lines.push_back(line); });
    return lines;
}

TEST(JsonlObserver, WritesStepsAndEvaluationsAsTheyCome) {
    const auto path = std::filesystem::path(testing::TempDir()) / "observer_new.jsonl";
    const Observer observer = jsonl_observer(path);
    observer.on_step({1, 4, 0.25, 0.5, {{"loss", -2.0}, {"broken", std::nan("")}}});
    observer.on_evaluation({1, 4, 0.25, 0.5, {{"eval_loss", 3.0}}});
    const auto lines = lines_of(path);  // the observer still lives: lines are flushed one by one
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0]["step"], 1);
    EXPECT_EQ(lines[0]["loss"], -2.0);
    EXPECT_TRUE(lines[0]["broken"].is_null());
    EXPECT_EQ(lines[1]["eval_loss"], 3.0);
}

TEST(JsonlObserver, ResumeCutsLostStepsAndTheTornLine) {
    const auto path = std::filesystem::path(testing::TempDir()) / "observer_resume.jsonl";
    std::ofstream(path) << "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st";
    {
        const Observer observer = jsonl_observer(path, 2);
        observer.on_step({3, 4, 0.75, 0.1, {{"loss", 1.0}}});
    }
    const auto lines = lines_of(path);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[1]["step"], 2);
    EXPECT_EQ(lines[2]["loss"], 1.0);
}

TEST(JsonlObserver, ReportsReadBackWithoutTheEvents) {
    const auto path = std::filesystem::path(testing::TempDir()) / "observer_reports.jsonl";
    const Observer observer = jsonl_observer(path);
    observer.on_step({1, 4, 0.25, 0.5, {{"loss", -2.0}, {"broken", std::nan("")}}});
    observer.on_event({1, "alarm", "displacement", "raised", "in words"});
    EXPECT_EQ(lines_of(path).at(1), nlohmann::json({{"step", 1},
                                                    {"event", "alarm"},
                                                    {"name", "displacement"},
                                                    {"state", "raised"},
                                                    {"message", "in words"}}));
    const auto reports = read_reports(path);
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_EQ(reports[0].step, 1);
    EXPECT_EQ(reports[0].epoch, 0.25);
    EXPECT_EQ(reports[0].values.at("loss"), -2.0);
    EXPECT_TRUE(std::isnan(reports[0].values.at("broken")));
    EXPECT_EQ(reports[0].values.size(), 2U);
    EXPECT_TRUE(read_reports(path.string() + ".missing").empty());
}

TEST(PeriodicObserver, MeasuresEveryNthStepAndDropsAnInterruptedOne) {
    std::vector<StepReport> heard;
    const Observer listener{.on_evaluation = [&](const StepReport& report) { heard.push_back(report); }};
    int measured = 0;
    const Observer observer = periodic_observer(3,
                                                [&]() -> std::map<std::string, double> {
                                                    if (++measured == 2) throw Interrupted{};
                                                    return {{"probe/x", measured}};
                                                },
                                                {listener, Observer{}});
    for (std::int64_t step = 1; step <= 10; ++step) observer.on_step({step, 10, 0.5, 1.0, {{"loss", 1.0}}});
    EXPECT_EQ(measured, 3);
    ASSERT_EQ(heard.size(), 2U);
    EXPECT_EQ(heard[0].step, 3);
    EXPECT_EQ(heard[0].values, (std::map<std::string, double>{{"probe/x", 1.0}}));
    EXPECT_EQ(heard[1].step, 9);
}

TEST(JsonlObserver, AFreshRunStartsAFreshFile) {
    const auto path = std::filesystem::path(testing::TempDir()) / "observer_fresh.jsonl";
    std::ofstream(path) << "{\"step\":1}\n";
    const Observer observer = jsonl_observer(path);
    EXPECT_TRUE(lines_of(path).empty());
}

}  // namespace
}  // namespace linvox
