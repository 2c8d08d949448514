// Runs the linvox program itself, as a user would, on a recipe small enough for a test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace linvox::test {

struct Outcome {
    int code = 0;        // exit code; 128 + n after signal n
    std::string output;  // stdout and stderr
};

/// `linvox ARGUMENTS`, run by the shell; `before` is shell text in front of it, for example a limit.
Outcome linvox(const std::string& arguments, const std::string& before = "");

/// A running linvox in a process of its own.
class Process {
public:
    Process(const std::string& arguments, const std::filesystem::path& log);
    /// Waits until `path` exists or the program ends; false when it ended first.
    bool wait_for(const std::filesystem::path& path);
    /// Sends the signal and returns how the program ended.
    Outcome stop(int signal_number);

private:
    int pid_ = -1;
    std::filesystem::path log_;
};

/// An empty folder for the running test.
std::filesystem::path test_folder();

/// The clips with these ids, copied from samples/prompts-en into `folder` with a manifest.
void copy_clips(const std::filesystem::path& folder, const std::vector<std::string>& ids);

/// Every stage in seconds: 24 clips, tiny networks, LPO alone. Returns the recipe's path.
std::filesystem::path write_micro_recipe(const std::filesystem::path& folder);

void write_text(const std::filesystem::path& path, const std::string& text);
std::string read_text(const std::filesystem::path& path);

}  // namespace linvox::test
