#include "src/data/math_records.h"

#include <gmock/gmock.h>

#include <fstream>

#include "src/base/error.h"

namespace linvox {
namespace {

std::string refusal(const std::string& lines) {
    const auto path = std::filesystem::path(testing::TempDir()) / "math.jsonl";
    std::ofstream(path) << lines;
    try {
        read_math_records(path);
    } catch (const DataError& error) {
        return error.what();
    }
    return "none";
}

TEST(MathRecords, AnnotationsAreTakenOff) {
    const auto records = read_math_records(LINVOX_SOURCE_DIR "/samples/math/problems.jsonl");
    ASSERT_EQ(records.size(), 12U);
    EXPECT_EQ(records[0].answer, "37 + 8 = 45\n45 * 3 = 135\n#### 135");
    EXPECT_EQ(records[1].line, 2U);
}

TEST(MathRecords, WhatCannotBeScoredIsRefusedWithItsLine) {
    const std::string good = R"({"question": "q", "answer": "#### 1"})";
    EXPECT_THAT(refusal(good + "\n" + R"({"question": "q", "answer": "so 5"})"),
                testing::HasSubstr("math.jsonl:2"));
    EXPECT_THAT(refusal(R"({"question": "q", "answer": "#### None"})"), testing::HasSubstr("missing"));
    EXPECT_THAT(refusal(R"({"question": "", "answer": "#### 1"})"), testing::HasSubstr("question"));
    EXPECT_THAT(refusal(""), testing::HasSubstr("no problem"));
    EXPECT_EQ(refusal(good), "none");
}

}  // namespace
}  // namespace linvox
