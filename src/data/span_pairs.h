// Decoupled preference pairs (DecoupledESC, arXiv 2505.16995): one record makes a pair for each labelled part
// of its answers, in which the tokens of that part are scored and all others are context. The losses are the
// usual ones; two pair sets are trained in one run.
#pragma once

#include <string>
#include <vector>

#include "src/data/record_fields.h"
#include "src/text/text_spans.h"
#include "src/text/token_sequence.h"

namespace linvox {

/// An answer with the labelled parts of its tokens.
struct MarkedAnswer {
    TokenSequence tokens;
    std::vector<LabelledSpan> spans;
    bool operator==(const MarkedAnswer&) const = default;
};

/// What one label makes of a record.
struct SpanPair {
    std::string label;
    TokenSequence chosen;
    std::vector<TokenSequence> rejected;
};

/// `answer` with the tokens of the spans called `label` scored, as far as they are not given. SpanError when
/// it has none.
TokenSequence scored_in_spans(const MarkedAnswer& answer, const std::string& label, const std::string& name);

/// A pair for each of `labels` that the chosen answer has, in their order; the label "whole" scores whole
/// answers, and so does an empty list (one pair, labelled ""). SpanError when the answers have spans and the
/// list is empty, when they have none of the labels, or one side has a label that the other lacks.
std::vector<SpanPair> span_pairs(const MarkedAnswer& chosen, const std::vector<MarkedAnswer>& rejected,
                                 const std::vector<std::string>& labels);

/// True when two answers score the same tokens behind the same tokens: such a pair says nothing.
bool same_scored_tokens(const TokenSequence& a, const TokenSequence& b);

}  // namespace linvox
