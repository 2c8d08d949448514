// What a run tells the person who watches it: lines, and progress with rate and time left.
// Everything goes to stderr; results go to stdout, printed by src/cli alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace linvox {

/// Where lines go; set once by src/cli, silent in tests by default.
using LogSink = std::function<void(const std::string& line)>;
void set_log_sink(LogSink sink);
void log_line(const std::string& line);
void log_warning(const std::string& line);  // "warning: " in front

/// Progress of long work. On a terminal one line redrawn at most 10 times a second, else a plain
/// line at most every 10 seconds: "sft 320/2400 steps, 31.2 steps/s, 1 min 07 s left, loss 2.81".
/// The rate counts from the first update; resumed work calls update(done) before it starts.
/// finish() writes "sft 2400/2400 steps in 1 min 17 s, loss 2.13".
class Progress {
public:
    Progress(std::string what, std::string unit, std::int64_t total);
    ~Progress();
    void update(std::int64_t done, const std::string& note = "");
    void finish(const std::string& note = "");

private:
    struct State;
    std::unique_ptr<State> state_;
};
void set_progress_terminal(bool is_terminal);  // src/cli: isatty(2)
void set_progress_enabled(bool enabled);       // off in tests by default

/// Set by SIGINT or SIGTERM (src/cli installs the handler). Long loops ask it between steps,
/// save what they have and return or throw Interrupted.
bool stop_requested();
void request_stop();        // may be called in a signal handler
void clear_stop_request();  // for tests, and for a program that goes on after a stop

/// Thrown by work that stopped on request after saving. main() exits 130.
struct Interrupted {};

}  // namespace linvox
