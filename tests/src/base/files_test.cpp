// Reads, atomic writes and digests; failures are provoked, and nothing may be left behind.
#include "src/base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <vector>

#include "src/base/error.h"

namespace linvox {
namespace fs = std::filesystem;
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::ThrowsMessage;
using testing::UnorderedElementsAre;

class Files : public testing::Test {
protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        folder = fs::path(testing::TempDir()) / ("linvox_files_" + std::string(test->name()));
        fs::remove_all(folder);
        fs::create_directories(folder);
    }
    void TearDown() override { fs::remove_all(folder); }

    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& entry : fs::directory_iterator(folder)) found.push_back(entry.path().filename());
        return found;
    }
    fs::path folder;
};

// No file may grow beyond a limit: the error a full disk gives, at a chosen byte. Root obeys too.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        getrlimit(RLIMIT_FSIZE, &old_);
        const rlimit limit{bytes, old_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        setrlimit(RLIMIT_FSIZE, &old_);
        std::signal(SIGXFSZ, old_handler_);
    }

private:
    rlimit old_{};
    void (*old_handler_)(int);
};

TEST_F(Files, ReadsBackWhatWasWritten) {
    std::string bytes("a\0\r\n\xff", 5);
    bytes += std::string(200000, 'x');
    write_file_atomic(folder / "file", bytes);
    EXPECT_EQ(read_file(folder / "file"), bytes);
    write_file_atomic(folder / "file", "");
    EXPECT_EQ(read_file(folder / "file"), "");
    EXPECT_THAT(names(), UnorderedElementsAre("file"));
}

TEST_F(Files, ReadErrorsNameThePathAndTheReason) {
    const std::string missing = (folder / "missing").string();
    EXPECT_THAT([&] { read_file(missing); },
                ThrowsMessage<DataError>(missing + ": cannot read: No such file or directory"));
    EXPECT_THAT([&] { read_file(folder); }, ThrowsMessage<DataError>(HasSubstr("Is a directory")));
    EXPECT_THROW(sha256_file(missing), DataError);
}

TEST_F(Files, WriteErrorsNameThePathAndTheReason) {
    write_file_atomic(folder / "file", "x");
    const std::string below = (folder / "file" / "sub").string();
    EXPECT_THAT([&] { write_file_atomic(below, "y"); },
                ThrowsMessage<UserError>(below + ": cannot write: Not a directory"));
    EXPECT_THAT([&] { write_file_atomic(folder / "none" / "f", "y"); },
                ThrowsMessage<UserError>(HasSubstr("No such file")));
    EXPECT_THAT([&] { write_file_atomic("/proc/linvox", "y"); },
                ThrowsMessage<UserError>(StartsWith("/proc/linvox: cannot write: ")));
    fs::create_directory(folder / "directory");
    EXPECT_THAT([&] { write_file_atomic(folder / "directory", "y"); },
                ThrowsMessage<UserError>(HasSubstr("Is a directory")));
    EXPECT_THAT(names(), UnorderedElementsAre("file", "directory"));
}

TEST_F(Files, AFullDiskLeavesTheOldFileAndNothingElse) {
    write_file_atomic(folder / "file", "old");
    {
        const FileSizeLimit limit(1000);
        EXPECT_THAT([&] { write_file_atomic(folder / "file", std::string(5000, 'x')); },
                    ThrowsMessage<UserError>(HasSubstr("cannot write: File too large")));
    }
    EXPECT_EQ(read_file(folder / "file"), "old");
    EXPECT_THAT(names(), UnorderedElementsAre("file"));
}

TEST_F(Files, AtomicFileAppearsAtCommitOnly) {
    {
        AtomicFile file(folder / "dropped");
        file.write("half");
    }
    EXPECT_THAT(names(), IsEmpty());
    AtomicFile file(folder / "kept");
    file.write("one ");
    EXPECT_FALSE(fs::exists(folder / "kept"));
    AtomicFile moved = std::move(file);
    moved.write("two");
    moved.commit();
    EXPECT_EQ(read_file(folder / "kept"), "one two");
    EXPECT_THROW(moved.write("late"), BugError);
    EXPECT_THROW(moved.commit(), BugError);
    EXPECT_THROW(file.write("gone"), BugError);
    EXPECT_THAT(names(), UnorderedElementsAre("kept"));
}

TEST_F(Files, ADirectoryAppearsWholeAndReplacesTheOldOne) {
    const auto fill_with = [](const std::string& name) {
        return [name](const fs::path& temporary) {
            fs::create_directory(temporary / "sub");
            write_file_atomic(temporary / "sub" / name, name);
        };
    };
    write_directory_atomic(folder / "model", fill_with("first"));
    EXPECT_EQ(read_file(folder / "model/sub/first"), "first");
    write_directory_atomic(folder / "model/", fill_with("second"));
    EXPECT_EQ(read_file(folder / "model/sub/second"), "second");
    EXPECT_FALSE(fs::exists(folder / "model/sub/first"));
    EXPECT_THAT(names(), UnorderedElementsAre("model"));
}

TEST_F(Files, AFailedDirectoryLeavesTheOldOneAndNothingElse) {
    write_directory_atomic(folder / "model", [](const fs::path& t) { write_file_atomic(t / "f", "old"); });
    const auto fail = [](const fs::path& temporary) {
        write_file_atomic(temporary / "f", "new");
        throw std::runtime_error("half-way");
    };
    EXPECT_THROW(write_directory_atomic(folder / "model", fail), std::runtime_error);
    EXPECT_EQ(read_file(folder / "model/f"), "old");
    write_file_atomic(folder / "file", "x");
    EXPECT_THROW(write_directory_atomic(folder / "file", [](const fs::path&) {}), UserError);
    EXPECT_THAT(names(), UnorderedElementsAre("model", "file"));
}

TEST_F(Files, EnsureDirectoryIsMkdirP) {
    ensure_directory(folder / "a/b/c");
    ensure_directory(folder / "a/b/c/");
    EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
    write_file_atomic(folder / "file", "x");
    EXPECT_THAT([&] { ensure_directory(folder / "file"); },
                ThrowsMessage<UserError>(HasSubstr("Not a directory")));
    EXPECT_THAT([&] { ensure_directory(folder / "file/sub"); },
                ThrowsMessage<UserError>(HasSubstr("Not a directory")));
    EXPECT_THROW(ensure_directory("/proc/linvox/x"), UserError);
}

// FIPS 180-2, appendix B, and the empty message (`printf '' | sha256sum`, coreutils 9.1).
TEST_F(Files, Sha256OfPublishedVectors) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    write_file_atomic(folder / "a", std::string(1000000, 'a'));
    EXPECT_EQ(sha256_file(folder / "a"), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_F(Files, Sha256InPiecesIsSha256OfTheWhole) {
    write_file_atomic(folder / "b", "b");
    const std::vector<char> last = {'c'};
    EXPECT_EQ(Sha256().add("a").add_file(folder / "b").add_values(std::span<const char>(last)).hex(),
              sha256_hex("abc"));
    Sha256 spent;
    spent.hex();
    EXPECT_THROW(spent.add("x"), BugError);
    EXPECT_THROW(spent.hex(), BugError);
}

}  // namespace
}  // namespace linvox
