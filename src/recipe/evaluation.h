// The scored items of a run: written by evaluate, read by report.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "eval/metric.h"

namespace linvox {

struct EvaluatedAnswer {
    std::string system, item, transcript;
    std::map<std::string, MetricValue> values;
};

void write_evaluated(const std::filesystem::path& path, const std::vector<EvaluatedAnswer>& answers);
std::vector<EvaluatedAnswer> read_evaluated(const std::filesystem::path& path);

}  // namespace linvox
