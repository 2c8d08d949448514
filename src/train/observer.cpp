#include "src/train/observer.h"

#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"

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
    return {.on_step = write, .on_evaluation = write, .on_event = [writer](const TrainEvent& event) {
                writer->write({{"step", event.step},
                               {"event", event.kind},
                               {"name", event.name},
                               {"state", event.state},
                               {"message", event.message}});
            }};
}

std::vector<StepReport> read_reports(const std::filesystem::path& path) {
    std::vector<StepReport> reports;
    if (!std::filesystem::exists(path)) return reports;
    for_each_json_line(path, [&](const json& line, std::size_t) {
        if (line.contains("event")) return;
        StepReport report{line.at("step"),
                          line.value("total_steps", std::int64_t{0}),
                          line.value("epoch", 0.0),
                          line.value("seconds", 0.0),
                          {}};
        for (const auto& [name, value] : line.items()) {
            if (name == "step" || name == "total_steps" || name == "epoch" || name == "seconds") continue;
            if (value.is_number()) report.values[name] = value;
            if (value.is_null()) report.values[name] = std::numeric_limits<double>::quiet_NaN();
        }
        reports.push_back(std::move(report));
    });
    return reports;
}

Observer periodic_observer(std::int64_t every, std::function<std::map<std::string, double>()> measure,
                           std::vector<Observer> listeners) {
    const auto look = [every, measure = std::move(measure),
                       listeners = std::move(listeners)](const StepReport& step) {
        if (step.step % every != 0) return;
        StepReport report = step;
        try {
            report.values = measure();
        } catch (const Interrupted&) {
            return;
        }
        for (const Observer& listener : listeners)
            if (listener.on_evaluation) listener.on_evaluation(report);
    };
    return {.on_step = look};
}

}  // namespace linvox
