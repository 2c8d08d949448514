// The functions behind the rows of metrics.cpp: each takes what it needs from an utterance, calls the
// pure metric, and says sum, count and extras. No metric is defined here.
#pragma once

#include <memory>

#include "audio/activity.h"
#include "audio/pitch.h"
#include "eval/metric.h"
#include "eval/outcome.h"
#include "eval/utterance.h"

namespace linvox {

using MetricScore = MetricValue(const Utterance&);

// Text and codec tokens (score_tokens.cpp).
MetricScore score_wer_linvox, score_cer_linvox, score_wer_seedtts;
MetricScore score_finish, score_run, score_loop, score_token_rate, score_repeats10, score_repeats64;
MetricScore score_distinct1, score_distinct2, score_distinct3, score_distinct4;
MetricScore score_silent_tokens, score_token_edit;

// Against a recording of the same text (score_pairs.cpp).
MetricScore score_mcd, score_duration, score_bhattacharyya, score_sphericity;
MetricScore score_f0_lnrmse_dtw, score_f0_centrmse_dtw, score_f0_corr_dtw, score_f0_vuv_f1_dtw;
MetricScore score_f0_vde_dtw, score_f0_gpe_dtw, score_f0_ffe_dtw;
// Against a synchronous recording.
MetricScore score_f0_lnrmse_sync, score_f0_vde_sync, score_f0_gpe_sync, score_f0_ffe_sync;
MetricScore score_stoi, score_estoi, score_si_sdr, score_snr, score_segsnr, score_fwsnrseg;
MetricScore score_lsd, score_mel_l1, score_mrstft;

// One wave alone (score_waves.cpp).
MetricScore score_loudness, score_lra, score_peak, score_truepeak, score_clip, score_dc;
MetricScore score_silence, score_pause, score_bandwidth, score_click, score_speech_rate,
    score_articulation_rate;
MetricScore score_f0_median, score_f0_sd, score_f0_range, score_f0_voiced, score_f0_jumps;

// What they share.
std::shared_ptr<const Activity> activity_of(const Recording& recording);  // vad.e40
std::shared_ptr<const PitchTrack> pitch_of(const Recording& recording);   // f0.boersma
inline MetricValue null_of(std::string_view reason) { return metric_null(std::string(reason)); }
inline MetricValue value_of(const Outcome<double>& outcome) {
    return outcome ? metric_value(*outcome, 1) : null_of(outcome.reason);
}

}  // namespace linvox
