// report.json, schema linvox.report/1: written and read back without loss. Null stands for every number
// that does not exist; NaN and Infinity cannot occur.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "eval/report.h"
#include "eval/report_json_parts.h"
#include "src/base/error.h"

namespace linvox {
namespace {

using Json = nlohmann::json;
constexpr const char* kSchema = "linvox.report/1";

std::optional<double> read_optional(const Json& value) {
    if (value.is_null()) return {};
    return value.get<double>();
}
Json optional(const std::optional<double>& value) { return value ? number_json(*value) : Json(); }

Json run_json(const ReportRun& run, const Resampling& resampling, const ReportMediaOptions& media) {
    return {{"title", run.title},
            {"version", run.version},
            {"commit", run.commit},
            {"config_hash", run.config_hash},
            {"date", run.date},
            {"args", run.args},
            {"seed", run.seed},
            {"asr", {{"engine", run.asr}}},
            {"facts", run.facts},
            {"notes", run.notes},
            {"resampling",
             {{"resamples", resampling.resamples},
              {"trials", resampling.trials},
              {"seed", resampling.seed},
              {"level", resampling.level}}},
            {"media",
             {{"max_items", media.max_items}, {"max_seconds", media.max_seconds}, {"embed", media.embed}}}};
}

void read_run(const Json& j, ReportInput& input) {
    ReportRun& run = input.run;
    j.at("title").get_to(run.title);
    j.at("version").get_to(run.version);
    j.at("commit").get_to(run.commit);
    j.at("config_hash").get_to(run.config_hash);
    j.at("date").get_to(run.date);
    j.at("args").get_to(run.args);
    j.at("seed").get_to(run.seed);
    j.at("asr").at("engine").get_to(run.asr);
    j.at("facts").get_to(run.facts);
    j.at("notes").get_to(run.notes);
    const Json& resampling = j.at("resampling");
    resampling.at("resamples").get_to(input.resampling.resamples);
    resampling.at("trials").get_to(input.resampling.trials);
    resampling.at("seed").get_to(input.resampling.seed);
    resampling.at("level").get_to(input.resampling.level);
    const Json& media = j.at("media");
    media.at("max_items").get_to(input.media.max_items);
    media.at("max_seconds").get_to(input.media.max_seconds);
    media.at("embed").get_to(input.media.embed);
}

Json profiles_json(const std::vector<ReportMetric>& metrics) {
    Json list = Json::object();
    int order = 0;
    for (const ReportMetric& m : metrics)
        list[m.id] = {{"version", 1},           {"order", order++},
                      {"label", m.label},       {"unit", m.unit},
                      {"doc", m.doc},           {"direction", better_name(m.better)},
                      {"headline", m.headline}, {"proportion", m.proportion}};
    return list;
}

std::vector<ReportMetric> read_profiles(const Json& list) {
    std::vector<ReportMetric> metrics(list.size());
    for (const auto& [id, j] : list.items()) {
        ReportMetric& m = metrics.at(j.at("order").get<std::size_t>());
        m.id = id;
        j.at("label").get_to(m.label);
        j.at("unit").get_to(m.unit);
        j.at("doc").get_to(m.doc);
        m.better = better_from_name(j.at("direction").get<std::string>());
        j.at("headline").get_to(m.headline);
        j.at("proportion").get_to(m.proportion);
    }
    return metrics;
}

Json value_json(const std::string& system, const std::string& metric, const MetricValue& value) {
    return {{"system", system},
            {"metric", metric},
            {"v", value.valid() ? number_json(value.value()) : Json()},
            {"sum", number_json(value.sum)},
            {"count", number_json(value.count)},
            {"status", value.valid()    ? "ok"
                       : value.failed() ? "failed"
                                        : "not_applicable"},
            {"reason", value.reason},
            {"extra", value.extra}};
}

Json answer_json(const ReportAnswer& answer) {
    Json pitch;
    if (!answer.pitch_hz.empty())
        pitch = {{"start", answer.pitch_start_s}, {"step", answer.pitch_step_s}, {"hz", answer.pitch_hz}};
    return {{"system", answer.system},
            {"transcript", answer.transcript ? Json(*answer.transcript) : Json()},
            {"response", answer.response ? Json(*answer.response) : Json()},
            {"finish", answer.finish},
            {"wave", answer.wave_path.string()},
            {"audio", answer.audio_file},
            {"spectrogram", answer.spectrogram_file},
            {"seconds", optional(answer.seconds)},
            {"pitch", std::move(pitch)}};
}

Json items_json(const ReportInput& input) {
    std::map<std::string, Json> values, answers;
    for (const ReportAnswer& answer : input.answers) {
        answers[answer.item].push_back(answer_json(answer));
        for (const auto& [metric, value] : answer.values)
            values[answer.item].push_back(value_json(answer.system, metric, value));
    }
    Json list = Json::array();
    for (const ReportItem& item : input.items)
        list.push_back({{"id", item.id},
                        {"cluster", item.cluster},
                        {"text", item.text},
                        {"values", values[item.id].is_null() ? Json::array() : values[item.id]},
                        {"answers", answers[item.id].is_null() ? Json::array() : answers[item.id]}});
    return list;
}

ReportAnswer read_answer(const Json& j, const std::string& item) {
    ReportAnswer answer;
    answer.item = item;
    j.at("system").get_to(answer.system);
    if (!j.at("transcript").is_null()) answer.transcript = j.at("transcript").get<std::string>();
    // Reports of speech written before there were responses lack the key.
    if (j.contains("response") && !j["response"].is_null())
        answer.response = j["response"].get<std::string>();
    j.at("finish").get_to(answer.finish);
    answer.wave_path = j.at("wave").get<std::string>();
    j.at("audio").get_to(answer.audio_file);
    j.at("spectrogram").get_to(answer.spectrogram_file);
    answer.seconds = read_optional(j.at("seconds"));
    if (const Json& pitch = j.at("pitch"); !pitch.is_null()) {
        pitch.at("start").get_to(answer.pitch_start_s);
        pitch.at("step").get_to(answer.pitch_step_s);
        pitch.at("hz").get_to(answer.pitch_hz);
    }
    return answer;
}

void read_items(const Json& list, ReportInput& input) {
    for (const Json& j : list) {
        ReportItem item;
        j.at("id").get_to(item.id);
        j.at("cluster").get_to(item.cluster);
        j.at("text").get_to(item.text);
        std::map<std::string, std::size_t> place;
        for (const Json& a : j.at("answers")) {
            place[a.at("system")] = input.answers.size();
            input.answers.push_back(read_answer(a, item.id));
        }
        for (const Json& v : j.at("values")) {
            MetricValue value;
            v.at("sum").get_to(value.sum);
            v.at("count").get_to(value.count);
            v.at("reason").get_to(value.reason);
            v.at("extra").get_to(value.extra);
            input.answers.at(place.at(v.at("system"))).values[v.at("metric")] = std::move(value);
        }
        input.items.push_back(std::move(item));
    }
}

Json aggregate_json(const Aggregate& a) {
    const auto& d = a.description;
    return {{"system", a.system},
            {"metric", a.metric},
            {"n", a.n},
            {"n_failed", a.n_failed},
            {"n_not_applicable", a.n_not_applicable},
            {"clusters", a.clusters},
            {"corpus", optional(a.corpus)},
            {"mean", d ? number_json(d->mean) : Json()},
            {"sd", d ? number_json(d->sd) : Json()},
            {"median", d ? number_json(d->median) : Json()},
            {"q", d ? Json{number_json(d->quartile1), number_json(d->quartile3)} : Json()},
            {"ci", interval_json(a.interval)},
            {"ci_method", a.interval_method},
            {"reasons", a.reasons}};
}

Aggregate read_aggregate(const Json& j) {
    Aggregate a;
    j.at("system").get_to(a.system);
    j.at("metric").get_to(a.metric);
    j.at("n").get_to(a.n);
    j.at("n_failed").get_to(a.n_failed);
    j.at("n_not_applicable").get_to(a.n_not_applicable);
    j.at("clusters").get_to(a.clusters);
    a.corpus = read_optional(j.at("corpus"));
    if (!j.at("mean").is_null())
        a.description =
            Description{a.n, j.at("mean"), j.at("sd"), j.at("median"), j.at("q").at(0), j.at("q").at(1)};
    a.interval = read_interval(j.at("ci"));
    j.at("ci_method").get_to(a.interval_method);
    j.at("reasons").get_to(a.reasons);
    return a;
}

Json comparison_json(const ComparisonResult& c) {
    return {{"a", c.baseline},
            {"b", c.candidate},
            {"metric", c.metric},
            {"n", c.n},
            {"clusters", c.clusters},
            {"n_left_out", c.n_left_out},
            {"distance_from_one", c.distance_from_one},
            {"a_value", optional(c.baseline_value)},
            {"b_value", optional(c.candidate_value)},
            {"diff", optional(c.difference)},
            {"ci", interval_json(c.interval)},
            {"test", c.test},
            {"p", optional(c.p)},
            {"p_holm", optional(c.p_holm)},
            {"p_wilcoxon", optional(c.p_wilcoxon)},
            {"p_improve", optional(c.probability_improved)},
            {"cliffs_delta", optional(c.cliffs_delta)},
            {"verdict", c.verdict}};
}

ComparisonResult read_comparison(const Json& j) {
    ComparisonResult c;
    j.at("a").get_to(c.baseline);
    j.at("b").get_to(c.candidate);
    j.at("metric").get_to(c.metric);
    j.at("n").get_to(c.n);
    j.at("clusters").get_to(c.clusters);
    j.at("n_left_out").get_to(c.n_left_out);
    j.at("distance_from_one").get_to(c.distance_from_one);
    c.baseline_value = read_optional(j.at("a_value"));
    c.candidate_value = read_optional(j.at("b_value"));
    c.difference = read_optional(j.at("diff"));
    c.interval = read_interval(j.at("ci"));
    j.at("test").get_to(c.test);
    c.p = read_optional(j.at("p"));
    c.p_holm = read_optional(j.at("p_holm"));
    c.p_wilcoxon = read_optional(j.at("p_wilcoxon"));
    c.probability_improved = read_optional(j.at("p_improve"));
    c.cliffs_delta = read_optional(j.at("cliffs_delta"));
    j.at("verdict").get_to(c.verdict);
    return c;
}

Json curve_json(const Curve& c) {
    return {{"run", c.run},     {"name", c.name}, {"split", c.split}, {"step", c.step},
            {"value", c.value}, {"low", c.low},   {"high", c.high}};
}

Curve read_curve(const Json& j) {
    Curve c;
    j.at("run").get_to(c.run);
    j.at("name").get_to(c.name);
    j.at("split").get_to(c.split);
    j.at("step").get_to(c.step);
    j.at("value").get_to(c.value);
    j.at("low").get_to(c.low);
    j.at("high").get_to(c.high);
    return c;
}

}  // namespace

Json report_to_json(const Report& report) {
    const ReportInput& in = report.input;
    return {{"schema", kSchema},
            {"run", run_json(in.run, in.resampling, in.media)},
            {"profiles", profiles_json(in.metrics)},
            {"systems", list_json(in.systems,
                                  [](const ReportSystem& s) {
                                      return Json{{"id", s.id},
                                                  {"label", s.label},
                                                  {"kind", s.ceiling ? "ceiling" : "system"},
                                                  {"seeds", s.seeds}};
                                  })},
            {"items", items_json(in)},
            {"aggregates", list_json(report.aggregates, aggregate_json)},
            {"comparisons", list_json(report.comparisons, comparison_json)},
            {"declared", list_json(in.comparisons,
                                   [](const ReportComparison& c) {
                                       return Json{c.baseline, c.candidate};
                                   })},
            {"curves", list_json(in.curves, curve_json)},
            {"panels", list_json(in.panels, panel_json)},
            {"warnings", report.warnings}};
}

Report report_from_json(const Json& document) {
    LINVOX_REQUIRE(document.is_object() && document.value("schema", Json()) == kSchema, DataError,
                   "report.json: \"schema\" must be \"{}\"", kSchema);
    Report report;
    try {
        ReportInput& in = report.input;
        read_run(document.at("run"), in);
        in.metrics = read_profiles(document.at("profiles"));
        read_list(document.at("systems"), in.systems, [](const Json& s) {
            return ReportSystem{s.at("id"), s.at("label"), s.at("kind") == "ceiling", s.at("seeds")};
        });
        read_items(document.at("items"), in);
        read_list(document.at("aggregates"), report.aggregates, read_aggregate);
        read_list(document.at("comparisons"), report.comparisons, read_comparison);
        read_list(document.at("declared"), in.comparisons, [](const Json& c) {
            return ReportComparison{c.at(0), c.at(1)};
        });
        read_list(document.at("curves"), in.curves, read_curve);
        read_list(document.at("panels"), in.panels, read_panel);
        document.at("warnings").get_to(report.warnings);
    } catch (const Json::exception& problem) {
        throw DataError(fmt::format("report.json: {}", problem.what()));
    }
    return report;
}

}  // namespace linvox
