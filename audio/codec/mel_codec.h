// The embedded codec `melkm`: k-means over stacked log-mel frames, a small neural decoder behind it.
// One book, 50 codes a second at 16 kHz. Fitting stands in src/train/codec_fit.h. No torch here.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "audio/codec/codec.h"

namespace linvox {

/// Another coding of the same audio, for augmentation: the log-mel spectrogram is shifted, then
/// stretched in time by linear interpolation, before frames are stacked.
struct MelVariant {
    double stretch = 1.0;  // > 1: slower, more codes
    int shift_frames = 0;  // drops that many mel frames (10 ms each) at the start; 0 or 1 make sense
};

class MelCodec final : public Codec {
public:
    struct State;  // tensors; audio/codec/mel_codec_state.h, for the fit and the loader only
    explicit MelCodec(std::shared_ptr<const State> state);

    static constexpr int kBands = 80;
    static constexpr int kFramesPerCode = 2;

    const CodecInfo& info() const override;

    /// max(2, ceil(samples / 320)) codes. Digital silence is valid.
    Codes encode(std::span<const float> wave) const override;

    /// The same audio in another time grid: about stretch times as many codes, at least one.
    Codes encode(std::span<const float> wave, const MelVariant& variant) const;

    /// The second half of encode(): codes of log_mel() frames, so that several variants of a wave share
    /// its spectrogram.
    Codes encode_log_mel(std::span<const float> log_mel, const MelVariant& variant = {}) const;

    /// 320 samples a code; the same codes give the same samples.
    std::vector<float> decode(const Codes& codes) const override;

    /// Log mel of every centroid, [K, kFramesPerCode, kBands], in the scale of log_mel(): what a code
    /// stands for, so that token sequences can be compared with recordings without a vocoder.
    const std::vector<float>& code_log_mel() const;

    /// ln max(mel, 1e-4) of a wave, [frames, kBands], 100 frames a second: an even number of frames,
    /// two for every code of encode().
    std::vector<float> log_mel(std::span<const float> wave) const;

    const State& state() const { return *state_; }

private:
    std::shared_ptr<const State> state_;
};

/// Reads a folder written by save_mel_codec; UserError or DataError as load_codec.
std::unique_ptr<MelCodec> load_mel_codec(const std::filesystem::path& directory);

/// Writes codec.json, tokenizer.safetensors and decoder.safetensors; the folder appears whole or not at all.
void save_mel_codec(const MelCodec& codec, const std::filesystem::path& directory);

}  // namespace linvox
