// The inside of MelCodec, for the fit and the loader; everyone else includes mel_codec.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "audio/codec/mel_codec.h"
#include "audio/codec/mel_decoder.h"
#include "audio/codec/mel_tokenizer.h"

namespace linvox {

struct MelCodec::State {
    MelTokenizer tokenizer;
    MelDecoder decoder;
    CodecInfo info;
    std::vector<float> code_log_mel;  // [K, 2, 80]
    std::int64_t seed = 0;
    std::string data_digest;  // of the training samples
};

/// Fills info and code_log_mel from the other two. The decoder's centroids are the tokenizer's.
std::shared_ptr<const MelCodec::State> make_mel_codec_state(MelTokenizer tokenizer, MelDecoder decoder,
                                                            std::int64_t seed, std::string data_digest);

/// The tokenizer's centroids as a tensor [K, D].
at::Tensor centroid_tensor(const MelTokenizer& tokenizer);

}  // namespace linvox
