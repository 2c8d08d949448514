#include "src/data/span_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {
namespace {

bool has_label(const MarkedAnswer& answer, const std::string& label) {
    return label == kWholeLabel || std::any_of(answer.spans.begin(), answer.spans.end(),
                                               [&](const LabelledSpan& span) { return span.label == label; });
}

std::string labels_of(const MarkedAnswer& answer) {
    std::set<std::string> labels;
    for (const LabelledSpan& span : answer.spans) labels.insert(span.label);
    return labels.empty() ? "none" : join({labels.begin(), labels.end()}, " ");
}

/// One flag for each token.
std::vector<bool> scored_flags(const TokenSequence& answer) {
    std::vector<bool> scored(answer.ids.size(), true);
    for (const Span& span : answer.given)
        std::fill(scored.begin() + span.begin, scored.begin() + span.end, false);
    return scored;
}

}  // namespace

TokenSequence scored_in_spans(const MarkedAnswer& answer, const std::string& label, const std::string& name) {
    if (label == kWholeLabel) return answer.tokens;
    const std::vector<bool> scored = scored_flags(answer.tokens);
    std::vector<bool> kept(scored.size(), false);
    for (const LabelledSpan& span : answer.spans)
        if (span.label == label)
            std::copy(scored.begin() + span.begin, scored.begin() + span.end, kept.begin() + span.begin);
    LINVOX_REQUIRE(std::find(kept.begin(), kept.end(), true) != kept.end(), SpanError,
                   "{}: the span \"{}\" has no token that is scored: all of them are given; widen it", name,
                   label);
    TokenSequence part{answer.tokens.ids, {}};
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(kept.size()); ++i) {
        if (kept[static_cast<std::size_t>(i)]) continue;
        if (!part.given.empty() && part.given.back().end == i)
            ++part.given.back().end;
        else
            part.given.push_back({i, i + 1});
    }
    return part;
}

std::vector<SpanPair> span_pairs(const MarkedAnswer& chosen, const std::vector<MarkedAnswer>& rejected,
                                 const std::vector<std::string>& labels) {
    const bool marked =
        !chosen.spans.empty() ||
        std::any_of(rejected.begin(), rejected.end(), [](const MarkedAnswer& a) { return !a.spans.empty(); });
    LINVOX_REQUIRE(
        !labels.empty() || !marked, SpanError,
        "the answers have spans (chosen: {}), and data.spans does not say which are scored; list their "
        "labels there, or [\"{}\"] for whole answers",
        labels_of(chosen), kWholeLabel);
    std::vector<SpanPair> pairs;
    for (const std::string& label : labels.empty() ? std::vector<std::string>{kWholeLabel} : labels) {
        const bool here = has_label(chosen, label);
        for (std::size_t i = 0; i < rejected.size(); ++i)
            LINVOX_REQUIRE(has_label(rejected[i], label) == here, SpanError,
                           "{} has a span \"{}\" and {} has none; a pair needs it on both sides",
                           here ? "chosen" : fmt::format("rejected[{}]", i), label,
                           here ? fmt::format("rejected[{}]", i) : "chosen");
        if (!here) continue;
        pairs.push_back({labels.empty() ? "" : label, scored_in_spans(chosen, label, "chosen"), {}});
        for (std::size_t i = 0; i < rejected.size(); ++i)
            pairs.back().rejected.push_back(
                scored_in_spans(rejected[i], label, fmt::format("rejected[{}]", i)));
    }
    LINVOX_REQUIRE(
        !pairs.empty(), SpanError,
        "the record has no span that data.spans names ({}); found: {}; add one, or drop the record",
        join(labels, " "), labels_of(chosen));
    return pairs;
}

bool same_scored_tokens(const TokenSequence& a, const TokenSequence& b) {
    const std::vector<bool> of_a = scored_flags(a), of_b = scored_flags(b);
    const auto end_of = [](const std::vector<bool>& scored) {
        return std::find(scored.rbegin(), scored.rend(), true).base() - scored.begin();
    };
    const auto end = end_of(of_a);
    return end == end_of(of_b) && std::equal(a.ids.begin(), a.ids.begin() + end, b.ids.begin()) &&
           std::equal(of_a.begin(), of_a.begin() + end, of_b.begin());
}

}  // namespace linvox
