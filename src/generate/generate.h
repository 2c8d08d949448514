// Batched generation with a preallocated KV cache: finished rows leave, waiting requests enter, rows stand
// at different positions. A result depends on its request and seed, not on its neighbours in the batch
// (up to rounding in the matrix products).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "src/generate/sampler.h"
#include "src/model/decoder.h"
#include "src/text/token_layout.h"
#include "src/text/token_sequence.h"

namespace linvox {

struct GenerationRequest {
    std::string id;
    GenerationPlan plan;
    std::uint64_t seed = 0;
    std::vector<std::int32_t> stop_ids = {};  // end a plain answer like plan.stop_id, which may then be -1
};

struct GenerationResult {
    TokenSequence answer;           // forced tokens are marked as given
    std::string finish;             // "stop", or "length" when cut at max_tokens (no end token is added)
    std::int64_t capped_units = 0;  // units ended at max_codes_per_unit
    double logprob_sum = 0.0;  // of the scored tokens, softmax over [vocab_begin, vocab_end) and extra_ids
    std::int64_t scored_tokens = 0;
    std::vector<float> token_logprobs;  // of each scored token, in order; with SamplingConfig::token_logprobs
};

/// Calls `done(index, result)` once per request, in order of finishing, from the calling thread.
/// DataError when a prompt is empty or a request cannot fit the model's context; stops between steps with
/// Interrupted when stop_requested().
void generate(const Decoder& decoder, std::span<const GenerationRequest> requests,
              const SamplingConfig& config,
              const std::function<void(std::size_t index, GenerationResult&& result)>& done);

}  // namespace linvox
