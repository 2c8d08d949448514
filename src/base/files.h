// Files: whole reads, atomic writes, digests. A file that exists under its final name is whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace linvox {

/// The bytes of a file; DataError when it is missing or unreadable.
std::string read_file(const std::filesystem::path& path);

/// Writes beside `path` under a temporary name, flushes to disk, renames over it.
/// UserError with the system's reason on a full disk or read-only folder; nothing is left behind.
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

/// Builds a directory under a temporary name with `fill(temporary)`, then renames it into place
/// (an old one is replaced). Nothing is left behind when `fill` throws.
void write_directory_atomic(const std::filesystem::path& path,
                            const std::function<void(const std::filesystem::path&)>& fill);

/// mkdir -p; UserError with the system's reason.
void ensure_directory(const std::filesystem::path& path);

/// Incremental SHA-256 (OpenSSL).
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256& add(std::string_view bytes);
    Sha256& add_file(const std::filesystem::path& path);
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
