// codec: find the usable clips, fit the codec on the training ones, encode them all.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "audio/activity.h"
#include "audio/codec/mel_codec.h"
#include "eval/intelligibility.h"
#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/base/parallel.h"
#include "src/recipe/clips.h"
#include "src/recipe/manifest.h"
#include "src/recipe/stages.h"
#include "src/text/normalise.h"
#include "src/train/codec_fit.h"

namespace linvox {
namespace {

constexpr int kRate = 16000;

/// The reason a clip cannot be used, or "".
std::string unusable(const ClipRecord& clip, const Activity& activity, const DataConfig& config) {
    if (activity.silent()) return "silent";
    if (!spoken_words(clip.text, config.normaliser).is_speech()) return "not speech: the text has no words";
    const double seconds = clip.end_s - clip.begin_s;
    if (seconds < config.min_duration_s) return fmt::format("shorter than {} s", config.min_duration_s);
    if (seconds > config.max_duration_s) return fmt::format("longer than {} s", config.max_duration_s);
    return "";
}

ClipRecord inspect_clip(const Clip& clip, const DataConfig& config) {
    ClipRecord record{clip.id, clip.split, clip.text, clip.speaker, clip.audio, 0, 0, 0, "", {}};
    const Wave wave = read_wave(clip.audio, kRate);
    const Activity activity = find_activity(wave.samples, kRate);
    record.duration_s = wave.duration_s();
    record.begin_s = std::max(0.0, activity.begin_s() - config.margin_s);
    record.end_s = std::min(record.duration_s, activity.end_s() + config.margin_s);
    record.left_out = unusable(record, activity, config);
    return record;
}

/// Unreadable files are all named in one error, before any long work.
std::vector<ClipRecord> inspect_clips(const std::vector<Clip>& clips, const DataConfig& config) {
    std::vector<ClipRecord> records(clips.size());
    std::vector<std::string> problems(clips.size());
    parallel_for(clips.size(), [&](std::size_t i) {
        try {
            records[i] = inspect_clip(clips[i], config);
        } catch (const DataError& error) {
            problems[i] = error.what();
        }
    });
    std::string all;
    for (const std::string& problem : problems)
        if (!problem.empty()) all += "\n  " + problem;
    LINVOX_REQUIRE(all.empty(), DataError,
                   "audio files that cannot be used; repair them or take them out of {}:{}",
                   config.manifest.string(), all);
    return records;
}

std::vector<Wave> load_used(const std::vector<ClipRecord>& clips) {
    std::vector<Wave> waves(clips.size());
    parallel_for(clips.size(), [&](std::size_t i) {
        if (clips[i].used()) waves[i] = load_clip(clips[i], kRate);
    });
    return waves;
}

CodecFitResult fit(const std::vector<ClipRecord>& clips, const std::vector<Wave>& waves,
                   const CodecFitConfig& config) {
    std::vector<std::span<const float>> training;
    for (std::size_t i = 0; i < clips.size(); ++i)
        if (clips[i].used() && clips[i].split == "train") training.emplace_back(waves[i].samples);
    LINVOX_REQUIRE(!training.empty(), DataError,
                   "no training clip can be used; the stage's clips.jsonl says why");
    std::optional<Progress> progress;  // the total is known at the first call
    return fit_codec(training, config, [&](std::int64_t done, std::int64_t total, const std::string& note) {
        if (!progress) progress.emplace("codec", "units", total);
        progress->update(done, note);
    });
}

/// Augmented codings are for training clips alone.
void encode_all(std::vector<ClipRecord>& clips, const std::vector<Wave>& waves, const MelCodec& codec,
                const DataConfig& config) {
    parallel_for(clips.size(), [&](std::size_t i) {
        if (!clips[i].used()) return;
        clips[i].variants.push_back({1.0, 0, codec.encode(waves[i].samples).stream[0]});
        if (clips[i].split != "train") return;
        for (const double stretch : config.stretches)
            for (const std::int64_t shift : config.shifts)
                if (stretch != 1.0 || shift != 0)
                    clips[i].variants.push_back(
                        {stretch, shift,
                         codec.encode(waves[i].samples, {stretch, static_cast<int>(shift)}).stream[0]});
    });
}

/// Mean STOI of decoded clips outside training, or null.
nlohmann::json reconstruction_quality(const std::vector<ClipRecord>& clips, const std::vector<Wave>& waves,
                                      const MelCodec& codec) {
    std::vector<double> values(clips.size(), -1);
    parallel_for(clips.size(), [&](std::size_t i) {
        if (!clips[i].used() || clips[i].split == "train") return;
        std::vector<float> decoded = codec.decode(Codes{{clips[i].codes()}});
        decoded.resize(waves[i].samples.size());
        const auto score = stoi(waves[i].samples, decoded, kRate);
        if (score) values[i] = score->stoi;
    });
    double sum = 0;
    std::int64_t count = 0;
    for (const double value : values)
        if (value >= 0) sum += value, ++count;
    return {{"stoi", count ? nlohmann::json(sum / static_cast<double>(count)) : nlohmann::json()},
            {"n", count}};
}

nlohmann::json statistics_json(const CodebookStatistics& s) {
    return {{"size", s.size},
            {"tokens", s.tokens},
            {"used", s.used},
            {"usage", s.usage},
            {"perplexity", s.perplexity},
            {"enough_tokens", s.enough_tokens},
            {"tokens_per_code", s.tokens_per_code},
            {"bigram_entropy_bits", s.bigram_entropy},
            {"run_length_ratio", s.run_length_ratio},
            {"nominal_bitrate", s.nominal_bitrate},
            {"entropy_bitrate", s.entropy_bitrate}};
}

nlohmann::json clip_counts(const std::vector<ClipRecord>& clips) {
    std::map<std::string, nlohmann::json> reasons;
    std::map<std::string, std::int64_t> used;
    for (const ClipRecord& clip : clips) {
        if (clip.used()) {
            ++used[clip.split];
            continue;
        }
        nlohmann::json& reason = reasons[clip.left_out];
        reason["count"] = reason.is_null() ? 1 : reason["count"].get<int>() + 1;
        reason["ids"].push_back(clip.id);
    }
    return {{"read", clips.size()}, {"used", used}, {"left_out", reasons}};
}

}  // namespace

void stage_codec(const StageContext& context) {
    const RecipeConfig& config = context.config;
    std::vector<ClipRecord> clips = inspect_clips(read_manifest(config.data.manifest), config.data);
    const nlohmann::json counts = clip_counts(clips);
    for (const auto& [reason, entry] : counts["left_out"].items())
        log_line(fmt::format("  left out {} clip(s): {}", entry["count"].get<int>(), reason));
    const std::vector<Wave> waves = load_used(clips);
    const CodecFitResult result = fit(clips, waves, config.codec);
    encode_all(clips, waves, *result.codec, config.data);
    save_mel_codec(*result.codec, context.folder / "codec");
    write_clips(context.folder / "clips.jsonl", clips);
    const nlohmann::json quality = reconstruction_quality(clips, waves, *result.codec);
    write_json(context.folder / "codec_report.json", {{"clips", counts},
                                                      {"codebook", statistics_json(result.statistics)},
                                                      {"reconstruction", quality},
                                                      {"digest", result.codec->info().digest},
                                                      {"explained_variance", result.explained_variance},
                                                      {"quantisation_error", result.quantisation_error},
                                                      {"tokenizer_seconds", result.tokenizer_seconds},
                                                      {"decoder_seconds", result.decoder_seconds}});
    log_line(
        fmt::format("  codebook {}: usage {:.1f} %, perplexity {:.0f}; STOI of decoded held-out clips {}",
                    result.statistics.size, 100 * result.statistics.usage, result.statistics.perplexity,
                    quality["stoi"].dump()));
}

}  // namespace linvox
