#include "src/recipe/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {

RunDirectory::RunDirectory(std::filesystem::path root) : root_(std::move(root)) {
    ensure_directory(root_ / "stages");
    const std::string lock_file = (root_ / ".lock").string();
    lock_ = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    LINVOX_REQUIRE(lock_ >= 0, UserError,
                   "{}: the run directory must be writable: {}; choose another with --run DIR",
                   root_.string(), std::strerror(errno));
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        ::close(lock_);
        throw UserError(
            fmt::format("{}: another linvox process works in this run directory; wait for it or choose "
                        "another with --run DIR",
                        root_.string()));
    }
}

RunDirectory::~RunDirectory() { ::close(lock_); }

}  // namespace linvox
