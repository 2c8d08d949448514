// What the item browser shows, as compact JSON:
//   systems  [{label, css, ceiling}]         metrics  [{id, label, unit, better, headline, proportion}]
//   items    [{id, text, a: [answer or null, one a system]}]
//   answer   {v: [number | reason | null, one a metric], t: [[kind, reference, hypothesis]],
//             r: response, f: finish,
//             s: seconds, u: audio URL, g: picture URL, p: [start_s, step_s, [Hz]]}
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "eval/media.h"
#include "eval/report_markup.h"
#include "eval/report_page.h"
#include "eval/word_alignment.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"
#include "src/text/error_rate_normalise.h"

namespace linvox {
namespace {

using Json = nlohmann::json;

double short_number(double value) {
    if (value == 0) return 0;
    const double scale = std::pow(10.0, 5 - std::ceil(std::log10(std::fabs(value))));
    return std::round(value * scale) / scale;
}

Json transcript_json(const std::string& text, const std::string& transcript) {
    std::vector<std::string> reference, heard;
    try {
        reference = split_words(error_rate_normalise(text, "linvox"));
        heard = split_words(error_rate_normalise(transcript, "linvox"));
    } catch (const DataError&) {  // not UTF-8: shown as nothing heard, its metric says why
        return Json::array();
    }
    Json edits = Json::array();
    for (const WordEdit& edit : align_words(reference, heard))
        edits.push_back({std::string(1, edit.kind), edit.reference, edit.hypothesis});
    return edits;
}

std::string media_url(const Report& report, const std::filesystem::path& directory, const std::string& file) {
    if (!report.input.media.embed) return file;
    return data_uri(mime_type_of(std::filesystem::path(file).extension().string()),
                    read_file(directory / file));
}

Json answer_json(const Report& report, const ReportItem& item, const ReportAnswer& answer,
                 const std::filesystem::path& directory) {
    Json values = Json::array();
    for (const ReportMetric& metric : report.input.metrics) {
        const auto found = answer.values.find(metric.id);
        if (found == answer.values.end())
            values.push_back(nullptr);
        else if (found->second.valid())
            values.push_back(short_number(found->second.value()));
        else
            values.push_back(found->second.reason);
    }
    Json out{{"v", std::move(values)}};
    if (answer.transcript) out["t"] = transcript_json(item.text, *answer.transcript);
    if (answer.response) out["r"] = *answer.response;
    if (!answer.finish.empty()) out["f"] = answer.finish;
    if (answer.seconds) out["s"] = short_number(std::min(*answer.seconds, report.input.media.max_seconds));
    if (!answer.audio_file.empty()) out["u"] = media_url(report, directory, answer.audio_file);
    if (!answer.spectrogram_file.empty()) out["g"] = media_url(report, directory, answer.spectrogram_file);
    if (!answer.pitch_hz.empty()) {
        Json track = Json::array();
        for (double hz : answer.pitch_hz) track.push_back(std::round(hz));
        out["p"] = {short_number(answer.pitch_start_s), short_number(answer.pitch_step_s), std::move(track)};
    }
    return out;
}

}  // namespace

std::string page_data(const Report& report, const std::filesystem::path& directory) {
    const ReportInput& in = report.input;
    Json systems = Json::array(), metrics = Json::array(), items = Json::array();
    std::map<std::string, std::size_t> place;
    for (const ReportSystem& system : in.systems) {
        place[system.id] = systems.size();
        systems.push_back({{"label", system_label(in, system.id)},
                           {"css", system_class(in, system.id)},
                           {"ceiling", system.ceiling}});
    }
    for (const ReportMetric& metric : in.metrics)
        metrics.push_back({{"id", metric.id},
                           {"label", metric.label},
                           {"unit", metric.unit},
                           {"better", better_name(metric.better)},
                           {"headline", metric.headline},
                           {"proportion", metric.proportion}});
    std::map<std::string, std::vector<const ReportAnswer*>> answers;
    for (const ReportAnswer& answer : in.answers) answers[answer.item].push_back(&answer);
    for (const ReportItem& item : in.items) {
        Json row(in.systems.size(), nullptr);
        for (const ReportAnswer* answer : answers[item.id])
            row[place.at(answer->system)] = answer_json(report, item, *answer, directory);
        items.push_back({{"id", item.id}, {"text", item.text}, {"a", std::move(row)}});
    }
    const std::string first = in.comparisons.empty() ? "" : in.comparisons.front().candidate;
    return Json{{"systems", std::move(systems)},
                {"metrics", std::move(metrics)},
                {"items", std::move(items)},
                {"focus", first.empty() ? Json() : Json(place.at(first))}}
        .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace linvox
