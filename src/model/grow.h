// More vocabulary for a text model: rows of embedding and head for codec tokens.
// Weights alone; the tokenizer's files are src/text's.
#pragma once

#include <cstdint>
#include <string>

#include "src/model/decoder.h"

namespace linvox {

struct GrowConfig {
    std::int64_t first_id = 0;  // of the new tokens; at most the model's vocabulary
    std::int64_t count = 0;     // new tokens
    std::string init = "mean";  // mean (of the rows before first_id), normal (0, 0.02), zeros
    double noise = 0.1;         // of init mean: share of each column's deviation laid over the mean
    std::int64_t multiple = 1;  // the vocabulary is rounded up to a multiple of this
    std::uint64_t seed = 0;
};

/// A decoder whose rows [first_id, first_id + count) are fresh, in the weights' dtype; rows that the model
/// had in reserve there are overwritten, the table grows only where it ends earlier, rows before first_id
/// keep every bit. The other weights are shared. Tied heads stay tied, untied ones grow alike from their own
/// rows. The mean keeps new tokens as likely as an average one (Hewitt 2021, "Initializing new word
/// embeddings for pretrained language models"); the noise tells them apart, without the covariance of full
/// rows. UserError when first_id lies behind the vocabulary or the config is out of range.
Decoder grow_vocabulary(const Decoder& decoder, const GrowConfig& config);

}  // namespace linvox
