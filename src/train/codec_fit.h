// Fits the melkm codec to a user's audio: PCA and k-means in closed form, then a few hundred steps
// of the neural decoder. One process, CPU. What is fitted is described in audio/codec/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "audio/codec/codebook_statistics.h"
#include "audio/codec/mel_codec.h"
#include "src/config/visitor.h"

namespace linvox {

struct CodecFitConfig {
    std::int64_t codebook_size = 1024;
    std::int64_t dimensions = 64;
    std::int64_t kmeans_iterations = 12;
    std::string vocoder = "istft";
    std::int64_t channels = 128;
    std::int64_t mel_steps = 800;
    std::int64_t wave_steps = 600;
    double learning_rate = 2e-3;
    std::int64_t batch = 8;
    std::int64_t segment = 64;
    std::int64_t seed = 1;  // the recipe's; not a key of its own

    void visit(ConfigVisitor& v);
};

/// One line of the fit's training curve.
struct CodecFitStep {
    std::int64_t step = 0;
    bool wave_stage = false;
    double loss = 0;            // what was minimised
    double magnitude_loss = 0;  // mean |difference| of standardised log magnitude
    double learning_rate = 0;
};

struct CodecFitResult {
    std::shared_ptr<const MelCodec> codec;
    CodebookStatistics statistics;  // on the training audio, by a last pass without replacement
    std::vector<CodecFitStep> steps;
    double quantisation_error = 0;  // mean squared distance to the centroid per PCA dimension
    double explained_variance = 0;  // share kept by the PCA
    double tokenizer_seconds = 0;
    double decoder_seconds = 0;
};

/// `done` of `total` work units; `note` says which part is running.
using CodecFitProgress = std::function<void(std::int64_t done, std::int64_t total, const std::string& note)>;

/// Fits to mono waves at 16 kHz. The same audio, configuration and build give the same tokenizer for
/// any number of threads; decoder weights repeat at an equal number of threads only.
/// ConfigError when the book is larger than the number of training codes; DataError on an empty wave,
/// NaN, Inf, or audio without any variance. Throws Interrupted when stop_requested().
CodecFitResult fit_codec(std::span<const std::span<const float>> waves, const CodecFitConfig& config,
                         const CodecFitProgress& progress = {});

}  // namespace linvox
