// Whole reads and atomic writes with POSIX calls, which give the system's reason; see files.h.
#include "src/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "src/base/error.h"

namespace linvox {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail_read(const fs::path& path, int reason) {
    throw DataError(fmt::format("{}: cannot read: {}", path.string(), std::strerror(reason)));
}

[[noreturn]] void fail_write(const fs::path& path, int reason) {
    throw UserError(fmt::format("{}: cannot write: {}", path.string(), std::strerror(reason)));
}

// Owns an open file; -1 for none.
struct Descriptor {
    int number = -1;
    explicit Descriptor(int opened) : number(opened) {}
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
};

// Calls visit(bytes) on one block after another.
template <typename Visit>
void read_blocks(const fs::path& path, Visit visit) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.number < 0) fail_read(path, errno);
    char block[1 << 16];
    for (;;) {
        const ssize_t count = ::read(file.number, block, sizeof block);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_read(path, errno);
        if (count == 0) return;
        visit(std::string_view(block, static_cast<std::size_t>(count)));
    }
}

// Some file systems cannot sync a folder, or anything; that is their promise to break, not ours.
bool sync_descriptor(int descriptor) {
    return ::fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP;
}

void sync_path(const fs::path& path) {
    const Descriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (opened.number >= 0 && !sync_descriptor(opened.number)) fail_write(path, errno);
}

void sync_parent(const fs::path& path) {
    sync_path(path.parent_path().empty() ? fs::path(".") : path.parent_path());
}

// "runs/demo/" names the same directory as "runs/demo".
fs::path without_trailing_slash(const fs::path& path) {
    return path.has_filename() ? path : path.parent_path();
}

fs::path temporary_beside(const fs::path& path) {
    static std::atomic<unsigned> counter{0};
    return path.parent_path() / fmt::format(".{}.tmp-{}-{}", path.filename().string(), ::getpid(), counter++);
}

// Puts `temporary` where an old directory stands; the old one is removed.
void replace_directory(const fs::path& temporary, const fs::path& path) {
    if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
        fs::remove_all(temporary);
        return;
    }
    // Without exchange (some network file systems) there is a moment without the directory.
    const fs::path old = temporary_beside(path);
    if (::rename(path.c_str(), old.c_str()) != 0) fail_write(path, errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        const int reason = errno;
        ::rename(old.c_str(), path.c_str());
        fail_write(path, reason);
    }
    fs::remove_all(old);
}

}  // namespace

struct AtomicFile::State {
    fs::path path, temporary;
    Descriptor file{-1};

    ~State() {
        if (file.number >= 0) ::unlink(temporary.c_str());
    }
};

AtomicFile::AtomicFile(const fs::path& path) : state_(std::make_unique<State>()) {
    state_->path = path;
    state_->temporary = temporary_beside(path);
    state_->file.number = ::open(state_->temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (state_->file.number < 0) fail_write(path, errno);
}

AtomicFile::~AtomicFile() = default;
AtomicFile::AtomicFile(AtomicFile&&) noexcept = default;

void AtomicFile::write(std::string_view bytes) {
    LINVOX_ASSERT(state_ && state_->file.number >= 0, "write after commit");
    while (!bytes.empty()) {
        const ssize_t count = ::write(state_->file.number, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_write(state_->path, errno);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

void AtomicFile::commit() {
    LINVOX_ASSERT(state_ && state_->file.number >= 0, "commit twice");
    if (!sync_descriptor(state_->file.number)) fail_write(state_->path, errno);
    if (::rename(state_->temporary.c_str(), state_->path.c_str()) != 0) fail_write(state_->path, errno);
    const int closed = ::close(std::exchange(state_->file.number, -1));
    if (closed != 0) fail_write(state_->path, errno);
    sync_parent(state_->path);
}

std::string read_file(const fs::path& path) {
    std::string bytes;
    read_blocks(path, [&](std::string_view block) { bytes.append(block); });
    return bytes;
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
    AtomicFile file(path);
    file.write(bytes);
    file.commit();
}

void write_directory_atomic(const fs::path& wanted, const std::function<void(const fs::path&)>& fill) {
    const fs::path path = without_trailing_slash(wanted);
    const fs::path temporary = temporary_beside(path);
    ensure_directory(temporary);
    try {
        fill(temporary);
        for (const auto& entry : fs::recursive_directory_iterator(temporary)) {
            if (entry.is_regular_file()) sync_path(entry.path());
        }
        if (fs::is_directory(path)) {
            replace_directory(temporary, path);
        } else if (::rename(temporary.c_str(), path.c_str()) != 0) {
            fail_write(path, errno);
        }
    } catch (...) {
        std::error_code ignored;
        fs::remove_all(temporary, ignored);
        throw;
    }
    sync_parent(path);
}

void ensure_directory(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    // Some libraries are content when a file stands in the last place.
    if (!error && !fs::is_directory(path)) error = std::make_error_code(std::errc::not_a_directory);
    if (error)
        throw UserError(fmt::format("{}: cannot create the folder: {}", path.string(), error.message()));
}

struct Sha256::State {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    bool spent = false;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    const bool started = EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1;
    LINVOX_ASSERT(started, "OpenSSL has no SHA-256");
}

Sha256::~Sha256() = default;

Sha256& Sha256::add(std::string_view bytes) {
    LINVOX_ASSERT(!state_->spent, "Sha256 used after hex()");
    EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size());
    return *this;
}

Sha256& Sha256::add_file(const fs::path& path) {
    read_blocks(path, [this](std::string_view block) { add(block); });
    return *this;
}

std::string Sha256::hex() {
    LINVOX_ASSERT(!std::exchange(state_->spent, true), "Sha256 used after hex()");
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(state_->context.get(), digest, &length);
    std::string text;
    for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
}

std::string sha256_hex(std::string_view bytes) { return Sha256().add(bytes).hex(); }

std::string sha256_file(const fs::path& path) { return Sha256().add_file(path).hex(); }

}  // namespace linvox
