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
    std::int64_t batch_rows = 128;  // sequences in flight
    std::int64_t vocab_begin = 0,
                 vocab_end = 0;    // half-open range of the softmax; 0, 0: all ids; set by code
    std::int64_t control_ids = 2;  // the first ids of that range are drawn only where the plan names them
                                   // (NEXT and EOS of src/text/vocabulary.h); none when the range is all ids
    bool bfloat16 = false;  // precision of matrix products and of the cache

    /// The fields a user sets; the vocabulary range is the caller's. Without `speech`, what text has no use
    /// for is left out.
    void visit(ConfigVisitor& v, bool speech = true) {
        v.field("temperature", temperature, "softmax temperature; 0 takes the most probable token",
                Range{0.0, 10.0});
        v.field("top_p", top_p,
                "sample from the smallest set of tokens that holds this probability; 1 is off",
                Range{1e-6, 1.0});
        v.field("top_k", top_k, "sample from the k most probable tokens; 0 is off", Range{0, 1e9});
        v.field("max_tokens", max_tokens, "longest answer in tokens; longer ones are cut and marked",
                Range{1, 1e6});
        if (speech) {
            v.field("max_codes_per_unit", max_codes_per_unit, "codes after which a text unit is ended",
                    Range{1, 1e6});
            v.field("min_codes_per_unit", min_codes_per_unit,
                    "codes before a text unit, or a whole plain answer, may end", Range{0, 1e6});
        }
        v.field("batch_rows", batch_rows, "sequences generated side by side", Range{1, 65536});
        v.field("bfloat16", bfloat16, "compute in bfloat16 where the processor has it");
    }
};

/// Working memory of one thread, reused from row to row.
struct SamplerScratch {
    std::vector<float> weights;
    std::vector<std::int32_t> order;
};

/// Draws an index into a row of finite logits. `barred` indices are never drawn; at least one other must be
/// there. Equal logits are ranked by index; with temperature 0 no random number is used.
std::int32_t sample_index(std::span<const float> logits, std::span<const std::int32_t> barred,
                          const SamplingConfig& config, Rng& rng, SamplerScratch& scratch);

}  // namespace linvox
