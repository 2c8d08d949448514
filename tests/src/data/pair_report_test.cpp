#include "src/data/pair_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/base/files.h"

namespace linvox {
namespace {

Candidate scored(std::size_t length, std::int32_t id, double wer) {
    Candidate candidate;
    candidate.answer.ids.assign(length, id);
    candidate.scores["wer"] = wer;
    return candidate;
}

CandidateRecord group_of(const std::string& id, std::vector<Candidate> candidates) {
    CandidateRecord group;
    group.info.id = id;
    group.info.prompt_ids = {1};
    group.info.lang = "en";
    group.candidates = std::move(candidates);
    return group;
}

PairConfig by_wer() {
    PairConfig config;
    config.metrics = {{.name = "wer", .min_gap = 0.05}};
    return config;
}

TEST(PairReport, NumbersByHand) {
    const auto result = build_pairs({group_of("a", {scored(10, 1, 0.1), scored(20, 2, 0.5)}),
                                     group_of("b", {scored(36, 1, 0.2), scored(20, 2, 0.4)}),
                                     group_of("c", {scored(5, 1, 0.20), scored(5, 2, 0.22)})},
                                    by_wer());
    const nlohmann::json report = pair_report(result, by_wer());
    EXPECT_EQ(report["prompts"]["read"], 3);
    EXPECT_EQ(report["prompts"]["with_pairs"], 2);
    EXPECT_EQ(report["prompts"]["without"]["gap_too_small"]["examples"][0], "c");
    EXPECT_EQ(report["pairs"]["dropped"]["gap_too_small"]["count"], 1);
    EXPECT_EQ(report["length"]["chosen"]["mean"], 23.0);    // 10, 36
    EXPECT_EQ(report["length"]["rejected"]["mean"], 20.0);  // 20, 20
    EXPECT_EQ(report["length"]["ratio"], 1.15);
    EXPECT_EQ(report["length"]["chosen_longer"], 0.5);
    EXPECT_NEAR(report["length"]["correlation_with_gap"], -1.0, 1e-12);  // (-10, .4), (16, .2)
    EXPECT_NEAR(report["score_gap"]["wer"]["quantiles"]["p50"], 0.3, 1e-12);
    EXPECT_EQ(report["finish"]["chosen"]["stop"], 2);
    EXPECT_EQ(report["language"]["en"], 2);
    EXPECT_EQ(report["duplicates"], 0);
    EXPECT_TRUE(report["warnings"].empty());
}

TEST(PairReport, FiveExamplesPerRule) {
    std::vector<CandidateRecord> groups;
    for (int i = 0; i < 9; ++i) groups.push_back(group_of("p" + std::to_string(i), {scored(3, 1, 0.1)}));
    const nlohmann::json report = pair_report(build_pairs(groups, by_wer()), by_wer());
    EXPECT_EQ(report["prompts"]["without"]["too_few_candidates"]["count"], 9);
    EXPECT_EQ(report["prompts"]["without"]["too_few_candidates"]["examples"].size(), 5U);
    EXPECT_TRUE(report["length"].is_null());  // no pair, no number
}

TEST(PairReport, WarnsOfLengthAndSourceBias) {
    PairConfig config = by_wer();
    config.chosen_from = "reference";
    CandidateRecord group = group_of("a", {scored(10, 2, 0.5)});
    group.reference = scored(20, 1, 0.0);
    group.reference->source = "reference";
    const nlohmann::json report = pair_report(build_pairs({group, group}, config), config);
    const std::string warnings = report["warnings"].dump();
    EXPECT_THAT(warnings, testing::HasSubstr("2.00 times as long"));
    EXPECT_THAT(warnings, testing::HasSubstr("one source"));
    EXPECT_THAT(warnings, testing::HasSubstr("more than once"));  // the same group twice
}

TEST(PairReport, TextAndFilesSayTheSame) {
    const auto result = build_pairs({group_of("a", {scored(10, 1, 0.1), scored(20, 2, 0.5)})}, by_wer());
    const nlohmann::json report = pair_report(result, by_wer());
    write_pair_report(testing::TempDir(), report);
    const std::string text = read_file(std::filesystem::path(testing::TempDir()) / "pair_report.txt");
    EXPECT_THAT(text, testing::HasSubstr("1 read, 1 with pairs"));
    EXPECT_THAT(text, testing::HasSubstr("1 proposed, 1 kept"));
    EXPECT_EQ(
        nlohmann::json::parse(read_file(std::filesystem::path(testing::TempDir()) / "pair_report.json")),
        report);
}

}  // namespace
}  // namespace linvox
