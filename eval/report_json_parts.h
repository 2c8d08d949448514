// Pieces of report.json that its readers and writers share: intervals, lists, panels.
// Internal to eval/report_json*.cpp; the format itself is report.h's.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "eval/report.h"

namespace linvox {

/// The value itself. BugError for NaN and Infinity, which a report may not hold.
nlohmann::json number_json(double value);

/// [low, high], or null for none.
nlohmann::json interval_json(const std::optional<Interval>& interval);
std::optional<Interval> read_interval(const nlohmann::json& value);

nlohmann::json panel_json(const ReportPanel& panel);
ReportPanel read_panel(const nlohmann::json& value);

template <typename T, typename Convert>
nlohmann::json list_json(const std::vector<T>& values, const Convert& convert) {
    nlohmann::json list = nlohmann::json::array();
    for (const T& value : values) list.push_back(convert(value));
    return list;
}

template <typename T, typename Convert>
void read_list(const nlohmann::json& list, std::vector<T>& values, const Convert& convert) {
    for (const nlohmann::json& j : list) values.push_back(convert(j));
}

}  // namespace linvox
