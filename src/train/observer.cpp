#include "src/train/observer.h"

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "src/base/files.h"
#include "src/base/jsonl.h"

namespace linvox {
namespace {

using nlohmann::json;

json report_json(const StepReport& report) {
    json line = {{"step", report.step},
                 {"total_steps", report.total_steps},
                 {"epoch", report.epoch},
                 {"seconds", report.seconds}};
    for (const auto& [name, value] : report.values)
        line[name] = std::isfinite(value) ? json(value) : json(nullptr);
    return line;
}

/// Leaves the lines up to `last_step`; a resumed run writes the later ones again.
void cut_log(const std::filesystem::path& path, std::int64_t last_step) {
    std::string kept;
    if (last_step > 0 && std::filesystem::exists(path)) {
        JsonLinesWriter(path, JsonLinesWriter::Mode::append).close();  // cuts a torn last line
        for_each_json_line(path, [&](const json& line, std::size_t) {
            if (line.value("step", std::int64_t{0}) <= last_step) kept += line.dump() + "\n";
        });
    }
    write_file_atomic(path, kept);
}

}  // namespace

Observer jsonl_observer(const std::filesystem::path& path, std::int64_t resume_step) {
    cut_log(path, resume_step);
    const auto writer = std::make_shared<JsonLinesWriter>(path, JsonLinesWriter::Mode::append);
    const auto write = [writer](const StepReport& report) { writer->write(report_json(report)); };
    return {.on_step = write, .on_evaluation = write};
}

}  // namespace linvox
