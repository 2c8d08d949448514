// Lines, warnings, progress and the stop flag.
#include "src/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace linvox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

class Log : public testing::Test {
protected:
    void SetUp() override {
        set_log_sink([this](const std::string& line) { lines.push_back(line); });
    }
    void TearDown() override {
        set_log_sink(nullptr);
        set_progress_enabled(false);
        set_progress_terminal(false);
        clear_stop_request();
    }
    // A terminal line is redrawn at most ten times a second.
    static void wait_beyond_redraw() { std::this_thread::sleep_for(std::chrono::milliseconds(120)); }
    std::vector<std::string> lines;
};

TEST_F(Log, LinesAndWarningsReachTheSink) {
    log_line("one {}");
    log_warning("two");
    EXPECT_THAT(lines, ElementsAre("one {}", "warning: two"));
    set_log_sink(nullptr);
    log_line("lost");
    EXPECT_EQ(lines.size(), 2u);
}

TEST_F(Log, ProgressIsSilentUnlessEnabled) {
    set_progress_terminal(true);
    testing::internal::CaptureStderr();
    Progress progress("sft", "steps", 10);
    wait_beyond_redraw();
    progress.update(10);
    progress.finish();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_THAT(lines, IsEmpty());
}

TEST_F(Log, FinishWritesOneSummary) {
    set_progress_enabled(true);
    Progress progress("sft", "steps", 10);
    progress.update(4);
    progress.update(10, "loss 2.81");
    progress.finish("loss 2.13");
    progress.finish("again");
    // The two updates came within ten seconds of the start, so only the end is told.
    EXPECT_THAT(lines, ElementsAre(MatchesRegex("sft 10/10 steps in .* m?s, loss 2.13")));
}

TEST_F(Log, ATerminalGetsARedrawnLineThatOtherLinesClear) {
    set_progress_enabled(true);
    set_progress_terminal(true);
    testing::internal::CaptureStderr();
    {
        Progress progress("sft", "steps", 3);
        progress.update(0);
        wait_beyond_redraw();
        progress.update(1, "loss 3.5");
        log_line("between");
        progress.finish();
    }
    const std::string drawn = testing::internal::GetCapturedStderr();
    EXPECT_THAT(drawn, HasSubstr("\rsft 1/3 steps, "));
    EXPECT_THAT(drawn, HasSubstr(" steps/s, "));
    EXPECT_THAT(drawn, HasSubstr(" left, loss 3.5\033[K"));
    EXPECT_THAT(drawn, testing::EndsWith("\r\033[K"));  // cleared for "between"
    EXPECT_EQ(lines.size(), 2u);
}

TEST_F(Log, WorkThatThrewLeavesItsLineStanding) {
    set_progress_enabled(true);
    set_progress_terminal(true);
    testing::internal::CaptureStderr();
    try {
        Progress progress("sft", "steps", 3);
        wait_beyond_redraw();
        progress.update(1);
        throw std::runtime_error("stop");
    } catch (const std::runtime_error&) {
    }
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::EndsWith("\033[K\n"));
    EXPECT_THAT(lines, IsEmpty());
}

TEST_F(Log, ASignalHandlerMayRequestAStop) {
    EXPECT_FALSE(stop_requested());
    const auto old = std::signal(SIGTERM, [](int) { request_stop(); });
    std::raise(SIGTERM);
    std::signal(SIGTERM, old);
    EXPECT_TRUE(stop_requested());
    clear_stop_request();
    EXPECT_FALSE(stop_requested());
}

}  // namespace
}  // namespace linvox
