#include "src/base/shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "src/base/error.h"
#include "src/base/log.h"

extern char** environ;

namespace linvox {
namespace {

/// posix_spawn's two argument objects, freed at the end.
struct SpawnPlan {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    SpawnPlan() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    ~SpawnPlan() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
};

pid_t start_shell(const std::string& command, const ShellFiles& files) {
    SpawnPlan plan;
    constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&plan.actions, 0, files.in.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&plan.actions, 1, files.out.c_str(), kWrite, 0644);
    posix_spawn_file_actions_addopen(&plan.actions, 2, files.err.c_str(), kWrite, 0644);
    // A group of its own, so that what the command starts can be ended with it.
    posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&plan.attributes, 0);
    std::string shell = "sh", option = "-c", text = command;
    char* arguments[] = {shell.data(), option.data(), text.data(), nullptr};
    pid_t child = 0;
    const int failed = posix_spawn(&child, "/bin/sh", &plan.actions, &plan.attributes, arguments, environ);
    LINVOX_REQUIRE(failed == 0, UserError, "'{}' cannot be started: {}", command, std::strerror(failed));
    return child;
}

}  // namespace

ShellResult run_shell(const std::string& command, const ShellFiles& files, double timeout_s) {
    using Clock = std::chrono::steady_clock;
    const pid_t child = start_shell(command, files);
    const auto start = Clock::now();
    auto pause = std::chrono::milliseconds(1);
    int status = 0;
    ShellResult result;
    bool ended = false, stopped = false;
    while (!ended) {
        ended = waitpid(child, &status, WNOHANG) == child;
        if (ended) break;
        result.timed_out = std::chrono::duration<double>(Clock::now() - start).count() > timeout_s;
        stopped = stop_requested();
        if (result.timed_out || stopped) {
            kill(-child, SIGKILL);
            waitpid(child, &status, 0);
            break;
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::milliseconds(100));
    }
    if (stopped) throw Interrupted{};
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

}  // namespace linvox
