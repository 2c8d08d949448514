#include "src/data/span_pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"

namespace linvox {
namespace {

using testing::HasSubstr;
using Spans = std::vector<Span>;

MarkedAnswer answer(std::vector<std::int32_t> ids, std::vector<LabelledSpan> spans, Spans given = {}) {
    return {{std::move(ids), std::move(given)}, std::move(spans)};
}

std::string problem(const MarkedAnswer& chosen, const std::vector<MarkedAnswer>& rejected,
                    const std::vector<std::string>& labels) {
    try {
        span_pairs(chosen, rejected, labels);
    } catch (const SpanError& error) {
        return error.what();
    }
    return "(read)";
}

TEST(SpanPairs, ARecordMakesAPairForEachLabel) {
    const MarkedAnswer chosen = answer({1, 2, 3, 4, 5}, {{0, 2, "plan"}, {2, 5, "text"}}),
                       rejected = answer({6, 7, 8, 9}, {{0, 1, "plan"}, {1, 2, "text"}, {3, 4, "text"}});
    const auto pairs = span_pairs(chosen, {rejected}, {"text", "plan"});
    ASSERT_EQ(pairs.size(), 2U);
    EXPECT_EQ(pairs[0].label, "text");
    EXPECT_EQ(pairs[0].chosen.given, (Spans{{0, 2}}));
    EXPECT_EQ(pairs[0].rejected[0].given, (Spans{{0, 1}, {2, 3}}));
    EXPECT_EQ(pairs[0].chosen.ids, chosen.tokens.ids);
    EXPECT_EQ(pairs[1].chosen.given, (Spans{{2, 5}}));
    EXPECT_EQ(pairs[1].rejected[0].scored_count(), 1);
}

TEST(SpanPairs, WholeAnswersNeedNoSpansOrAreAskedFor) {
    const auto plain = span_pairs(answer({1}, {}), {answer({2}, {}), answer({3}, {})}, {});
    ASSERT_EQ(plain.size(), 1U);
    EXPECT_EQ(plain[0].label, "");
    EXPECT_EQ(plain[0].rejected.size(), 2U);
    const auto whole = span_pairs(answer({1, 2}, {{0, 1, "plan"}}), {answer({2, 2}, {})}, {"whole"});
    EXPECT_EQ(whole.at(0).chosen.scored_count(), 2);
}

TEST(SpanPairs, GivenTokensStayGiven) {
    const MarkedAnswer chosen = answer({1, 2, 3, 4}, {{0, 3, "plan"}}, {{1, 2}});
    EXPECT_EQ(scored_in_spans(chosen, "plan", "chosen").given, (Spans{{1, 2}, {3, 4}}));
    EXPECT_THAT(
        problem(answer({1, 2}, {{0, 1, "plan"}}, {{0, 1}}), {answer({3, 2}, {{0, 1, "plan"}})}, {"plan"}),
        HasSubstr("chosen: the span \"plan\" has no token that is scored"));
}

TEST(SpanPairs, WhatCannotBeAPairIsRefused) {
    const MarkedAnswer chosen = answer({1, 2}, {{0, 1, "plan"}}), none = answer({3, 2}, {});
    EXPECT_THAT(problem(chosen, {none}, {}), HasSubstr("data.spans does not say which are scored"));
    EXPECT_THAT(problem(chosen, {none}, {"plan"}),
                HasSubstr("chosen has a span \"plan\" and rejected[0] has none"));
    EXPECT_THAT(problem(none, {chosen}, {"plan"}),
                HasSubstr("rejected[0] has a span \"plan\" and chosen has none"));
    EXPECT_THAT(problem(chosen, {chosen}, {"pla"}),
                HasSubstr("no span that data.spans names (pla); found: plan"));
}

TEST(SpanPairs, TheSameTokensBehindTheSameTokensSayNothing) {
    const TokenSequence plan{{1, 2, 3}, {{1, 3}}};
    EXPECT_TRUE(same_scored_tokens(plan, {{1, 8, 9, 9}, {{1, 4}}}));
    EXPECT_FALSE(same_scored_tokens(plan, {{4, 2, 3}, {{1, 3}}}));
    // Equal scored tokens behind other ones differ.
    EXPECT_FALSE(same_scored_tokens({{1, 5}, {{0, 1}}}, {{2, 5}, {{0, 1}}}));
}

}  // namespace
}  // namespace linvox
