// Runs a program of the user's through the shell, its streams tied to files, so that nothing can block on a
// pipe.
#pragma once

#include <filesystem>
#include <string>

namespace linvox {

struct ShellFiles {
    std::filesystem::path in, out, err;
};

struct ShellResult {
    int exit_code = 0;  // 128 + n when signal n ended it
    bool timed_out = false;
};

/// `sh -c COMMAND` in the current directory. Ended with all its children after `timeout_s`, or when
/// stop_requested(): Interrupted then. UserError with the system's reason when it cannot be started.
ShellResult run_shell(const std::string& command, const ShellFiles& files, double timeout_s);

}  // namespace linvox
