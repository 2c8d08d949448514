#include "eval/report_json_parts.h"

#include <fmt/format.h>

#include <cmath>

#include "src/base/error.h"

namespace linvox {
namespace {

using Json = nlohmann::json;

Json point_json(const ReportPoint& p) {
    return {{"x", number_json(p.x)},
            {"y", number_json(p.y)},
            {"x_interval", interval_json(p.x_interval)},
            {"y_interval", interval_json(p.y_interval)},
            {"label", p.label}};
}

Json plot_json(const ReportPlot& plot) {
    return {{"title", plot.title},
            {"note", plot.note},
            {"x_label", plot.x_label},
            {"log_x", plot.log_x},
            {"series", list_json(plot.series, [](const ReportSeries& s) {
                 return Json{{"name", s.name},
                             {"colour", s.colour},
                             {"joined", s.joined},
                             {"points", list_json(s.points, point_json)}};
             })}};
}

ReportPlot read_plot(const Json& j) {
    ReportPlot plot{j.at("title"), j.at("note"), j.at("x_label"), j.at("log_x"), {}};
    read_list(j.at("series"), plot.series, [](const Json& s) {
        ReportSeries series{s.at("name"), s.at("colour"), s.at("joined"), {}};
        read_list(s.at("points"), series.points, [](const Json& p) {
            return ReportPoint{p.at("x"), p.at("y"), read_interval(p.at("x_interval")),
                               read_interval(p.at("y_interval")), p.at("label")};
        });
        return series;
    });
    return plot;
}

}  // namespace

nlohmann::json number_json(double value) {
    LINVOX_ASSERT(std::isfinite(value), "a report may not hold {}", value);
    return value;
}

nlohmann::json interval_json(const std::optional<Interval>& i) {
    return i ? Json{number_json(i->low), number_json(i->high)} : Json();
}

std::optional<Interval> read_interval(const Json& value) {
    if (value.is_null()) return {};
    return Interval{value.at(0).get<double>(), value.at(1).get<double>()};
}

nlohmann::json panel_json(const ReportPanel& p) {
    Json tables = Json::array(), bars = Json::array();
    for (const ReportTable& t : p.tables)
        tables.push_back({{"caption", t.caption}, {"columns", t.columns}, {"rows", t.rows}});
    for (const ReportBars& b : p.bars)
        bars.push_back({{"title", b.title}, {"unit", b.unit}, {"labels", b.labels}, {"series", b.series}});
    return {{"id", p.id},
            {"title", p.title},
            {"lead", p.lead},
            {"facts", p.facts},
            {"warnings", p.warnings},
            {"tables", std::move(tables)},
            {"bars", std::move(bars)},
            {"plots", list_json(p.plots, plot_json)}};
}

ReportPanel read_panel(const Json& j) {
    ReportPanel p;
    j.at("id").get_to(p.id);
    j.at("title").get_to(p.title);
    j.at("lead").get_to(p.lead);
    j.at("facts").get_to(p.facts);
    j.at("warnings").get_to(p.warnings);
    for (const Json& t : j.at("tables")) p.tables.push_back({t.at("caption"), t.at("columns"), t.at("rows")});
    for (const Json& b : j.at("bars"))
        p.bars.push_back({b.at("title"), b.at("unit"), b.at("labels"), b.at("series")});
    if (j.contains("plots")) read_list(j["plots"], p.plots, read_plot);
    return p;
}

}  // namespace linvox
