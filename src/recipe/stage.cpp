#include "src/recipe/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/config_io.h"
#include "src/recipe/version.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

/// Adds names and contents, so a renamed or changed file changes the digest. started.json and
/// stage.json hold times and are left out.
void add_path(Sha256& digest, const fs::path& path) {
    if (fs::is_symlink(path) && fs::exists(path.parent_path() / kLinkedDigestFile))
        return add_path(digest, path.parent_path() / kLinkedDigestFile);
    if (!fs::is_directory(path)) {
        digest.add(path.filename().string()).add("\n").add_file(path);
        return;
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file() && entry.path().filename() != "stage.json" &&
            entry.path().filename() != "started.json")
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) digest.add(fs::relative(file, path).string()).add("\n").add_file(file);
}

/// The key of a stage, or "" when an input is not there yet.
std::string stage_key(const Stage& stage, const RecipeConfig& config, const RunDirectory& run) {
    Sha256 digest;
    digest.add(kVersion).add(stage.name);
    digest.add(
        config_digest([&](ConfigVisitor& v) { const_cast<RecipeConfig&>(config).visit(v); }, stage.sections));
    for (const fs::path& input : stage.reads) {
        const fs::path path = run.root() / "stages" / input;
        if (!fs::exists(path)) return "";
        add_path(digest, path);
    }
    if (stage.outside)
        for (const fs::path& path : stage.outside(config)) add_path(digest, path);
    return digest.hex();
}

std::string stored_key(const fs::path& file) {
    if (!fs::exists(file)) return "";
    try {
        return read_json(file).value("key", "");
    } catch (const std::exception&) {
        return "";  // a torn file means the stage is redone
    }
}

enum class Action { skip, copy, resume, start };

Action decide(const fs::path& folder, const fs::path& other_folder, const std::string& key, bool forced) {
    if (forced || key.empty()) return Action::start;
    if (stored_key(folder / "stage.json") == key) return Action::skip;
    if (!other_folder.empty() && stored_key(other_folder / "stage.json") == key) return Action::copy;
    if (stored_key(folder / "started.json") == key) return Action::resume;
    return Action::start;
}

/// stage.json comes last, and started.json stays behind: a copy that was stopped looks neither finished nor
/// fit to resume.
void copy_stage(const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    ensure_directory(to);
    for (const auto& entry : fs::directory_iterator(from))
        if (entry.path().filename() != "stage.json" && entry.path().filename() != "started.json")
            fs::copy(entry.path(), to / entry.path().filename(),
                     fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    write_file_atomic(to / "stage.json", read_file(from / "stage.json"));
}

const char* action_name(Action action) {
    switch (action) {
        case Action::skip:
            return "skip";
        case Action::copy:
            return "copy";
        case Action::resume:
            return "resume";
        case Action::start:
            break;
    }
    return "run";
}

void run_one(const Stage& stage, const RecipeConfig& config, const RunDirectory& run, const std::string& key,
             Action action) {
    const fs::path folder = run.stage(stage.name);
    if (action == Action::start) fs::remove_all(folder);
    ensure_directory(folder);
    fs::remove(folder / "stage.json");
    write_json(folder / "started.json", {{"key", key}});
    const auto start = std::chrono::steady_clock::now();
    stage.run({config, run, folder});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    write_json(folder / "stage.json", {{"stage", stage.name},
                                       {"key", key},
                                       {"seconds", seconds},
                                       {"seed", config.seed},
                                       {"version", kVersion}});
    log_line(fmt::format("[{}] done in {}", stage.name, format_seconds(seconds)));
}

void check_names(const std::vector<Stage>& stages, const std::string& option, const std::string& name) {
    std::vector<std::string> names;
    for (const Stage& stage : stages) names.push_back(stage.name);
    if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return;
    const std::string nearest = nearest_name(name, names);
    throw UserError(fmt::format("{} '{}': must be one of {}{}", option, name, join(names, " "),
                                nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
}

}  // namespace

void run_stages(const std::vector<Stage>& stages, const RecipeConfig& config, const RunDirectory& run,
                const StageOptions& options) {
    check_names(stages, "--from", options.from);
    check_names(stages, "--only", options.only);
    LINVOX_REQUIRE(options.reuse.empty() || fs::is_directory(options.reuse / "stages"), UserError,
                   "--reuse {}: not a run directory (it has no folder 'stages')", options.reuse.string());
    LINVOX_REQUIRE(options.reuse.empty() || !options.dry_run, UserError,
                   "--dry-run cannot tell what --reuse will copy; leave one of them out");
    bool forced = false;
    bool earlier_would_run = false;
    for (const Stage& stage : stages) {
        if (!options.only.empty() && stage.name != options.only) continue;
        forced = forced || stage.name == options.from || stage.name == options.only;
        const std::string key = stage_key(stage, config, run);
        LINVOX_REQUIRE(
            !key.empty() || options.dry_run, UserError,
            "stage '{}' needs the results of the stages before it, which are not in {}; run without --only",
            stage.name, run.root().string());
        const fs::path other = options.reuse.empty() ? fs::path() : options.reuse / "stages" / stage.name;
        const Action action =
            earlier_would_run ? Action::start : decide(run.stage(stage.name), other, key, forced);
        if (options.dry_run) {
            earlier_would_run = earlier_would_run || action != Action::skip;
            log_line(fmt::format("{:<12} {:<8} {}", stage.name, action_name(action), stage.doc));
            continue;
        }
        if (action == Action::skip) {
            log_line(fmt::format("[{}] unchanged, skipped", stage.name));
            continue;
        }
        if (action == Action::copy) {
            copy_stage(other, run.stage(stage.name));
            log_line(fmt::format("[{}] taken over from {}", stage.name, options.reuse.string()));
            continue;
        }
        log_line(
            fmt::format("[{}] {}{}", stage.name, stage.doc, action == Action::resume ? " (resumed)" : ""));
        run_one(stage, config, run, key, action);
    }
}

}  // namespace linvox
