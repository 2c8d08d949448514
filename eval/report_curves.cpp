// Training logs as curves: one number a field and line, thinned by averaging neighbouring steps.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "eval/report.h"
#include "src/base/jsonl.h"

namespace linvox {
namespace {

using Json = nlohmann::json;

struct Series {
    std::vector<double> step, value;
};

const std::set<std::string> kNotCurves{"step", "total_steps", "epoch", "seconds"};

/// Every numeric field by name; {mean, p10, p90} counts as NAME, NAME_p10, NAME_p90.
std::map<std::string, Series> read_series(const std::filesystem::path& path) {
    std::map<std::string, Series> series;
    const auto add = [&series](const std::string& name, double step, const Json& value) {
        if (!value.is_number()) return;
        series[name].step.push_back(step);
        series[name].value.push_back(value.get<double>());
    };
    for_each_json_line(path, [&](const Json& line, std::size_t) {
        if (!line.contains("step") || !line["step"].is_number()) return;
        const double step = line["step"].get<double>();
        for (const auto& [name, value] : line.items()) {
            if (kNotCurves.contains(name)) continue;
            add(name, step, value);
            if (!value.is_object() || !value.contains("mean")) continue;
            add(name, step, value["mean"]);
            for (const char* part : {"p10", "p90"})
                if (value.contains(part)) add(name + "_" + part, step, value[part]);
        }
    });
    return series;
}

/// Means of at most `points` runs of neighbours.
std::vector<double> thin(const std::vector<double>& values, std::size_t points) {
    const std::size_t count = std::min(points, values.size());
    std::vector<double> means(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t begin = i * values.size() / count, end = (i + 1) * values.size() / count;
        double sum = 0;
        for (std::size_t j = begin; j < end; ++j) sum += values[j];
        means[i] = sum / static_cast<double>(end - begin);
    }
    return means;
}

bool ends_with_percentile(const std::string& name) {
    return name.ends_with("_p10") || name.ends_with("_p50") || name.ends_with("_p90");
}

}  // namespace

std::vector<Curve> read_curves(const std::filesystem::path& jsonl, const std::string& run,
                               const std::string& split, int points) {
    const std::map<std::string, Series> series = read_series(jsonl);
    const auto wanted = static_cast<std::size_t>(std::max(points, 1));
    std::vector<Curve> curves;
    for (const auto& [name, data] : series) {
        if (ends_with_percentile(name) && series.contains(name.substr(0, name.size() - 4))) continue;
        Curve curve{run, name, split, thin(data.step, wanted), thin(data.value, wanted), {}, {}};
        const auto low = series.find(name + "_p10"), high = series.find(name + "_p90");
        if (low != series.end() && high != series.end() && low->second.step == data.step &&
            high->second.step == data.step) {
            curve.low = thin(low->second.value, wanted);
            curve.high = thin(high->second.value, wanted);
        }
        if (name.starts_with("eval_")) {
            curve.name = name.substr(5);
            curve.split = "held-out";
        }
        curves.push_back(std::move(curve));
    }
    return curves;
}

}  // namespace linvox
