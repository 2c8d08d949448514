// The report as a directory: which items get players, their media, and every file.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "audio/pitch.h"
#include "audio/wav.h"
#include "eval/media.h"
#include "eval/report_files.h"
#include "eval/report_page.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/parallel.h"

namespace linvox {
namespace {

using AnswersByItem = std::map<std::string, std::vector<ReportAnswer*>>;

AnswersByItem answers_by_item(ReportInput& input) {
    AnswersByItem answers;
    for (ReportAnswer& answer : input.answers) answers[answer.item].push_back(&answer);
    return answers;
}

/// How bad an item is over all ranked systems by one metric: larger is worse, failures are worst.
double badness(const ReportInput& input, const std::vector<ReportAnswer*>& answers,
               const ReportMetric& metric) {
    double sum = 0, count = 0;
    for (const ReportAnswer* answer : answers) {
        const auto system = std::find_if(input.systems.begin(), input.systems.end(),
                                         [&](const ReportSystem& s) { return s.id == answer->system; });
        const auto found = answer->values.find(metric.id);
        if (system->ceiling || found == answer->values.end()) continue;
        if (found->second.failed()) return std::numeric_limits<double>::infinity();
        if (!found->second.valid()) continue;
        const double value = found->second.value();
        sum += metric.better == Better::up         ? -value
               : metric.better == Better::near_one ? std::fabs(value - 1)
                                                   : value;
        ++count;
    }
    return count > 0 ? sum / count : -std::numeric_limits<double>::infinity();
}

const ReportMetric* ranking_metric(const ReportInput& input) {
    for (const ReportMetric& metric : input.metrics)
        if (metric.headline && metric.better != Better::none) return &metric;
    return input.metrics.empty() ? nullptr : &input.metrics.front();
}

/// Items with audio, worst first, one a cluster; half of the wanted number from the top, half evenly
/// spread over the rest.
std::vector<std::string> items_to_hear(const ReportInput& input, const AnswersByItem& answers) {
    const ReportMetric* metric = ranking_metric(input);
    std::vector<std::pair<double, const ReportItem*>> ranked;
    for (const ReportItem& item : input.items) {
        const auto found = answers.find(item.id);
        if (found == answers.end()) continue;
        const bool audible = std::any_of(found->second.begin(), found->second.end(),
                                         [](const ReportAnswer* a) { return !a->wave_path.empty(); });
        if (audible) ranked.push_back({metric ? badness(input, found->second, *metric) : 0, &item});
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<const ReportItem*> candidates;
    std::set<std::string> clusters;
    for (const auto& [bad, item] : ranked)
        if (clusters.insert(item->cluster.empty() ? item->id : item->cluster).second)
            candidates.push_back(item);
    const auto wanted =
        std::min(candidates.size(), static_cast<std::size_t>(std::max(input.media.max_items, 0)));
    const std::size_t worst = (wanted + 1) / 2, others = wanted - worst;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < worst; ++i) ids.push_back(candidates[i]->id);
    const std::size_t rest = candidates.size() - worst;
    for (std::size_t i = 0; i < others; ++i)
        ids.push_back(candidates[worst + (2 * i + 1) * rest / (2 * others)]->id);
    return ids;
}

std::string safe_name(const std::string& id) {
    std::string name = id;
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
    return name;
}

struct Heard {
    ReportAnswer* answer;
    Wave wave;
    MelPicture picture;
};

/// Audio, picture and pitch of all answers to one item; unreadable audio is left out here, as its
/// metrics already say why.
void make_media(const std::filesystem::path& directory, const ReportMediaOptions& options, std::size_t number,
                const std::vector<ReportAnswer*>& answers) {
    std::vector<Heard> heard;
    float top_db = -100;
    for (ReportAnswer* answer : answers) {
        if (answer->wave_path.empty()) continue;
        try {
            Wave wave = read_wave(answer->wave_path);
            if (wave.samples.empty()) continue;
            answer->seconds = wave.duration_s();
            wave.samples.resize(std::min(
                wave.samples.size(), static_cast<std::size_t>(options.max_seconds * wave.sample_rate_hz)));
            MelPicture picture = mel_picture(wave);
            top_db = std::max(top_db, picture.peak_db());
            heard.push_back({answer, std::move(wave), std::move(picture)});
        } catch (const DataError&) {
            continue;
        }
    }
    for (Heard& h : heard) {
        const std::string base = fmt::format("media/{:04}-{}", number, safe_name(h.answer->system));
        const MediaFile audio = encode_audio(h.wave);
        h.answer->audio_file = base + audio.extension;
        h.answer->spectrogram_file = base + ".png";
        write_file_atomic(directory / h.answer->audio_file, audio.bytes);
        write_file_atomic(directory / h.answer->spectrogram_file, mel_png(h.picture, top_db));
        PitchConfig config;
        config.step_s = 0.01;
        const PitchTrack track = find_pitch(h.wave.samples, h.wave.sample_rate_hz, config);
        h.answer->pitch_start_s = track.first_time_s;
        h.answer->pitch_step_s = track.step_s;
        h.answer->pitch_hz.assign(track.f0_hz.begin(), track.f0_hz.end());
        for (double& hz : h.answer->pitch_hz) hz = std::round(hz);
    }
}

void write_pages(const std::filesystem::path& directory, const Report& report) {
    write_file_atomic(directory / "utterances.csv", utterances_csv(report));
    write_file_atomic(directory / "utterances_wide.csv", utterances_wide_csv(report));
    write_file_atomic(directory / "summary.csv", summary_csv(report));
    write_file_atomic(directory / "summary.md", summary_markdown(report));
    write_file_atomic(directory / "index.html", report_page(report, directory));
}

}  // namespace

void write_report(const std::filesystem::path& directory, Report report) {
    AnswersByItem answers = answers_by_item(report.input);
    const std::vector<std::string> ids = items_to_hear(report.input, answers);
    write_directory_atomic(directory, [&](const std::filesystem::path& temporary) {
        ensure_directory(temporary / "media");
        parallel_for(ids.size(), [&](std::size_t i) {
            make_media(temporary, report.input.media, i + 1, answers.at(ids[i]));
        });
        write_json(temporary / "report.json", report_to_json(report));
        write_pages(temporary, report);
    });
}

void rebuild_report(const std::filesystem::path& directory) {
    write_pages(directory, report_from_json(read_json(directory / "report.json")));
}

}  // namespace linvox
