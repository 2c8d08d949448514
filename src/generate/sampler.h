// One token out of a row of logits: temperature, top-k, top-p, in plain C++.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/rng.h"
#include "src/config/visitor.h"

namespace linvox {

struct SamplingConfig {
    double temperature = 0.9;       // 0: the most probable token
    double top_p = 1.0;             // smallest set of most probable tokens that holds this mass; 1: off
    std::int64_t top_k = 0;         // 0: off
    std::int64_t max_tokens = 600;  // of an answer, forced tokens included
    std::int64_t max_codes_per_unit = 40;
    std::int64_t min_codes_per_unit = 1;
    std::int64_t batch_rows = 128;                // sequences in flight
    std::int64_t vocab_begin = 0, vocab_end = 0;  // half-open range of ids that may be sampled; set by code
    bool bfloat16 = false;                        // precision of matrix products and of the cache

    /// The fields a user sets; the vocabulary range is the caller's.
    void visit(ConfigVisitor& v) {
        v.field("temperature", temperature, "softmax temperature; 0 takes the most probable token",
                Range{0.0, 10.0});
        v.field("top_p", top_p, "sample from the smallest set of tokens that holds this probability; 1 is off",
                Range{1e-6, 1.0});
        v.field("top_k", top_k, "sample from the k most probable tokens; 0 is off", Range{0, 1e9});
        v.field("max_tokens", max_tokens, "longest answer in tokens; longer ones are cut and marked", Range{1, 1e6});
        v.field("max_codes_per_unit", max_codes_per_unit, "codes after which a text unit is ended", Range{1, 1e6});
        v.field("min_codes_per_unit", min_codes_per_unit, "codes before a text unit may end", Range{0, 1e6});
        v.field("batch_rows", batch_rows, "sequences generated side by side", Range{1, 65536});
        v.field("bfloat16", bfloat16, "compute in bfloat16 where the processor has it");
    }
};

/// A sampled id and its log-probability under the plain softmax over the allowed ids (temperature 1, no
/// truncation): the number score_answers gives.
struct SampledToken {
    std::int32_t index = 0;  // into the row of logits
    double logprob = 0.0;
};

/// Scratch of one thread, reused from row to row.
struct SamplerScratch {
    std::vector<float> weights;
    std::vector<std::int32_t> order;
};

/// Draws from a row of logits. `barred` (index into the row, or -1) is never drawn but stays in the
/// denominator of logprob, so that logprob equals the score path's.
SampledToken sample_token(std::span<const float> logits, std::int32_t barred, std::int32_t barred_too,
                          const SamplingConfig& config, Rng& rng, SamplerScratch& scratch);

}  // namespace linvox
