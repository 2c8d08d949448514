// Trains the neural decoder of melkm on one long stream of frames. Not the tokenizer: codec_fit.h.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "audio/codec/mel_decoder.h"
#include "src/train/codec_fit.h"

namespace linvox {

/// All training audio end to end: frame f stands at samples [160 f, 160 f + 160). Segments are cut
/// anywhere, so that short clips need no padding.
struct DecoderStream {
    std::vector<float> samples;          // [160 * frames]
    at::Tensor log_magnitude;            // half [frames, 513]: ln max(|S|, 1e-3)
    std::vector<std::int32_t> codes[2];  // of the frame pairs that start at even and at odd frames
    std::int64_t frames() const { return log_magnitude.size(0); }
};

/// Sets the decoder's magnitude scale and its linear part: ridge regression from 9 centroids.
void fit_linear_part(MelDecoder& decoder, const DecoderStream& stream);

using CodecStepReport = std::function<void(const CodecFitStep&)>;

/// Stage A (mel_steps): mean |difference| of standardised log magnitudes. Stage B (wave_steps) adds half
/// the STFT loss of the waves. AdamW 0.9/0.98, cosine over the work: one unit a step of A, kWaveUnits of B.
void train_decoder(MelDecoder& decoder, const DecoderStream& stream, const CodecFitConfig& config,
                   const CodecStepReport& report);

}  // namespace linvox
