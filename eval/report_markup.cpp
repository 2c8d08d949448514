#include "eval/report_markup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/error.h"

namespace linvox {
namespace {

constexpr const char* kMinus = "\u2212";

int decimals_of(double value, std::string_view unit) {
    if (unit == "%" || unit == "LUFS" || unit == "LU" || unit == "dBFS" || unit == "char/s") return 1;
    if (unit == "dB" || unit == "s" || unit == "st") return 2;
    if (unit == "Hz" || unit == "cents") return 0;
    return std::fabs(value) >= 10 ? 2 : 3;
}

std::string format_decimals(double value, int decimals) {
    std::string text = fmt::format("{:.{}f}", std::fabs(value), decimals);
    const bool is_zero = text.find_first_not_of("0.") == std::string::npos;
    return value < 0 && !is_zero ? kMinus + text : text;
}

}  // namespace

std::string escape_html(std::string_view text) {
    std::string out;
    for (char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out.push_back(c);
        }
    }
    return out;
}

std::string escape_script(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
        const std::string_view rest = json.substr(i, 3);
        if (json[i] == '<') {
            out += "\\u003c";
        } else if (rest == "\xe2\x80\xa8" || rest == "\xe2\x80\xa9") {
            out += rest.back() == '\xa8' ? "\\u2028" : "\\u2029";
            i += 2;
        } else {
            out.push_back(json[i]);
        }
    }
    return out;
}

std::string format_value(double value, std::string_view unit) {
    return format_decimals(value, decimals_of(value, unit));
}

std::string format_signed(double value, std::string_view unit) {
    // A difference of small values needs their decimals, whatever its own size.
    const std::string text = format_decimals(value, decimals_of(0, unit));
    return value > 0 ? "+" + text : text;
}

std::string with_unit(const std::string& number, std::string_view unit) {
    return unit.empty() ? number : fmt::format("{} {}", number, unit);
}

std::string format_p(const std::optional<double>& p) {
    if (!p) return "n/a";
    if (*p < 0.001) return "< 0.001";
    return fmt::format("{:.3f}", *p);
}

std::string format_interval(const std::optional<Interval>& interval, std::string_view unit) {
    if (!interval) return "";
    return fmt::format("[{}, {}]", format_value(interval->low, unit), format_value(interval->high, unit));
}

std::string direction_words(Better better) {
    switch (better) {
        case Better::down:
            return "lower is better";
        case Better::up:
            return "higher is better";
        case Better::near_one:
            return "best near 1";
        case Better::none:
            break;
    }
    return "descriptive";
}

std::string direction_arrow(Better better) {
    switch (better) {
        case Better::down:
            return "\u2193";
        case Better::up:
            return "\u2191";
        case Better::near_one:
            return "\u2192"
                   "1";
        case Better::none:
            break;
    }
    return "";
}

std::vector<double> axis_ticks(double low, double high, int count) {
    if (!(high > low)) return {low};
    const double raw = (high - low) / std::max(count, 1);
    const double power = std::pow(10.0, std::floor(std::log10(raw)));
    double step = 10 * power;
    for (double factor : {5.0, 2.0, 1.0})
        if (factor * power >= raw * 0.999) step = factor * power;
    std::vector<double> ticks;
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i)
        ticks.push_back(i * step);
    return ticks;
}

std::string format_tick(double value) {
    if (std::fabs(value) < 1e-12) return "0";
    std::string text = std::fabs(value) >= 1e5 || std::fabs(value) < 1e-3 ? fmt::format("{:.2g}", value)
                                                                          : fmt::format("{:.4g}", value);
    return text[0] == '-' ? kMinus + text.substr(1) : text;
}

std::string system_class(const ReportInput& input, const std::string& id) {
    int ranked = 0, ceilings = 0;
    for (const ReportSystem& system : input.systems) {
        if (system.id == id)
            return system.ceiling ? fmt::format("c{}", ceilings % 3) : fmt::format("s{}", ranked % 6);
        ++(system.ceiling ? ceilings : ranked);
    }
    return "c2";
}

std::string system_label(const ReportInput& input, const std::string& id) {
    for (const ReportSystem& system : input.systems)
        if (system.id == id) return system.label.empty() ? system.id : system.label;
    return id;
}

const ReportMetric& report_metric_of(const ReportInput& input, const std::string& id) {
    for (const ReportMetric& metric : input.metrics)
        if (metric.id == id) return metric;
    throw BugError(fmt::format("the report has no metric '{}'", id));
}

}  // namespace linvox
