#include "src/train/alarms.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/train/trainer.h"

namespace linvox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Only the named rule, with this patience.
AlarmConfig only(const std::string& name, std::int64_t patience) {
    AlarmConfig config;
    std::erase_if(config.rules, [&](const AlarmRule& rule) { return rule.name != name; });
    config.rules.at(0).patience = patience;
    return config;
}

StepReport report_of(std::int64_t step, const std::string& scalar, double value) {
    return {step, 100, 0.0, 0.0, {{"other", -1e9}, {scalar, value}}};
}

/// "raised@STEP" and "cleared@STEP" for values of steps 1, 2, ...
std::vector<std::string> story(const AlarmConfig& config, const std::vector<double>& values) {
    AlarmWatch watch(config);
    std::vector<std::string> said;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto step = static_cast<std::int64_t>(i) + 1;
        for (const TrainEvent& event : watch.see(report_of(step, config.rules.at(0).scalar, values[i])))
            said.push_back(event.state + "@" + std::to_string(event.step));
    }
    return said;
}

TEST(Alarms, DisplacementNeedsItsPatienceAndIsSaidOnce) {
    const AlarmConfig config = only("displacement", 3);
    EXPECT_THAT(story(config, {-1, -1, 1, -1, -1, 1, -1}), ElementsAre());
    EXPECT_THAT(story(config, {0, -1, -1, -1, -1, -1, -1, -1}), ElementsAre("raised@4"));
    EXPECT_THAT(story(config, {-1, -1, -1, 1, 1, -1, 1, 1, 1, -1, -1, -1}),
                ElementsAre("raised@3", "cleared@9", "raised@12"));
    EXPECT_THAT(story(config, {-1, -1, std::nan("")}), ElementsAre("raised@3"));
    EXPECT_THAT(story(only("displacement", 0), {-1, -1, -1, -1}), ElementsAre());
}

TEST(Alarms, SharesAndProbes) {
    EXPECT_THAT(story(only("past_target", 2), {0.5, 0.6, 0.4, 0.6, 0.6}), ElementsAre("raised@5"));
    EXPECT_THAT(story(only("displacement_both", 2), {0.5, 0.6, 0.6}), ElementsAre("raised@3"));
    EXPECT_THAT(story(only("unfinished", 2), {1, 0.5, 0.75, 0.75}), ElementsAre("raised@3"));
    EXPECT_THAT(story(only("boundary", 1), {0, 2, 0}), ElementsAre("raised@2", "cleared@3"));
    EXPECT_THAT(story(only("repetition", 1), {6, 40}), ElementsAre("raised@2"));
    EXPECT_THAT(story(only("eval_not_finite", 1), {2, std::nan(""), INFINITY, 2}),
                ElementsAre("raised@2", "cleared@4"));
}

TEST(Alarms, MarginCollapseComparesWithItsOwnBest) {
    const AlarmConfig config = only("margin_collapse", 2);
    EXPECT_THAT(story(config, {0, 0, 1, 2, 4, 4, 3, 3}), ElementsAre());
    EXPECT_THAT(story(config, {0, 4, 4, 1, 1, 1, 4, 4, 4}), ElementsAre("raised@5", "cleared@8"));
    EXPECT_THAT(story(config, {0, -1, -1}), ElementsAre("raised@2"));  // never grew
    EXPECT_THAT(story(config, {0, 0, 0}), ElementsAre());  // the first steps: equal to the reference
}

TEST(Alarms, AScalarThatIsNotLoggedIsNotJudged) {
    AlarmWatch watch(AlarmConfig{});
    for (std::int64_t step = 1; step < 200; ++step)
        EXPECT_TRUE(watch.see(report_of(step, "loss", 2.0)).empty());
}

struct Heard {
    std::vector<TrainEvent> events;
    std::vector<std::string> lines;
    Heard() {
        set_log_sink([this](const std::string& line) { lines.push_back(line); });
    }
    ~Heard() { set_log_sink({}); }
    Observer listener() {
        return {.on_event = [this](const TrainEvent& event) { events.push_back(event); }};
    }
};

TEST(AlarmObserver, WarnsOnceTellsListenersAndGoesOn) {
    Heard heard;
    const Observer observer = alarm_observer(only("displacement", 2), {heard.listener(), Observer{}});
    for (std::int64_t step = 1; step <= 6; ++step)
        observer.on_step(report_of(step, "logratio/chosen_sum", step <= 4 ? -1.5 : 2.0));
    ASSERT_EQ(heard.lines.size(), 2U);
    EXPECT_EQ(
        heard.lines[0],
        "warning: alarm raised: step 2: displacement: logratio/chosen_sum < 0 for 2 report(s), now -1.5: "
        "chosen answers are less probable than under the reference; raise gamma or r1, lower r2 or the "
        "learning rate, or train less");
    EXPECT_THAT(heard.lines[1], HasSubstr("alarm cleared: step 6: displacement: over"));
    ASSERT_EQ(heard.events.size(), 2U);
    EXPECT_EQ(heard.events[0].kind, "alarm");
    EXPECT_EQ(heard.events[0].name, "displacement");
    EXPECT_EQ(heard.events[1].state, "cleared");
}

TEST(AlarmObserver, StopsTheRunOnlyWhenAskedTo) {
    Heard heard;
    AlarmConfig config = only("repetition", 1);
    config.stop = true;
    const Observer observer = alarm_observer(config, {heard.listener()});
    observer.on_evaluation(report_of(1, "probe/longest_run", 3));
    try {
        observer.on_evaluation(report_of(2, "probe/longest_run", 300));
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("alarms.stop = true ends the run: step 2: repetition"));
    }
    EXPECT_EQ(heard.events.size(), 1U);  // told before the stop
}

TEST(AlarmObserver, AResumedRunGoesOnWhereTheRulesStood) {
    Heard heard;
    std::vector<StepReport> earlier;
    for (std::int64_t step = 1; step <= 3; ++step)
        earlier.push_back(report_of(step, "logratio/chosen_sum", -1.0));
    const Observer patient = alarm_observer(only("displacement", 4), {heard.listener()}, earlier);
    const Observer raised = alarm_observer(only("displacement", 2), {heard.listener()}, earlier);
    EXPECT_TRUE(heard.events.empty());  // said before the stop
    for (std::int64_t step = 4; step <= 5; ++step) {
        patient.on_step(report_of(step, "logratio/chosen_sum", -1.0));
        raised.on_step(report_of(step, "logratio/chosen_sum", -1.0));
    }
    ASSERT_EQ(heard.events.size(), 1U);
    EXPECT_EQ(heard.events[0].step, 4);  // the fourth in a row
}

TEST(NotFinite, AGradientAloneStopsTheRunNamesTheRecordsAndSparesTheWeights) {
    at::Tensor w = at::zeros({2}).set_requires_grad(true);
    TrainTask task;
    task.what = "toy";
    task.parameters = {{"w", w, true}};
    task.begin_epoch = [](std::int64_t) { return std::int64_t{1}; };
    task.micro_count = [](std::int64_t) { return std::int64_t{1}; };
    task.forward = [&](std::int64_t, std::int64_t, std::int64_t) {
        MicroResult result;
        result.loss_sum = w.sqrt().sum();  // 0, with the gradient 1 / (2 sqrt 0)
        result.weight = 1.0;
        return result;
    };
    task.record_ids = [](std::int64_t, std::int64_t) { return std::vector<std::string>{"record_a"}; };
    try {
        train(task, {.total_steps = 3}, {});
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("toy: step 1: loss 0 and gradient norm inf"));
        EXPECT_THAT(error.what(), HasSubstr("records: record_a"));
    }
    EXPECT_EQ(w.sum().item<double>(), 0.0);
}

}  // namespace
}  // namespace linvox
