#include "audio/codec/mel_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "audio/codec/kmeans.h"
#include "audio/codec/pca.h"
#include "audio/spectrum.h"
#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

void require_finite(std::span<const float> wave) {
    LINVOX_REQUIRE(!wave.empty(), DataError, "an empty wave has no codes; leave the clip out");
    for (std::size_t i = 0; i < wave.size(); ++i) {
        LINVOX_REQUIRE(std::isfinite(wave[i]), DataError, "sample {} is {}; samples must be finite numbers",
                       i, wave[i]);
    }
}

}  // namespace

std::int64_t mel_code_count(std::int64_t samples) {
    return std::max<std::int64_t>(2, (samples + kMelCodeSamples - 1) / kMelCodeSamples);
}

std::vector<float> codec_log_mel(std::span<const float> wave) {
    require_finite(wave);
    const std::int64_t codes = mel_code_count(static_cast<std::int64_t>(wave.size()));
    std::vector<float> padded(wave.begin(), wave.end());
    padded.resize(static_cast<std::size_t>(codes * kMelCodeSamples), 0.0f);
    const LogMelConfig front_end{.sample_rate_hz = kMelSampleRate,
                                 .fft_size = kMelFft,
                                 .window = kMelWindow,
                                 .hop = kMelHop,
                                 .bands = kMelBands,
                                 .low_hz = 0,
                                 .high_hz = kMelSampleRate / 2.0,
                                 .floor = kMelFloor};
    std::vector<float> frames = log_mel(padded, front_end);
    frames.resize(static_cast<std::size_t>(codes * kMelStacked));
    return frames;
}

std::vector<float> stretch_frames(std::span<const float> log_mel, double stretch, int shift) {
    const std::int64_t available = static_cast<std::int64_t>(log_mel.size()) / kMelBands - shift;
    LINVOX_REQUIRE(shift >= 0 && available >= 1, DataError, "a shift of {} frames does not fit {} frames",
                   shift, available + shift);
    LINVOX_REQUIRE(stretch > 0.1 && stretch < 10, DataError, "a stretch of {} is not between 0.1 and 10",
                   stretch);
    const auto frames =
        std::max<std::int64_t>(kMelStack, std::llround(static_cast<double>(available) * stretch)) /
        kMelStack * kMelStack;
    const float* input = log_mel.data() + static_cast<std::int64_t>(shift) * kMelBands;
    std::vector<float> result(static_cast<std::size_t>(frames * kMelBands));
    for (std::int64_t i = 0; i < frames; ++i) {
        const double position =
            std::min(static_cast<double>(i) / stretch, static_cast<double>(available - 1));
        const auto low = static_cast<std::int64_t>(position);
        const std::int64_t high = std::min(low + 1, available - 1);
        const auto weight = static_cast<float>(position - static_cast<double>(low));
        for (int band = 0; band < kMelBands; ++band) {
            result[i * kMelBands + band] =
                (1 - weight) * input[low * kMelBands + band] + weight * input[high * kMelBands + band];
        }
    }
    return result;
}

std::vector<double> stack_frames(std::span<const float> log_mel, float mean, float standard_deviation) {
    const std::size_t codes = log_mel.size() / kMelStacked;
    const double scale = 1.0 / static_cast<double>(standard_deviation);
    std::vector<double> stacked(codes * kMelStacked);
    for (std::size_t code = 0; code < codes; ++code) {
        for (int frame = 0; frame < kMelStack; ++frame) {
            const float* row = log_mel.data() + (code * kMelStack + frame) * kMelBands;
            double* out = stacked.data() + code * kMelStacked + frame;
            for (int band = 0; band < kMelBands; ++band) {
                out[band * kMelStack] = (static_cast<double>(row[band]) - static_cast<double>(mean)) * scale;
            }
        }
    }
    return stacked;
}

std::vector<std::int32_t> nearest_codes(const MelTokenizer& tokenizer, std::span<const float> log_mel) {
    const std::vector<double> stacked = stack_frames(log_mel, tokenizer.mel_mean, tokenizer.mel_std);
    const Pca pca{.mean = {tokenizer.pca_mean.begin(), tokenizer.pca_mean.end()},
                  .basis = {tokenizer.pca_basis.begin(), tokenizer.pca_basis.end()}};
    const std::vector<double> centroids(tokenizer.centroids.begin(), tokenizer.centroids.end());
    return assign_rows(project(pca, stacked), tokenizer.dimensions, centroids);
}

std::vector<float> centroid_log_mel(const MelTokenizer& tokenizer) {
    const auto dimensions = static_cast<std::size_t>(tokenizer.dimensions);
    std::vector<float> result(static_cast<std::size_t>(tokenizer.codebook_size) * kMelStacked);
    for (std::size_t code = 0; code < static_cast<std::size_t>(tokenizer.codebook_size); ++code) {
        const float* centroid = tokenizer.centroids.data() + code * dimensions;
        for (std::size_t j = 0; j < kMelStacked; ++j) {
            double value = tokenizer.pca_mean[j];
            for (std::size_t d = 0; d < dimensions; ++d) {
                value += static_cast<double>(tokenizer.pca_basis[j * dimensions + d]) * centroid[d];
            }
            const std::size_t band = j / kMelStack, frame = j % kMelStack;
            result[(code * kMelStack + frame) * kMelBands + band] =
                static_cast<float>(value * tokenizer.mel_std + tokenizer.mel_mean);
        }
    }
    return result;
}

std::string tokenizer_digest(const MelTokenizer& tokenizer) {
    Sha256 digest;
    digest.add(
        fmt::format("melkm 1 rate {} fft {} window {} hop {} bands {} stack {} floor {:.17g} D {} K {}\n",
                    kMelSampleRate, kMelFft, kMelWindow, kMelHop, kMelBands, kMelStack, kMelFloor,
                    tokenizer.dimensions, tokenizer.codebook_size));
    const float scalars[] = {tokenizer.mel_mean, tokenizer.mel_std};
    digest.add_values(std::span<const float>(scalars));
    digest.add_values(std::span<const float>(tokenizer.pca_mean));
    digest.add_values(std::span<const float>(tokenizer.pca_basis));
    digest.add_values(std::span<const float>(tokenizer.centroids));
    return digest.hex();
}

}  // namespace linvox
