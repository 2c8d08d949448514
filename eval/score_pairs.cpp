#include <fmt/format.h>

#include <algorithm>

#include "audio/resample.h"
#include "eval/intelligibility.h"
#include "eval/mcd.h"
#include "eval/metric_scores.h"
#include "eval/pitch_metrics.h"
#include "eval/signal_pair.h"
#include "eval/speaker.h"
#include "eval/spectral.h"

namespace linvox {
namespace {

/// Results of a pair are kept with the test recording, under a key that names the reference.
std::string pair_key(const char* what, const Utterance& u) {
    return fmt::format("{} {}", what, static_cast<const void*>(u.reference.get()));
}

// --- mel-cepstra and pitch --------------------------------------------------------------------

struct CepstraPair {
    std::shared_ptr<const Outcome<MelCepstra>> reference, test;
    std::string_view problem;  // "" when both are there
};

std::shared_ptr<const Outcome<MelCepstra>> cepstra_of(const Recording& r, int rate_hz) {
    return r.feature<Outcome<MelCepstra>>(fmt::format("mcep@{}", rate_hz), [rate_hz](const Wave& w) {
        if (w.sample_rate_hz == rate_hz) return mel_cepstra(w.samples, rate_hz);
        return mel_cepstra(resample(w.samples, w.sample_rate_hz, rate_hz), rate_hz);
    });
}

CepstraPair cepstra_pair(const Utterance& u) {
    const int rate =
        mel_cepstrum_rate(std::min(u.reference->wave()->sample_rate_hz, u.audio->wave()->sample_rate_hz));
    if (rate == 0) return {{}, {}, kNotApplicable};
    CepstraPair pair{cepstra_of(*u.reference, rate), cepstra_of(*u.audio, rate), ""};
    if (!*pair.reference) pair.problem = pair.reference->reason;
    if (!*pair.test) pair.problem = pair.test->reason;
    return pair;
}

using PitchResult = Outcome<PitchComparison>;

PitchResult compare_dtw(const Utterance& u) {
    const auto reference = pitch_of(*u.reference), test = pitch_of(*u.audio);
    if (reference->f0_hz.empty() || test->f0_hz.empty()) return PitchResult::failed(kTooShort);
    const CepstraPair cepstra = cepstra_pair(u);
    if (!cepstra.problem.empty()) return PitchResult::failed(cepstra.problem);
    const auto pair = align_pitch_dtw(*reference, *test, **cepstra.reference, **cepstra.test);
    return pair ? PitchResult(compare_pitch(*pair)) : PitchResult::failed(pair.reason);
}

PitchResult compare_sync(const Utterance& u) {
    const auto reference = pitch_of(*u.reference), test = pitch_of(*u.audio);
    if (reference->f0_hz.empty() || test->f0_hz.empty()) return PitchResult::failed(kTooShort);
    return compare_pitch(align_pitch_sync(*reference, *test));
}

template <typename Read>
MetricValue read_pitch(const char* alignment, PitchResult (*compare)(const Utterance&), const Utterance& u,
                       const Read& read) {
    const auto result =
        u.audio->feature<PitchResult>(pair_key(alignment, u), [&](const Wave&) { return compare(u); });
    return *result ? read(**result) : null_of(result->reason);
}
template <typename Read>
MetricValue dtw_pitch(const Utterance& u, const Read& read) {
    return read_pitch("f0.dtw", compare_dtw, u, read);
}
template <typename Read>
MetricValue sync_pitch(const Utterance& u, const Read& read) {
    return read_pitch("f0.sync", compare_sync, u, read);
}

/// A share in percent that adds up over files, where the comparison has one.
MetricValue share(const Outcome<double>& percent, std::size_t part, std::size_t whole) {
    if (!percent) return null_of(percent.reason);
    return metric_value(100.0 * static_cast<double>(part), static_cast<double>(whole));
}
MetricValue gross(const PitchComparison& c) { return share(c.gpe_percent, c.gross, c.voiced_both); }
MetricValue voicing(const PitchComparison& c) { return share(c.vde_percent, c.voicing_errors, c.frames); }
MetricValue frame_errors(const PitchComparison& c) {
    return share(c.ffe_percent, c.gross + c.voicing_errors, c.frames);
}

// --- voices and synchronous pairs ---------------------------------------------------------------

MetricValue voice_distance(const Utterance& u, double (*distance)(const Gaussian&, const Gaussian&)) {
    const auto gaussian = [](const Recording& r) {
        return r.feature<Outcome<Gaussian>>("mfcc.c20", [](const Wave& w) {
            const auto features = mfcc_c20(w.samples, w.sample_rate_hz);
            return features ? fit_gaussian(*features, kMfccOrder)
                            : Outcome<Gaussian>::failed(features.reason);
        });
    };
    const auto reference = gaussian(*u.reference), test = gaussian(*u.audio);
    if (!*reference) return null_of(reference->reason);
    if (!*test) return null_of(test->reason);
    return metric_value(distance(**reference, **test), 1);
}

template <typename Score>
MetricValue synchronous(const Utterance& u, const Score& score) {
    const auto pair = u.audio->feature<Outcome<SignalPair>>(
        pair_key("pair", u), [&u](const Wave& w) { return make_signal_pair(*u.reference->wave(), w); });
    return *pair ? score(**pair) : null_of(pair->reason);
}

MetricValue intelligibility(const Utterance& u, double Intelligibility::*which) {
    using Result = Outcome<Intelligibility>;
    return synchronous(u, [&](const SignalPair& p) {
        const auto result = u.audio->feature<Result>(
            pair_key("stoi", u), [&p](const Wave&) { return stoi(p.reference, p.test, p.sample_rate_hz); });
        return *result ? metric_value((**result).*which, 1) : null_of(result->reason);
    });
}

MetricValue decibels(const Outcome<Decibels>& outcome) {
    if (!outcome) return null_of(outcome.reason);
    return metric_value(outcome->value, 1, {{"clamped", outcome->clamped ? 1.0 : 0.0}});
}

}  // namespace

MetricValue score_mcd(const Utterance& u) {
    const CepstraPair cepstra = cepstra_pair(u);
    if (!cepstra.problem.empty()) return null_of(cepstra.problem);
    const auto result = mcd_linvox(**cepstra.reference, **cepstra.test);
    if (!result) return null_of(result.reason);
    return metric_value(result->mcd_db, 1,
                        {{"path", static_cast<double>(result->path_length)},
                         {"reference_frames", static_cast<double>(result->reference_frames)},
                         {"frames", static_cast<double>(result->test_frames)},
                         {"warping_penalty", result->warping_penalty},
                         {"duration_difference_s", result->duration_difference_s},
                         {"duration_difference_percent", result->duration_difference_percent}});
}

MetricValue score_duration(const Utterance& u) {
    const double seconds = u.audio->duration_s(), reference = u.reference->duration_s();
    if (seconds <= 0 || reference <= 0) return metric_null("too_short");
    return metric_value(seconds, reference, {{"seconds", seconds}, {"reference_seconds", reference}});
}

MetricValue score_bhattacharyya(const Utterance& u) { return voice_distance(u, bhattacharyya); }
MetricValue score_sphericity(const Utterance& u) { return voice_distance(u, sphericity); }

MetricValue score_f0_lnrmse_dtw(const Utterance& u) {
    return dtw_pitch(u, [](const PitchComparison& c) { return value_of(c.ln_rmse); });
}
MetricValue score_f0_centrmse_dtw(const Utterance& u) {
    return dtw_pitch(u, [](const PitchComparison& c) { return value_of(c.cent_rmse); });
}
MetricValue score_f0_corr_dtw(const Utterance& u) {
    return dtw_pitch(u, [](const PitchComparison& c) { return value_of(c.correlation); });
}
MetricValue score_f0_vuv_f1_dtw(const Utterance& u) {
    return dtw_pitch(u, [](const PitchComparison& c) {
        if (!c.vuv_f1) return null_of(c.vuv_f1.reason);
        return metric_value(c.vuv_f1->f1, 1,
                            {{"precision", c.vuv_f1->precision}, {"recall", c.vuv_f1->recall}});
    });
}
MetricValue score_f0_vde_dtw(const Utterance& u) { return dtw_pitch(u, voicing); }
MetricValue score_f0_gpe_dtw(const Utterance& u) { return dtw_pitch(u, gross); }
MetricValue score_f0_ffe_dtw(const Utterance& u) { return dtw_pitch(u, frame_errors); }
MetricValue score_f0_lnrmse_sync(const Utterance& u) {
    return sync_pitch(u, [](const PitchComparison& c) { return value_of(c.ln_rmse); });
}
MetricValue score_f0_vde_sync(const Utterance& u) { return sync_pitch(u, voicing); }
MetricValue score_f0_gpe_sync(const Utterance& u) { return sync_pitch(u, gross); }
MetricValue score_f0_ffe_sync(const Utterance& u) { return sync_pitch(u, frame_errors); }

MetricValue score_stoi(const Utterance& u) { return intelligibility(u, &Intelligibility::stoi); }
MetricValue score_estoi(const Utterance& u) { return intelligibility(u, &Intelligibility::estoi); }
MetricValue score_si_sdr(const Utterance& u) {
    return synchronous(u, [](const SignalPair& p) { return decibels(si_sdr(p.reference, p.test)); });
}
MetricValue score_snr(const Utterance& u) {
    return synchronous(u, [](const SignalPair& p) { return decibels(snr(p.reference, p.test)); });
}
MetricValue score_segsnr(const Utterance& u) {
    return synchronous(u, [](const SignalPair& p) {
        return value_of(segmental_snr(p.reference, p.test, p.sample_rate_hz));
    });
}
MetricValue score_fwsnrseg(const Utterance& u) {
    return synchronous(u, [](const SignalPair& p) {
        return value_of(frequency_weighted_snr(p.reference, p.test, p.sample_rate_hz));
    });
}
MetricValue score_lsd(const Utterance& u) {
    return synchronous(
        u, [](const SignalPair& p) { return value_of(log_spectral_distance(p.reference, p.test)); });
}
MetricValue score_mel_l1(const Utterance& u) {
    return synchronous(
        u, [](const SignalPair& p) { return value_of(mel_l1(p.reference, p.test, p.sample_rate_hz)); });
}
MetricValue score_mrstft(const Utterance& u) {
    return synchronous(u, [](const SignalPair& p) {
        const auto result = multi_resolution_stft(p.reference, p.test);
        if (!result) return null_of(result.reason);
        return metric_value(result->sum(), 1,
                            {{"convergence", result->convergence}, {"log_magnitude", result->log_magnitude}});
    });
}

}  // namespace linvox
