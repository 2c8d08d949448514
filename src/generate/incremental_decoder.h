// A decoder prepared for generation: weights joined and cast once, a KV cache, and one forward pass over the
// tokens that are new. No gradients.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "src/generate/kv_cache.h"
#include "src/model/decoder.h"
#include "src/model/layer_products.h"

namespace linvox {

/// A token to run: its id and its place. Tokens of one slot stand in order of position.
struct NewToken {
    std::int32_t id = 0;
    TokenPlace place;
};

class IncrementalDecoder {
public:
    /// CPU models only (UserError otherwise). Places for `slots` sequences of up to `positions` tokens.
    IncrementalDecoder(const Decoder& decoder, std::int64_t slots, std::int64_t positions, Compute compute,
                       std::int64_t vocab_begin, std::int64_t vocab_end,
                       const std::vector<std::int32_t>& extra_ids = {});

    std::int64_t take_slot();
    void give_slot(std::int64_t slot);
    std::int64_t free_slots() const { return static_cast<std::int64_t>(cache_.free_slots.size()); }

    /// Runs the tokens and returns float32 logits [rows, vocab_end - vocab_begin + extra ids] of the tokens
    /// at `rows`.
    at::Tensor run(const std::vector<NewToken>& tokens, const std::vector<std::int64_t>& rows);

private:
    double epsilon_;
    PassDtypes dtypes_;
    at::Tensor embedding_VD_, first_norm_D_, head_RD_;
    std::vector<LayerProducts> layers_;
    KvCache cache_;
};

}  // namespace linvox
