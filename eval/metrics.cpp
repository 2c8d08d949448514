// THE metric table. To add a metric: write a pure function in its own file, wrap it in a few lines
// beside its kin (metric_scores.h), and add a row. Rows stand in report order. Each doc names the
// formula and its source; an id stands for all parameters, so a changed parameter is a new id.
#include <array>

#include "eval/metric.h"
#include "eval/metric_scores.h"

namespace linvox {
namespace {

constexpr unsigned kHeard = needs_text | needs_transcript;
constexpr unsigned kPair = needs_wave | needs_reference;
constexpr unsigned kSync = needs_wave | needs_reference | needs_synchronous;

const std::array kMetrics{
    Metric{"wer.linvox", "word error rate", "%", Better::down, kHeard,
           "(S + D + I) / N words by unit-cost Levenshtein; text and transcript normalised by `linvox`: "
           "lower case, no punctuation, apostrophes kept, CJK split per character. Corpus value: all errors "
           "/ all words.",
           score_wer_linvox},
    Metric{"cer.linvox", "character error rate", "%", Better::down, kHeard,
           "The same over characters without spaces.", score_cer_linvox},
    Metric{"wer.seedtts_en", "word error rate (Seed-TTS text rules)", "%", Better::down, kHeard,
           "Word error rate after the English text rules of Seed-TTS Eval: punctuation but ' deleted, lower "
           "case.",
           score_wer_seedtts},
    Metric{
        "mcd.linvox", "mel-cepstral distortion", "dB", Better::down, kPair,
        "10 sqrt(2) / ln 10 x mean distance of c1..cM along an exact DTW path (Kubichek 1993); mel-cepstra "
        "by Newton's method (Tokuda 1994), 25 ms frames every 5 ms, active frames only, level cancelled.",
        score_mcd},
    Metric{"f0.lnrmse.dtw", "F0 error", "ln", Better::down, kPair,
           "RMS of ln F0 differences over frames voiced in both; F0 after Boersma (1993), aligned by the DTW "
           "path of the mel-cepstra.",
           score_f0_lnrmse_dtw},
    Metric{"f0.vde.dtw", "voicing decision error", "%", Better::down, kPair,
           "Frames voiced in one file only, of all frames; aligned by DTW.", score_f0_vde_dtw},
    Metric{"f0.gpe.dtw", "gross pitch error", "%", Better::down, kPair,
           "Frames voiced in both whose F0 differs by more than 20 %; aligned by DTW.", score_f0_gpe_dtw},
    Metric{"f0.ffe.dtw", "F0 frame error", "%", Better::down, kPair,
           "Frames with a gross pitch error or a voicing error (Chu and Alwan 2009); aligned by DTW.",
           score_f0_ffe_dtw},
    Metric{"f0.centrmse.dtw", "F0 error in cents", "cents", Better::down, kPair,
           "1200 / ln 2 x f0.lnrmse.dtw.", score_f0_centrmse_dtw},
    Metric{"f0.corr.dtw", "F0 correlation", "", Better::up, kPair,
           "Pearson correlation of ln F0 over frames voiced in both; aligned by DTW.", score_f0_corr_dtw},
    Metric{"f0.vuv_f1.dtw", "voicing F1", "", Better::up, kPair, "F1 of the label `voiced`; aligned by DTW.",
           score_f0_vuv_f1_dtw},
    Metric{"duration.ratio", "duration ratio", "", Better::near_one, kPair,
           "Seconds / seconds of the recording. Corpus value: all seconds / all seconds.", score_duration},
    Metric{"tok.finish", "finished by itself", "", Better::up, needs_tokens,
           "1 if generation ended by a stop token after at least 4 frames, else 0.", score_finish, true},
    Metric{"tok.run", "longest run of one token", "s", Better::down, needs_tokens,
           "Longest stretch of one and the same frame, in seconds.", score_run},
    Metric{
        "tok.loop", "copies in the longest loop", "", Better::down, needs_tokens,
        "1 + floor(L / p), L the longest stretch with t[i] = t[i - p], the most over periods p up to 1024.",
        score_loop},
    Metric{"silence", "silence", "%", Better::none, needs_wave,
           "Inactive share of 25 ms frames; active: within 40 dB of the loudest frame and above -60 dBFS, "
           "gaps under 100 ms closed.",
           score_silence},
    Metric{"spk.bhatt", "voice distance", "", Better::down, kPair,
           "Bhattacharyya distance of MFCC Gaussians; a channel-sensitive baseline, not neural speaker "
           "similarity.",
           score_bhattacharyya},
    Metric{"spk.ahs", "voice sphericity", "", Better::down, kPair,
           "Arithmetic-harmonic sphericity of MFCC Gaussians (Bimbot and Mathan 1993).", score_sphericity},
    Metric{"tok.rate", "token rate", "", Better::near_one, needs_tokens,
           "(tokens / text units) / the training set's tokens per text unit.", score_token_rate},
    Metric{"tok.rep10", "repeats within 10 tokens", "%", Better::down, needs_tokens,
           "Tokens that occur among the 10 before them.", score_repeats10},
    Metric{"tok.rep64", "repeats within 64 tokens", "%", Better::down, needs_tokens,
           "Tokens that occur among the 64 before them.", score_repeats64},
    Metric{"tok.distinct1", "distinct tokens", "", Better::up, needs_tokens, "Distinct tokens / tokens.",
           score_distinct1},
    Metric{"tok.distinct2", "distinct bigrams", "", Better::up, needs_tokens, "Distinct bigrams / bigrams.",
           score_distinct2},
    Metric{"tok.distinct3", "distinct trigrams", "", Better::up, needs_tokens,
           "Distinct trigrams / trigrams.", score_distinct3},
    Metric{"tok.distinct4", "distinct 4-grams", "", Better::up, needs_tokens, "Distinct 4-grams / 4-grams.",
           score_distinct4},
    Metric{"tok.silence", "silent tokens", "%", Better::down, needs_tokens,
           "Share of tokens that code silence in the training audio.", score_silent_tokens},
    Metric{"tok.edit", "token edit distance", "", Better::down, needs_tokens,
           "Levenshtein distance to the recording's tokens / the longer length.", score_token_edit},
    Metric{"loudness", "loudness", "LUFS", Better::none, needs_wave,
           "Integrated loudness, ITU-R BS.1770-4 with gating.", score_loudness},
    Metric{"lra", "loudness range", "LU", Better::none, needs_wave, "EBU Tech 3342; 10 s or more.",
           score_lra},
    Metric{"peak", "sample peak", "dBFS", Better::down, needs_wave, "Largest |x|.", score_peak},
    Metric{"truepeak", "true peak", "dBFS", Better::down, needs_wave,
           "Largest |x| after oversampling, BS.1770-4.", score_truepeak},
    Metric{"clip", "clipping", "%", Better::down, needs_wave,
           "Samples in runs of 3 or more at full scale, or in flat tops.", score_clip},
    Metric{"dc", "DC offset", "FS", Better::down, needs_wave, "|mean of the samples|, full scale 1.",
           score_dc},
    Metric{"pause", "longest pause", "s", Better::none, needs_wave,
           "Longest inner stretch without activity of at least 200 ms; count and total are stored.",
           score_pause},
    Metric{"bandwidth", "bandwidth", "Hz", Better::up, needs_wave,
           "Highest frequency whose smoothed Welch spectrum is within 50 dB of its peak.", score_bandwidth},
    Metric{
        "click", "clicks", "1/s", Better::down, needs_wave,
        "Outliers of the LPC-16 residual above 40 x its running median; read the difference to a reference.",
        score_click},
    Metric{"rate.speech", "speech rate", "char/s", Better::none, needs_wave | needs_text,
           "Characters without spaces / seconds from first to last activity.", score_speech_rate},
    Metric{"rate.artic", "articulation rate", "char/s", Better::none, needs_wave | needs_text,
           "The same without pauses.", score_articulation_rate},
    Metric{"f0.median", "median F0", "Hz", Better::none, needs_wave, "Median of voiced frames.",
           score_f0_median},
    Metric{"f0.sd", "F0 spread", "st", Better::none, needs_wave,
           "Standard deviation in semitones; low against the recording: monotone.", score_f0_sd},
    Metric{"f0.range", "F0 range", "st", Better::none, needs_wave, "5 to 95 % range in semitones.",
           score_f0_range},
    Metric{"f0.voiced", "voiced share", "", Better::none, needs_wave, "Voiced frames / frames.",
           score_f0_voiced},
    Metric{"f0.jumps", "F0 jumps", "1/s", Better::down, needs_wave,
           "Steps above 6 semitones between neighbouring voiced frames, per second.", score_f0_jumps},
    Metric{"stoi", "STOI", "", Better::up, kSync, "Short-time objective intelligibility (Taal et al. 2011).",
           score_stoi},
    Metric{"estoi", "ESTOI", "", Better::up, kSync,
           "Extended STOI (Jensen and Taal 2016), without its noise term.", score_estoi},
    Metric{"si_sdr", "SI-SDR", "dB", Better::up, kSync,
           "Scale-invariant signal-to-distortion ratio (Le Roux et al. 2019), within +-100 dB.",
           score_si_sdr},
    Metric{"snr", "SNR", "dB", Better::up, kSync, "10 log10(sum s^2 / sum (s - x)^2), within +-100 dB.",
           score_snr},
    Metric{"segsnr", "segmental SNR", "dB", Better::up, kSync,
           "Mean over 30 ms frames, each limited to -10..35 dB (Loizou 2013).", score_segsnr},
    Metric{"fwsnrseg", "frequency-weighted SNR", "dB", Better::up, kSync,
           "Segmental SNR weighted over 25 critical bands (Hu and Loizou 2008).", score_fwsnrseg},
    Metric{"lsd", "log-spectral distance", "dB", Better::down, kSync,
           "Mean over frames of the RMS difference of dB spectra, Hann 2048/512.", score_lsd},
    Metric{"mel.l1", "mel L1", "ln", Better::down, kSync, "Mean |difference| of 80 log-mel bands.",
           score_mel_l1},
    Metric{"mrstft", "multi-resolution STFT", "", Better::down, kSync,
           "Spectral convergence + log-magnitude distance, mean of three resolutions (Yamamoto et al. 2020).",
           score_mrstft},
    Metric{"f0.lnrmse.sync", "F0 error, synchronous", "ln", Better::down, kSync,
           "f0.lnrmse on one time axis.", score_f0_lnrmse_sync},
    Metric{"f0.vde.sync", "voicing decision error, synchronous", "%", Better::down, kSync,
           "f0.vde on one time axis.", score_f0_vde_sync},
    Metric{"f0.gpe.sync", "gross pitch error, synchronous", "%", Better::down, kSync,
           "f0.gpe on one time axis.", score_f0_gpe_sync},
    Metric{"f0.ffe.sync", "F0 frame error, synchronous", "%", Better::down, kSync, "f0.ffe on one time axis.",
           score_f0_ffe_sync},
};

}  // namespace

std::span<const Metric> metrics() { return kMetrics; }

std::vector<std::string> headline_tts_metrics() {
    return {"wer.linvox",     "cer.linvox", "mcd.linvox", "f0.lnrmse.dtw", "f0.vde.dtw",
            "duration.ratio", "tok.finish", "tok.run",    "tok.loop",      "silence"};
}

}  // namespace linvox
