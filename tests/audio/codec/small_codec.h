// A codec with random tables and weights: enough to test plumbing without a fit.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "audio/codec/mel_codec_state.h"
#include "src/base/rng.h"

namespace linvox {

inline MelTokenizer small_tokenizer(int codebook_size = 24, int dimensions = 6) {
    Rng rng(17);
    MelTokenizer t{
        .mel_mean = -5.0f, .mel_std = 2.0f, .dimensions = dimensions, .codebook_size = codebook_size};
    for (int i = 0; i < kMelStacked; ++i) t.pca_mean.push_back(static_cast<float>(0.1 * rng.normal()));
    for (int i = 0; i < kMelStacked * dimensions; ++i)
        t.pca_basis.push_back(static_cast<float>(0.08 * rng.normal()));
    for (int i = 0; i < codebook_size * dimensions; ++i)
        t.centroids.push_back(static_cast<float>(rng.normal()));
    return t;
}

inline MelCodec small_codec(const std::string& vocoder = "istft") {
    MelTokenizer tokenizer = small_tokenizer();
    MelDecoder decoder = make_mel_decoder(centroid_tensor(tokenizer), 8, vocoder, 3);
    decoder.magnitude_mean.fill_(-2.0);
    return MelCodec(make_mel_codec_state(std::move(tokenizer), std::move(decoder), 5, "data"));
}

/// A gliding tone with harmonics and a little noise, 16 kHz.
inline std::vector<float> test_tone(std::size_t samples, std::uint64_t seed = 1) {
    Rng rng(seed);
    std::vector<float> wave(samples);
    double phase = 0;
    for (std::size_t i = 0; i < samples; ++i) {
        phase += 2 * M_PI * (150 + 60 * std::sin(2 * M_PI * static_cast<double>(i) / 9000.0)) / 16000.0;
        const double level = 0.5 + 0.5 * std::sin(2 * M_PI * static_cast<double>(i) / 4100.0);
        wave[i] = static_cast<float>(level * (0.2 * std::sin(phase) + 0.1 * std::sin(3 * phase + 1)) +
                                     0.002 * rng.normal());
    }
    return wave;
}

}  // namespace linvox
