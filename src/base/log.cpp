// Lines and progress; see log.h. One mutex keeps lines of different threads apart.
#include "src/base/log.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <utility>

#include "src/base/text.h"

namespace linvox {
namespace {

using Clock = std::chrono::steady_clock;

struct LogState {
    std::mutex mutex;
    LogSink sink;
    bool terminal = false;
    bool progress = false;
    bool line_drawn = false;  // a progress line stands on the terminal, without its newline
};

LogState& log_state() {
    static LogState state;
    return state;
}

std::atomic<bool> stop_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

void send_line(LogState& log, const std::string& line) {
    if (std::exchange(log.line_drawn, false)) std::fputs("\r\033[K", stderr);
    if (log.sink) log.sink(line);
}

void draw_line(LogState& log, const std::string& line) {
    std::fputs(("\r" + line + "\033[K").c_str(), stderr);
    std::fflush(stderr);
    log.line_drawn = true;
}

}  // namespace

void set_log_sink(LogSink sink) {
    const std::lock_guard lock(log_state().mutex);
    log_state().sink = std::move(sink);
}

void log_line(const std::string& line) {
    const std::lock_guard lock(log_state().mutex);
    send_line(log_state(), line);
}

void log_warning(const std::string& line) { log_line("warning: " + line); }

void set_progress_terminal(bool is_terminal) {
    const std::lock_guard lock(log_state().mutex);
    log_state().terminal = is_terminal;
}

void set_progress_enabled(bool enabled) {
    const std::lock_guard lock(log_state().mutex);
    log_state().progress = enabled;
}

struct Progress::State {
    std::string what, unit;
    std::int64_t total = 0;
    Clock::time_point start = Clock::now();
    // The rate counts from the first update, so that resumed work shows its true speed.
    std::int64_t first_done = -1;
    Clock::time_point first_time, last_shown = start;
    std::int64_t done = 0;
    bool finished = false;

    std::string line(const std::string& note) const {
        std::string text = fmt::format("{} {}/{} {}", what, done, total, unit);
        const double seconds = seconds_since(first_time);
        if (done > first_done && seconds > 0) {
            const double rate = static_cast<double>(done - first_done) / seconds;
            text += fmt::format(", {:.3g} {}/s", rate, unit);
            if (done < total)
                text += fmt::format(", {} left", format_seconds(static_cast<double>(total - done) / rate));
        }
        return note.empty() ? text : text + ", " + note;
    }
};

Progress::Progress(std::string what, std::string unit, std::int64_t total)
    : state_(std::make_unique<State>()) {
    state_->what = std::move(what);
    state_->unit = std::move(unit);
    state_->total = total;
}

// Work that threw leaves its last progress line readable.
Progress::~Progress() {
    LogState& log = log_state();
    const std::lock_guard lock(log.mutex);
    if (!state_->finished && std::exchange(log.line_drawn, false)) std::fputs("\n", stderr);
}

void Progress::update(std::int64_t done, const std::string& note) {
    LogState& log = log_state();
    const std::lock_guard lock(log.mutex);
    State& state = *state_;
    state.done = done;
    if (state.first_done < 0) state.first_done = done, state.first_time = Clock::now();
    if (!log.progress || seconds_since(state.last_shown) < (log.terminal ? 0.1 : 10.0)) return;
    state.last_shown = Clock::now();
    if (log.terminal) {
        draw_line(log, state.line(note));
    } else {
        send_line(log, state.line(note));
    }
}

void Progress::finish(const std::string& note) {
    LogState& log = log_state();
    const std::lock_guard lock(log.mutex);
    State& state = *state_;
    if (std::exchange(state.finished, true) || !log.progress) return;
    const std::string seconds = format_seconds(seconds_since(state.start));
    const std::string tail = note.empty() ? "" : ", " + note;
    send_line(log, fmt::format("{} {}/{} {} in {}{}", state.what, state.done, state.total, state.unit,
                               seconds, tail));
}

bool stop_requested() { return stop_flag.load(std::memory_order_relaxed); }
void request_stop() { stop_flag.store(true, std::memory_order_relaxed); }
void clear_stop_request() { stop_flag.store(false, std::memory_order_relaxed); }

}  // namespace linvox
