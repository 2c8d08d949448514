#include <cmath>
#include <optional>

#include "audio/loudness.h"
#include "eval/edit_rate.h"
#include "eval/metric_scores.h"
#include "eval/pitch_metrics.h"
#include "eval/signal_health.h"
#include "src/text/error_rate_normalise.h"

namespace linvox {
namespace {

Loudness loudness_of(const Recording& r) {
    return *r.feature<Loudness>("bs1770",
                                [](const Wave& w) { return measure_loudness(w.samples, w.sample_rate_hz); });
}

/// A level that has no number: the file is too short for the measure, or silent.
MetricValue level(const std::optional<double>& value, const Utterance& u, double shortest_s) {
    if (value) return metric_value(*value, 1);
    return metric_null(u.audio->duration_s() < shortest_s ? "too_short" : "silent");
}

Outcome<Silence> silence_of(const Utterance& u) {
    const auto wave = u.audio->wave();
    return silence(wave->samples, wave->sample_rate_hz, *activity_of(*u.audio));
}

Outcome<Pauses> pauses_of(const Utterance& u) {
    const auto wave = u.audio->wave();
    return pauses(wave->samples, wave->sample_rate_hz, *activity_of(*u.audio));
}

MetricValue rate(const Utterance& u, double SpeakingRate::*which) {
    const auto gaps = pauses_of(u);
    if (!gaps) return null_of(gaps.reason);
    const auto characters = character_edits(error_rate_normalise(u.text, "linvox"), "").reference_length();
    const auto result = speaking_rate(static_cast<std::size_t>(characters), *activity_of(*u.audio), *gaps);
    return result ? metric_value((*result).*which, 1) : null_of(result.reason);
}

MetricValue pitch_statistic(const Utterance& u, double PitchStats::*which) {
    const auto result = pitch_stats(*pitch_of(*u.audio));
    return result ? metric_value((*result).*which, 1) : null_of(result.reason);
}

}  // namespace

std::shared_ptr<const Activity> activity_of(const Recording& r) {
    return r.feature<Activity>("vad.e40",
                               [](const Wave& w) { return find_activity(w.samples, w.sample_rate_hz); });
}

std::shared_ptr<const PitchTrack> pitch_of(const Recording& r) {
    return r.feature<PitchTrack>("f0.boersma",
                                 [](const Wave& w) { return find_pitch(w.samples, w.sample_rate_hz); });
}

MetricValue score_loudness(const Utterance& u) {
    return level(loudness_of(*u.audio).integrated_lufs, u, 0.4);
}
MetricValue score_lra(const Utterance& u) { return level(loudness_of(*u.audio).range_lu, u, 10); }
MetricValue score_peak(const Utterance& u) { return level(loudness_of(*u.audio).peak_dbfs, u, 0); }
MetricValue score_truepeak(const Utterance& u) { return level(loudness_of(*u.audio).true_peak_dbfs, u, 0); }

MetricValue score_clip(const Utterance& u) { return value_of(clipping_percent(u.audio->wave()->samples)); }

MetricValue score_dc(const Utterance& u) {
    const auto offset = dc_offset(u.audio->wave()->samples);
    return offset ? metric_value(std::fabs(*offset), 1, {{"mean", *offset}}) : null_of(offset.reason);
}

MetricValue score_silence(const Utterance& u) {
    const auto result = silence_of(u);
    if (!result) return null_of(result.reason);
    const double frames = static_cast<double>(activity_of(*u.audio)->active.size());
    return metric_value(
        result->percent * frames, frames,
        {{"head_s", result->head_s}, {"tail_s", result->tail_s}, {"zeros_s", result->longest_zeros_s}});
}

MetricValue score_pause(const Utterance& u) {
    const auto result = pauses_of(u);
    if (!result) return null_of(result.reason);
    return metric_value(result->longest_s, 1,
                        {{"count", static_cast<double>(result->count)}, {"total_s", result->total_s}});
}

MetricValue score_bandwidth(const Utterance& u) {
    const auto wave = u.audio->wave();
    return value_of(bandwidth_hz(wave->samples, wave->sample_rate_hz));
}

MetricValue score_click(const Utterance& u) {
    const auto wave = u.audio->wave();
    return value_of(clicks_per_s(wave->samples, wave->sample_rate_hz));
}

MetricValue score_speech_rate(const Utterance& u) { return rate(u, &SpeakingRate::speech); }
MetricValue score_articulation_rate(const Utterance& u) { return rate(u, &SpeakingRate::articulation); }
MetricValue score_f0_median(const Utterance& u) { return pitch_statistic(u, &PitchStats::median_hz); }
MetricValue score_f0_sd(const Utterance& u) { return pitch_statistic(u, &PitchStats::sd_semitones); }
MetricValue score_f0_range(const Utterance& u) { return pitch_statistic(u, &PitchStats::range_semitones); }
MetricValue score_f0_voiced(const Utterance& u) { return pitch_statistic(u, &PitchStats::voiced_ratio); }
MetricValue score_f0_jumps(const Utterance& u) { return pitch_statistic(u, &PitchStats::jumps_per_s); }

}  // namespace linvox
