// One token out of a row of logits, in plain C++: temperature, top-k, top-p, min-p (arXiv 2407.01082),
// repetition penalty (arXiv 1909.05858) over a window, repetition-aware sampling (VALL-E 2, arXiv
// 2406.05370).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/rng.h"
#include "src/config/visitor.h"

namespace linvox {

struct SamplingConfig {
    double temperature = 0.9;            // 0: the most probable token
    double top_p = 1.0;                  // smallest set of most probable tokens that holds this mass; 1: off
    std::int64_t top_k = 0;              // 0: off
    double min_p = 0.0;                  // least probability, as a share of the most probable token's; 0: off
    double repetition_penalty = 1.0;     // of tokens seen in the window; 1: off
    std::int64_t repetition_window = 0;  // last tokens of prompt and answer; 0: all of them
    std::int64_t ras_window = 0;         // K of repetition-aware sampling; 0: off
    double ras_threshold = 0.1;          // share of the window above which a token is drawn again
    std::int64_t max_tokens = 600;       // of an answer, forced tokens included
    std::int64_t max_codes_per_unit = 40;
    std::int64_t min_codes_per_unit = 1;
    std::int64_t batch_rows = 128;  // sequences in flight
    std::int64_t vocab_begin = 0,
                 vocab_end = 0;    // half-open range of the softmax; 0, 0: all ids; set by code
    std::int64_t control_ids = 2;  // the first ids of that range are drawn only where the plan names them
                                   // (NEXT and EOS of src/text/vocabulary.h); none when the range is all ids
    std::vector<std::int32_t>
        extra_ids;                // ids outside the range that join its softmax: stop ids; set by code
    bool token_logprobs = false;  // keep each sampled token's log-probability; set by code
    bool bfloat16 = false;        // precision of matrix products and of the cache

    /// The fields a user sets; the vocabulary range is the caller's. Without `speech`, what text has no use
    /// for is left out.
    void visit(ConfigVisitor& v, bool speech = true) {
        v.field("temperature", temperature, "softmax temperature; 0 takes the most probable token",
                Range{0.0, 10.0});
        v.field("top_p", top_p,
                "sample from the smallest set of tokens that holds this probability; 1 is off",
                Range{1e-6, 1.0});
        v.field("top_k", top_k, "sample from the k most probable tokens; 0 is off", Range{0, 1e9});
        v.field("min_p", min_p,
                "drop tokens less probable than this share of the most probable one; 0 is off",
                Range{0.0, 1.0});
        v.field("repetition_penalty", repetition_penalty,
                "divides positive and multiplies negative logits of tokens in the window; 1 is off",
                Range{0.01, 100.0});
        v.field("repetition_window", repetition_window,
                "last tokens of prompt and answer that the penalty looks at; 0 is all", Range{0, 1e9});
        v.field("ras_window", ras_window,
                "repetition-aware sampling: look at this many last tokens of the answer; 0 is off",
                Range{0, 1e6});
        v.field("ras_threshold", ras_threshold,
                "draw again from all tokens when the token's share of that window exceeds this",
                Range{0.0, 1.0});
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
    std::vector<float> weights, penalised;
    std::vector<std::int32_t> order;
};

/// Draws an index into a row of finite logits. `barred` indices are never drawn; at least one other must be
/// there. Equal logits are ranked by index; with temperature 0 no random number is used.
std::int32_t sample_index(std::span<const float> logits, std::span<const std::int32_t> barred,
                          const SamplingConfig& config, Rng& rng, SamplerScratch& scratch);

/// What a row looked like so far, as indices into its logits; -1 for ids outside them.
struct TokenHistory {
    std::vector<std::int32_t> penalised;  // the repetition penalty's window, in any order
    std::vector<std::int32_t> ras;        // the last ras_window tokens of the answer, or fewer
};

/// sample_index with the penalty laid on the logits first; and where the token drawn fills more than
/// ras_threshold of the last ras_window tokens, one more draw without top-k, top-p and min-p (algorithm 1 of
/// arXiv 2406.05370). With temperature 0 nothing is drawn again.
std::int32_t sample_token(std::span<const float> logits, std::span<const std::int32_t> barred,
                          const TokenHistory& history, const SamplingConfig& config, Rng& rng,
                          SamplerScratch& scratch);

}  // namespace linvox
