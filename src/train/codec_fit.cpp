#include "src/train/codec_fit.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "audio/codec/kmeans.h"
#include "audio/codec/mel_codec_state.h"
#include "audio/codec/pca.h"
#include "audio/spectrum.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "src/base/parallel.h"
#include "src/base/rng.h"
#include "src/train/codec_decoder_fit.h"

namespace linvox {
namespace {

constexpr float kMagnitudeFloor = 1e-3f;
constexpr std::int64_t kVectorsPerCentroid = 20;

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Waves padded to whole codes, and their features.
struct TrainingAudio {
    std::vector<std::vector<float>> log_mel;  // one [2 n, 80] a wave
    std::vector<float> all_log_mel;           // end to end
    std::int64_t codes = 0;
};

std::string digest_of(std::span<const std::span<const float>> waves) {
    Sha256 digest;
    for (const auto& wave : waves) {
        const std::int64_t size = static_cast<std::int64_t>(wave.size());
        digest.add_values(std::span<const std::int64_t>(&size, 1)).add_values(wave);
    }
    return digest.hex();
}

TrainingAudio analyse(std::span<const std::span<const float>> waves) {
    TrainingAudio audio;
    audio.log_mel.resize(waves.size());
    parallel_for(waves.size(), [&](std::size_t i) {
        try {
            audio.log_mel[i] = codec_log_mel(waves[i]);
        } catch (const DataError& e) {
            throw DataError(fmt::format("training clip {}: {}", i, e.what()));
        }
    });
    for (const auto& frames : audio.log_mel) {
        audio.all_log_mel.insert(audio.all_log_mel.end(), frames.begin(), frames.end());
    }
    audio.codes = static_cast<std::int64_t>(audio.all_log_mel.size()) / kMelStacked;
    return audio;
}

/// One mean and one standard deviation over all values.
void fit_mel_scale(std::span<const float> log_mel, MelTokenizer& tokenizer) {
    double sum = 0, square = 0;
    for (const float value : log_mel) sum += value;
    const double mean = sum / static_cast<double>(log_mel.size());
    for (const float value : log_mel) square += (value - mean) * (value - mean);
    tokenizer.mel_mean = static_cast<float>(mean);
    tokenizer.mel_std = static_cast<float>(std::sqrt(square / static_cast<double>(log_mel.size())));
    LINVOX_REQUIRE(tokenizer.mel_std > 1e-6f, DataError,
                   "the training audio does not vary (digital silence?), so there is nothing to code");
}

std::vector<float> to_float(const std::vector<double>& values) { return {values.begin(), values.end()}; }

MelTokenizer fit_tokenizer(const TrainingAudio& audio, const CodecFitConfig& config, CodecFitResult& result) {
    LINVOX_REQUIRE(
        config.codebook_size <= audio.codes, ConfigError,
        "codec.codebook_size = {} needs at least as many training codes, but the audio holds {} ({:.0f} s); "
        "make the book smaller or add audio",
        config.codebook_size, audio.codes, static_cast<double>(audio.codes) / 50.0);
    if (audio.codes < kVectorsPerCentroid * config.codebook_size) {
        log_warning(fmt::format("codec: {} training codes for a book of {} are fewer than {} a centroid",
                                audio.codes, config.codebook_size, kVectorsPerCentroid));
    }
    MelTokenizer tokenizer{.dimensions = static_cast<int>(config.dimensions),
                           .codebook_size = static_cast<int>(config.codebook_size)};
    fit_mel_scale(audio.all_log_mel, tokenizer);
    std::vector<double> stacked = stack_frames(audio.all_log_mel, tokenizer.mel_mean, tokenizer.mel_std);
    const Pca pca = fit_pca(stacked, kMelStacked, config.dimensions);
    const std::vector<double> projected = project(pca, stacked);
    std::vector<double>().swap(stacked);
    const KMeans clusters = fit_kmeans(projected, config.dimensions, config.codebook_size,
                                       config.kmeans_iterations, static_cast<std::uint64_t>(config.seed));
    tokenizer.pca_mean = to_float(pca.mean);
    tokenizer.pca_basis = to_float(pca.basis);
    tokenizer.centroids = to_float(clusters.centroids);
    result.quantisation_error = clusters.mean_square;
    result.explained_variance = pca.explained;
    return tokenizer;
}

/// ln max(|S|, 1e-3) of one padded wave into rows of `out` (half).
void log_magnitudes(std::span<const float> padded, c10::Half* out) {
    StftConfig stft{.fft_size = kMelFft,
                    .hop = kMelHop,
                    .window = periodic_hann(kMelWindow),
                    .framing = Framing::reflect,
                    .padding = kMelFft / 2};
    const Spectrogram magnitude = magnitude_spectrogram(padded, stft);
    const std::size_t frames = padded.size() / kMelHop;
    for (std::size_t i = 0; i < frames * kSpectrumBins; ++i) {
        out[i] = std::log(std::max(static_cast<float>(magnitude.values[i]), kMagnitudeFloor));
    }
}

DecoderStream decoder_stream(std::span<const std::span<const float>> waves, const TrainingAudio& audio,
                             const MelTokenizer& tokenizer) {
    DecoderStream stream;
    std::vector<std::size_t> start(waves.size() + 1, 0);  // in frames
    for (std::size_t i = 0; i < waves.size(); ++i)
        start[i + 1] = start[i] + audio.log_mel[i].size() / kMelBands;
    stream.samples.resize(start.back() * kMelHop, 0.0f);
    stream.log_magnitude = at::empty({static_cast<std::int64_t>(start.back()), kSpectrumBins}, at::kHalf);
    auto* rows = stream.log_magnitude.mutable_data_ptr<c10::Half>();
    parallel_for(waves.size(), [&](std::size_t i) {
        float* samples = stream.samples.data() + start[i] * kMelHop;
        std::copy(waves[i].begin(), waves[i].end(), samples);
        log_magnitudes({samples, (start[i + 1] - start[i]) * kMelHop}, rows + start[i] * kSpectrumBins);
    });
    const std::span<const float> frames(audio.all_log_mel);
    stream.codes[0] = nearest_codes(tokenizer, frames);
    stream.codes[1] = nearest_codes(tokenizer, frames.subspan(kMelBands));
    return stream;
}

CodebookStatistics training_statistics(const TrainingAudio& audio, const DecoderStream& stream, int size) {
    std::vector<std::vector<std::int32_t>> sequences;
    auto code = stream.codes[0].begin();
    for (const auto& frames : audio.log_mel) {
        const auto count = static_cast<std::ptrdiff_t>(frames.size() / kMelStacked);
        sequences.emplace_back(code, code + count);
        code += count;
    }
    return codebook_statistics(sequences, size, static_cast<double>(kMelSampleRate) / kMelCodeSamples);
}

}  // namespace

void CodecFitConfig::visit(ConfigVisitor& v) {
    v.field("codebook_size", codebook_size, "codes of the book; 4096 only with 2 h of audio or more",
            {2, 65536});
    v.field("dimensions", dimensions, "principal components kept of 160; at least 48 for good speech",
            {1, 160});
    v.field("kmeans_iterations", kmeans_iterations, "Lloyd iterations", {0, 1000});
    v.choice("vocoder", vocoder, "istft: phase from the network; griffin-lim: phase by iteration, slower",
             {kVocoders[0], kVocoders[1]});
    v.field("channels", channels, "width of the decoder", {8, 1024});
    v.field("mel_steps", mel_steps, "decoder steps on magnitudes alone", {0, 1e7});
    v.field("wave_steps", wave_steps, "decoder steps with the STFT loss on waves as well", {0, 1e7});
    v.field("learning_rate", learning_rate, "peak of AdamW, cosine to 1 %", {1e-6, 1.0});
    v.field("batch", batch, "segments a step", {1, 1024});
    v.field("segment", segment, "codes a segment (50 a second)", {16, 4096});
}

CodecFitResult fit_codec(std::span<const std::span<const float>> waves, const CodecFitConfig& config,
                         const CodecFitProgress& progress) {
    LINVOX_REQUIRE(!waves.empty(), DataError, "no training audio for the codec");
    const std::int64_t total = config.mel_steps + config.wave_steps;
    const auto tell = [&](std::int64_t done, const std::string& note) {
        if (progress) progress(done, total, note);
    };
    CodecFitResult result;
    const auto start = std::chrono::steady_clock::now();
    tell(0, "features");
    const TrainingAudio audio = analyse(waves);
    tell(0, "k-means");
    MelTokenizer tokenizer = fit_tokenizer(audio, config, result);
    result.tokenizer_seconds = seconds_since(start);

    const auto decoder_start = std::chrono::steady_clock::now();
    tell(0, "linear decoder");
    const DecoderStream stream = decoder_stream(waves, audio, tokenizer);
    result.statistics = training_statistics(audio, stream, tokenizer.codebook_size);
    MelDecoder decoder =
        make_mel_decoder(centroid_tensor(tokenizer), static_cast<int>(config.channels), config.vocoder,
                         mix_seed(static_cast<std::uint64_t>(config.seed), "decoder weights"));
    fit_linear_part(decoder, stream);
    train_decoder(decoder, stream, config, [&](const CodecFitStep& step) {
        result.steps.push_back(step);
        tell(step.step, fmt::format("decoder, loss {:.3f}", step.loss));
    });
    result.decoder_seconds = seconds_since(decoder_start);
    result.codec = std::make_shared<const MelCodec>(
        make_mel_codec_state(std::move(tokenizer), std::move(decoder), config.seed, digest_of(waves)));
    return result;
}

}  // namespace linvox
