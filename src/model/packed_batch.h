// One micro-batch in the packed, prefix-shared form (floor 3 defines it, src/data fills it).
// T tokens, N scored positions, A answers, S segments.
//
//   ids      p p p p | c c c | r r r r        one record: its prompt once, then its answers
//   position 0 1 2 3 | 4 5 6 | 4 5 6 7
//
// An answer token sees its prompt and the earlier tokens of its own answer. There is no padding.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace linvox {

/// Rows [begin, end) form one causal run. They also see the rows [prompt_begin, prompt_end) of
/// their prompt, which stand earlier; an empty prompt range means none.
/// The first answer of a record is joined to its prompt: one segment, plain causal attention.
struct Segment {
    std::int64_t begin = 0, end = 0;
    std::int64_t prompt_begin = 0, prompt_end = 0;
};

struct PackedBatch {
    at::Tensor ids_T;       // int64
    at::Tensor position_T;  // int64, counted from the start of the own prompt
    std::vector<Segment> segments;

    at::Tensor row_N;               // int64: the row whose hidden state predicts label n (the shift by one)
    at::Tensor label_N;             // int64: the id predicted
    at::Tensor answer_N;            // int64: the answer it belongs to, ascending
    std::int64_t answer_count = 0;  // A

    std::int64_t tokens() const { return ids_T.defined() ? ids_T.size(0) : 0; }
};

}  // namespace linvox
