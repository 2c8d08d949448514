#include "audio/codec/mel_codec.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "audio/codec/mel_codec_state.h"
#include "src/base/error.h"

namespace linvox {

at::Tensor centroid_tensor(const MelTokenizer& tokenizer) {
    at::Tensor centroids = at::empty({tokenizer.codebook_size, tokenizer.dimensions}, at::kFloat);
    std::copy(tokenizer.centroids.begin(), tokenizer.centroids.end(), centroids.mutable_data_ptr<float>());
    return centroids;
}

std::shared_ptr<const MelCodec::State> make_mel_codec_state(MelTokenizer tokenizer, MelDecoder decoder,
                                                            std::int64_t seed, std::string data_digest) {
    auto state = std::make_shared<MelCodec::State>();
    state->info = {.name = "melkm",
                   .digest = tokenizer_digest(tokenizer),
                   .decoder_digest = decoder_digest(decoder),
                   .sample_rate_hz = kMelSampleRate,
                   .hop = kMelCodeSamples,
                   .frame_rate = static_cast<double>(kMelSampleRate) / kMelCodeSamples,
                   .codebook_size = {tokenizer.codebook_size},
                   .per_frame = {1}};
    state->code_log_mel = centroid_log_mel(tokenizer);
    state->tokenizer = std::move(tokenizer);
    state->decoder = std::move(decoder);
    state->seed = seed;
    state->data_digest = std::move(data_digest);
    return state;
}

MelCodec::MelCodec(std::shared_ptr<const State> state) : state_(std::move(state)) {}

const CodecInfo& MelCodec::info() const { return state_->info; }

Codes MelCodec::encode(std::span<const float> wave) const { return encode(wave, MelVariant{}); }

Codes MelCodec::encode(std::span<const float> wave, const MelVariant& variant) const {
    return encode_log_mel(codec_log_mel(wave), variant);
}

Codes MelCodec::encode_log_mel(std::span<const float> log_mel, const MelVariant& variant) const {
    LINVOX_ASSERT(!log_mel.empty() && log_mel.size() % kMelBands == 0, "{} values are not frames of {} bands",
                  log_mel.size(), kMelBands);
    if (variant.stretch == 1.0 && variant.shift_frames == 0) {
        return {.stream = {nearest_codes(state_->tokenizer, log_mel)}};
    }
    return {.stream = {nearest_codes(state_->tokenizer,
                                     stretch_frames(log_mel, variant.stretch, variant.shift_frames))}};
}

std::vector<float> MelCodec::decode(const Codes& codes) const {
    LINVOX_REQUIRE(codes.stream.size() == 1, DataError, "codec melkm has 1 code stream, got {}",
                   codes.stream.size());
    const std::vector<std::int32_t>& stream = codes.stream[0];
    LINVOX_REQUIRE(!stream.empty(), DataError, "codec melkm: no codes to decode");
    for (std::size_t i = 0; i < stream.size(); ++i) {
        LINVOX_REQUIRE(stream[i] >= 0 && stream[i] < state_->tokenizer.codebook_size, DataError,
                       "codec melkm: code {} at position {} is outside [0, {})", stream[i], i,
                       state_->tokenizer.codebook_size);
    }
    return decode_wave(state_->decoder, stream);
}

const std::vector<float>& MelCodec::code_log_mel() const { return state_->code_log_mel; }

std::vector<float> MelCodec::log_mel(std::span<const float> wave) const { return codec_log_mel(wave); }

}  // namespace linvox
