#include "src/base/shell.h"

#include <gtest/gtest.h>

#include <chrono>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"

namespace linvox {
namespace {

ShellFiles files() {
    const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "shell";
    ensure_directory(folder);
    write_file_atomic(folder / "in", "b\na\n");
    return {folder / "in", folder / "out", folder / "err"};
}

TEST(Shell, StreamsAreFilesAndTheExitCodeComesBack) {
    const ShellFiles streams = files();
    const ShellResult result = run_shell("sort; echo trouble >&2; exit 3", streams, 60);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_FALSE(result.timed_out);
    EXPECT_EQ(read_file(streams.out), "a\nb\n");
    EXPECT_EQ(read_file(streams.err), "trouble\n");
    EXPECT_EQ(run_shell("kill -9 $$", streams, 60).exit_code, 128 + 9);
}

TEST(Shell, ALateCommandIsEndedWithItsChildren) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(run_shell("sleep 30 | cat", files(), 0.1).timed_out);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(Shell, AStopRequestEndsTheCommand) {
    request_stop();
    EXPECT_THROW(run_shell("sleep 30", files(), 60), Interrupted);
    clear_stop_request();
}

}  // namespace
}  // namespace linvox
