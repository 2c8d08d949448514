#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "eval/report.h"

namespace linvox {
namespace {

std::string fact(const ReportPanel& panel, const std::string& name) {
    for (const auto& [key, value] : panel.facts)
        if (key == name) return value;
    return "no such fact";
}

TEST(ReportPanels, Pairs) {
    const ReportPanel panel = pair_panel(nlohmann::json::parse(R"({
        "prompts": {"read": 38, "with_pairs": 30, "without": {"all_bad": {"count": 8, "examples": ["a"]}}},
        "pairs": {"kept": 30, "perturbed": 2,
                  "dropped": {"gap_too_small": {"count": 3, "examples": ["x", "y"]}, "not_stop": {"count": 9, "examples": []}}},
        "length": {"chosen": {"mean": 10.5, "median": 10}, "rejected": {"mean": 12, "median": 11}, "ratio": 0.875,
                   "chosen_longer": 0.25, "correlation_with_gap": null},
        "balance": {"length": {"mean": 0.0002, "standard_error": 0.0047, "what": "ln of it", "balanced": true,
                               "before": {"mean": 0.0225, "standard_error": 0.0048}},
                    "repeats": {"mean": 0.01, "standard_error": 0.003, "what": "twice", "balanced": false}},
        "score_gap": {"mcd": {"mean": 1.5, "quantiles": {"0.5": 1.4}, "correlation_with_length": 0.1}},
        "finish": {"stop": 58, "length": 2}, "warnings": ["look out"], "novel_key": 17})"));
    EXPECT_EQ(fact(panel, "pairs kept"), "30");
    EXPECT_EQ(fact(panel, "chosen is longer"), "25.0 %");
    EXPECT_EQ(fact(panel, "correlation of length and score gap"), "none");
    EXPECT_EQ(fact(panel, "novel key"), "17");  // what nobody taught it is shown
    const auto dropped = std::find_if(panel.tables.begin(), panel.tables.end(), [](const ReportTable& t) {
        return t.caption == "Pairs dropped, by rule";
    });
    ASSERT_NE(dropped, panel.tables.end());
    EXPECT_EQ(dropped->rows[0], (std::vector<std::string>{"not stop", "9", ""}));  // most frequent first
    EXPECT_EQ(dropped->rows[1], (std::vector<std::string>{"gap too small", "3", "x, y"}));
    const auto balance = std::find_if(panel.tables.begin(), panel.tables.end(), [](const ReportTable& t) {
        return t.caption.starts_with("What chosen answers have more of");
    });
    ASSERT_NE(balance, panel.tables.end());
    EXPECT_EQ(balance->rows[0], (std::vector<std::string>{"ln of it", "0.0002", "0.0047", "0.0225"}));
    EXPECT_EQ(balance->rows[1], (std::vector<std::string>{"twice", "0.01", "0.003", "none were"}));
    EXPECT_EQ(panel.warnings, std::vector<std::string>{"look out"});
    ASSERT_EQ(panel.bars.size(), 1u);
}

TEST(ReportPanels, PairsSayWhatBecameOfTheCandidates) {
    const ReportPanel panel = pair_panel(nlohmann::json::parse(R"({
        "candidates": {"read": 240, "eligible": 235, "set_aside": {"structure": {"count": 5, "examples": ["u/1"]}}},
        "why": {"pareto cer": 7}})"));
    EXPECT_EQ(fact(panel, "candidates read"), "240");
    EXPECT_EQ(fact(panel, "of them fit for a pair"), "235");
    EXPECT_EQ(fact(panel, "candidates"), "no such fact");
    EXPECT_EQ(fact(panel, "why"), "no such fact");
    EXPECT_EQ(panel.tables.at(0).caption, "Candidates set aside");
    EXPECT_EQ(panel.tables.at(0).rows.at(0), (std::vector<std::string>{"structure", "5", "u/1"}));
}

TEST(ReportPanels, Codec) {
    const ReportPanel panel = codec_panel(nlohmann::json::parse(R"({
        "clips": {"read": 554, "used": 540, "left_out": {"silent": {"count": 10, "ids": ["a","b","c","d","e","f"]}}},
        "codebook": {"size": 1024, "tokens": 5000, "used": 700, "usage": 0.684, "perplexity": 512.5,
                     "enough_tokens": false, "tokens_per_code": 4.9},
        "reconstruction": {"stoi": null, "n": 0}, "explained_variance": 0.9})"));
    EXPECT_EQ(fact(panel, "codebook usage"), "68.4 %");
    EXPECT_EQ(fact(panel, "codes used"), "700 of 1024");
    EXPECT_EQ(fact(panel, "explained variance"), "0.9");
    EXPECT_EQ(panel.warnings.size(), 1u);  // too few tokens to state usage
    EXPECT_EQ(panel.tables.back().rows[0][2], "a, b, c, d, e, ...");
}

TEST(ReportPanels, AnEmptyDocumentIsShownAsNone) {
    EXPECT_EQ(fact(pair_panel(nlohmann::json::object()), "pairs kept"), "none");
    EXPECT_TRUE(codec_panel(nlohmann::json::object()).tables.empty());
}

}  // namespace
}  // namespace linvox
