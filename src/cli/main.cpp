// main() alone reports errors and chooses the exit code:
// 0 done, 2 the user can fix it, 70 our fault, 130 stopped on request.
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/cli/parse.h"
#include "src/model/torch_compat.h"

namespace {

extern "C" void on_signal(int signal_number) {
    linvox::request_stop();
    // A second signal ends the process at once; what is on disk stays whole.
    std::signal(signal_number, SIG_DFL);
}

int bug(const char* what) {
    fmt::print(stderr, "linvox: internal error: {}\nplease report this with the command and the recipe\n",
               what);
    return 70;
}

int out_of_memory() {
    fmt::print(
        stderr,
        "linvox: out of memory on the host or the GPU; lower token_budget where models are scored or trained "
        "and batch_rows where they generate, or use another device (--device cpu)\n");
    return 2;
}

int guarded(int argc, char** argv) {
    try {
        return linvox::parse_and_run(argc, argv);
    } catch (const linvox::UserError& error) {
        fmt::print(stderr, "linvox: {}\n", error.what());
        return 2;
    } catch (const linvox::Interrupted&) {
        fmt::print(stderr, "linvox: stopped on request; the same command goes on from here\n");
        return 130;
    } catch (const c10::Error& error) {
        return linvox::is_out_of_memory(error) ? out_of_memory() : bug(error.what_without_backtrace());
    } catch (const std::exception& error) {
        return linvox::is_out_of_memory(error) ? out_of_memory() : bug(error.what());
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    std::signal(SIGPIPE, SIG_IGN);
    linvox::set_log_sink([](const std::string& line) { fmt::print(stderr, "{}\n", line); });
    linvox::set_progress_enabled(true);
    linvox::set_progress_terminal(isatty(2) != 0);
    return guarded(argc, argv);
}
