// A decoder prepared for generation on the device in use: weights joined and cast once, a KV cache, and one
// forward pass over the tokens that are new. No gradients.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <variant>
#include <vector>

#include "src/generate/gpu_kv_cache.h"
#include "src/generate/kv_cache.h"
#include "src/model/decoder.h"
#include "src/model/layer_products.h"

namespace linvox {

/// A token to run: its id and its place. Tokens of one slot stand in order of position.
struct NewToken {
    std::int32_t id = 0;
    std::int64_t slot = 0, position = 0;
};

class IncrementalDecoder {
public:
    /// Computes on compute_device(), wherever the given weights lie; on a GPU they are moved a layer at a
    /// time. float32 or bfloat16 (UserError for a float64 model). Places for `slots` sequences of up to
    /// `positions` tokens.
    IncrementalDecoder(const Decoder& decoder, std::int64_t slots, std::int64_t positions, Compute compute,
                       std::int64_t vocab_begin, std::int64_t vocab_end,
                       const std::vector<std::int32_t>& extra_ids = {});

    std::int64_t take_slot();
    void give_slot(std::int64_t slot);
    std::int64_t free_slots() const { return static_cast<std::int64_t>(free_slots_.size()); }

    /// Runs the tokens and returns float32 logits [rows, vocab_end - vocab_begin + extra ids] of the tokens
    /// at `rows`, on the CPU.
    at::Tensor run(const std::vector<NewToken>& tokens, const std::vector<std::int64_t>& rows);

private:
    at::Tensor attention(std::int64_t index, const at::Tensor& qkv_TW, const TokenPlaces& places);

    at::Device device_;
    std::int64_t positions_;
    double epsilon_;
    PassDtypes dtypes_;
    at::Tensor embedding_VD_, first_norm_D_;
    std::vector<LayerProducts> layers_;
    Projections head_;
    std::variant<KvCache, GpuKvCache> cache_;
    std::vector<std::int64_t> free_slots_;
};

}  // namespace linvox
