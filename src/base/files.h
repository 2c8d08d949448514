// Files: whole reads, atomic writes, digests. A file that exists under its final name is whole.
// A process that is killed while it writes may leave a temporary ".NAME.tmp-PID-N" beside it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace linvox {

/// The bytes of a file; DataError with the system's reason when it is missing or unreadable.
std::string read_file(const std::filesystem::path& path);

/// A file written piece by piece under a temporary name beside `path`. It appears at commit(),
/// flushed to disk; without commit() it is dropped and `path` stays as it was. All members throw
/// UserError with the system's reason on a full disk, a missing or a read-only folder.
class AtomicFile {
public:
    explicit AtomicFile(const std::filesystem::path& path);
    ~AtomicFile();
    AtomicFile(AtomicFile&&) noexcept;
    void write(std::string_view bytes);
    void commit();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// An AtomicFile in one call; nothing is left behind when it throws.
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

/// Builds a directory under a temporary name with `fill(temporary)`, flushes its files, then
/// renames it into place (an old one is replaced, by an exchange where the file system has it).
/// Nothing is left behind when `fill` throws. UserError as above.
void write_directory_atomic(const std::filesystem::path& path,
                            const std::function<void(const std::filesystem::path&)>& fill);

/// mkdir -p; UserError with the system's reason.
void ensure_directory(const std::filesystem::path& path);

/// Incremental SHA-256 (OpenSSL). After hex() the object is spent: BugError on further use.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256& add(std::string_view bytes);
    Sha256& add_file(const std::filesystem::path& path);  // DataError as read_file
    template <typename T>
    Sha256& add_values(std::span<const T> values) {
        return add({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
    }
    std::string hex();  // lower case, 64 digits; ends the digest

private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);
std::string sha256_file(const std::filesystem::path& path);

}  // namespace linvox
