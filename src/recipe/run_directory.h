// Where a run keeps its files. Stages talk through this folder, never through memory.
//
//   RUN/config.toml                  the resolved recipe
//   RUN/stages/<stage>/stage.json    written last: the stage is whole
//   RUN/stages/<stage>/...           what the stage made
//   RUN/report/                      the last stage's product
#pragma once

#include <filesystem>
#include <string>

namespace linvox {

class RunDirectory {
public:
    /// Creates the folder; UserError when it cannot be written to, or when another linvox process
    /// works in it (an advisory lock, released when this object goes).
    explicit RunDirectory(std::filesystem::path root);
    ~RunDirectory();
    RunDirectory(const RunDirectory&) = delete;
    RunDirectory& operator=(const RunDirectory&) = delete;

    const std::filesystem::path& root() const { return root_; }
    std::filesystem::path stage(const std::string& name) const { return root_ / "stages" / name; }
    std::filesystem::path report() const { return root_ / "report"; }

private:
    std::filesystem::path root_;
    int lock_ = -1;
};

}  // namespace linvox
