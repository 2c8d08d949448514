// Small pieces that every page of the report is made of: escaping, numbers, direction marks, whiskers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/report.h"

namespace linvox {

/// Text safe inside elements and quoted attributes.
std::string escape_html(std::string_view text);

/// JSON safe inside a <script> element: no '<', no line separators that end a script.
std::string escape_script(std::string_view json);

/// A value with the decimals that its unit deserves ("28.2", "7.83", "0.164"), minus as U+2212.
std::string format_value(double value, std::string_view unit);
std::string format_signed(double value, std::string_view unit);
/// "37.4 %", "7.83 dB"; the number alone without a unit.
std::string with_unit(const std::string& number, std::string_view unit);
/// "< 0.001", "0.012"; "n/a" for none.
std::string format_p(const std::optional<double>& p);
/// "[25.1, 31.4]"; "" for none.
std::string format_interval(const std::optional<Interval>& interval, std::string_view unit);

/// "lower is better", "higher is better", "best near 1", "descriptive".
std::string direction_words(Better better);
/// The same as one character (an arrow), "" for descriptive metrics.
std::string direction_arrow(Better better);

/// "0 to 1 in nice steps": at most about `count` round numbers covering [low, high].
std::vector<double> axis_ticks(double low, double high, int count);
std::string format_tick(double value);

/// CSS class that gives a system its colour: "s0", "s1", ... for ranked systems, "c0", ... for ceilings.
std::string system_class(const ReportInput& input, const std::string& id);
std::string system_label(const ReportInput& input, const std::string& id);

const ReportMetric& report_metric_of(const ReportInput& input, const std::string& id);

}  // namespace linvox
