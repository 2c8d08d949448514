#include "src/data/vllm_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "src/base/error.h"

namespace linvox {
namespace {

using Ids = std::vector<std::int32_t>;

std::filesystem::path file_of(const std::string& lines) {
    const auto path = std::filesystem::path(testing::TempDir()) / "vllm.jsonl";
    std::ofstream(path) << lines;
    return path;
}

// The fields of vLLM's RequestOutput and CompletionOutput (vllm/outputs.py, 0.10).
constexpr const char* kLine =
    R"({"request_id": "7", "prompt": "say it", "prompt_token_ids": [1, 2], "finished": true, "outputs": [)"
    R"({"index": 0, "text": "x", "token_ids": [5, 6], "cumulative_logprob": -3.5, "finish_reason": "stop", "stop_reason": 9},)"
    R"({"index": 1, "text": "y", "token_ids": [5, 8], "cumulative_logprob": null, "finish_reason": "stop", "stop_reason": null},)"
    R"({"index": 2, "text": "z", "token_ids": [5, 5], "cumulative_logprob": -1.0, "finish_reason": "length"},)"
    R"({"index": 3, "text": "", "token_ids": [], "finish_reason": "abort"},)"
    R"({"index": 4, "text": "q", "token_ids": [4], "finish_reason": null}]})"
    "\n";

TEST(VllmImport, KeepsIdsFinishAndSum) {
    const CandidateFile file = import_vllm(file_of(kLine), {10, {8, 9}});
    ASSERT_EQ(file.records.size(), 1U);
    const CandidateRecord& record = file.records[0];
    EXPECT_EQ(record.info.id, "7");
    EXPECT_EQ(record.info.text, "say it");
    EXPECT_EQ(record.info.prompt_ids, (Ids{1, 2}));
    ASSERT_EQ(record.candidates.size(), 4U);
    EXPECT_EQ(record.candidates[0].answer.ids, (Ids{5, 6, 9}));  // its stop id was left out
    EXPECT_EQ(record.candidates[0].meta.at("logprob_sum"), -3.5);
    EXPECT_EQ(record.candidates[1].answer.ids, (Ids{5, 8}));
    EXPECT_TRUE(record.candidates[1].meta.empty());
    EXPECT_EQ(record.candidates[2].finish, Finish::length);
    EXPECT_EQ(record.candidates[2].answer.ids, (Ids{5, 5}));
    EXPECT_EQ(record.candidates[3].finish, Finish::error);
}

TEST(VllmImport, KeepsTheSampledTokensLogprobs) {
    const auto logprobs_of = [](const std::string& logprobs, const std::string& ids = "[5, 8]") {
        return import_vllm(file_of(R"({"prompt_token_ids": [1], "outputs": [{"token_ids": )" + ids +
                                   R"(, "finish_reason": "stop", "logprobs": )" + logprobs + "}]}\n"),
                           {10, {8}})
            .records[0]
            .candidates[0]
            .token_logprobs;
    };
    const std::string own = R"({"5": {"logprob": -0.5, "rank": 1}, "7": {"logprob": -1.0}})";
    EXPECT_EQ(logprobs_of("[" + own + R"(, {"8": -2.0}])"), (std::vector<float>{-0.5F, -2.0F}));
    for (const std::string& none : {std::string("null"), "[" + own + "]", "[" + own + R"(, {"7": -2.0}])"})
        EXPECT_TRUE(logprobs_of(none).empty()) << none;
    EXPECT_TRUE(logprobs_of("[" + own + "]", "[5]").empty());  // its stop id was left out
}

TEST(VllmImport, WhatItWritesCanBeRead) {
    const auto path = std::filesystem::path(testing::TempDir()) / "imported.jsonl";
    CandidateFile file = import_vllm(file_of(kLine), {10, {8, 9}});
    write_candidates(path, file);
    file.header.kind = "candidates";
    EXPECT_EQ(read_candidates(path).records, file.records);
}

TEST(VllmImport, NamesLineAndField) {
    const auto error_of = [](const std::string& lines) -> std::string {
        try {
            import_vllm(file_of(lines), {10, {}});
        } catch (const DataError& error) {
            return error.what();
        }
        return "(read)";
    };
    using testing::HasSubstr;
    EXPECT_THAT(error_of(R"({"outputs": []})"), HasSubstr("vllm.jsonl:1: \"prompt_token_ids\" is missing"));
    EXPECT_THAT(error_of(R"({"prompt_token_ids": [1], "outputs": [{"text": "a"}]})"),
                HasSubstr("outputs[0] has no \"token_ids\""));
    EXPECT_THAT(error_of(R"({"prompt_token_ids": [1], "outputs": [{"token_ids": [10]}]})"),
                HasSubstr("outputs[0].token_ids"));
    EXPECT_THAT(error_of(R"({"prompt_token_ids": [1], "outputs": []})"), HasSubstr("holds no answer"));
    std::string twice = kLine;
    twice.append(kLine);
    EXPECT_THAT(error_of(twice), HasSubstr("stands twice"));
}

}  // namespace
}  // namespace linvox
