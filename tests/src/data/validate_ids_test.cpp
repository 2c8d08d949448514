// Preference records whose answers are ids, as validate_file() looks at them.
#include "src/data/validate_ids.h"

#include <gmock/gmock.h>

#include <fstream>

#include "src/base/text.h"

namespace linvox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::filesystem::path test_path(const std::string& name) {
    return std::filesystem::path(testing::TempDir()) / ("validate-ids-" + name);
}

ValidationReport report_of(const std::string& lines, const ModelRules& rules = {}) {
    std::ofstream(test_path("records.jsonl"), std::ios::binary) << lines;
    return validate_file(test_path("records.jsonl"), {}, rules);
}

std::vector<std::string> found(const ValidationReport& report) {
    std::vector<std::string> all;
    for (const Finding& finding : report.findings)
        all.push_back(finding.kind + ":" + std::to_string(finding.line));
    return all;
}

// Rows 0 to 19, a context of 8; 1 begins a text, 2 and 3 end one.
const ModelRules kRules{20, 8, {1}, {2, 3}};

TEST(ValidateIds, RecordsWithoutANameAreFine) {
    const ValidationReport report =
        report_of(R"({"prompt_ids": [1, 5], "chosen_ids": [6, 2], "rejected_ids": [7, 2]}
{"prompt_ids": [1, 5], "chosen_ids": [8, 2], "rejected_ids": [[7, 2], [9, 3]]}
{"prompt": "as text", "chosen": [8, 2], "rejected": [{"ids": [7, 2]}]}
)",
                  kRules);
    EXPECT_EQ(report.form, "ids");
    EXPECT_EQ(report.records, 3);
    EXPECT_THAT(found(report), IsEmpty());
    EXPECT_EQ(report.fixed_lines.size(), 3U);
}

TEST(ValidateIds, EmptyEqualRepeatedAndCut) {
    const ValidationReport report = report_of(R"({"prompt_ids": [], "chosen_ids": [6], "rejected_ids": [7]}
{"prompt_ids": [1], "chosen_ids": [], "rejected_ids": [7]}
{"prompt_ids": [1], "chosen_ids": [6, 7], "rejected_ids": [[5], [6, 7]]}
{"prompt_ids": [1], "chosen_ids": [6], "rejected_ids": [7]}
{"prompt_ids": [1], "chosen_ids": [6], "rejected_ids": [7]}
{"prompt_ids": [1], "chosen_ids": [8], "rejected_ids": [7], "chosen_finish": "length"}
{"prompt": "Why?", "chosen": "So.", "rejected": "No."}
)");
    EXPECT_THAT(found(report), ElementsAre("empty:1", "empty:2", "identical-answers:3", "duplicate:5",
                                           "cut-answer:6", "mixed-forms:7"));
    EXPECT_EQ(report.dropped, 5);
    EXPECT_EQ(report.unfixable(), 1);
}

TEST(ValidateIds, SchemaErrorsNameTheField) {
    const ValidationReport report = report_of(R"({"prompt_ids": [1], "chosen_ids": [20], "rejected_ids": [7]}
{"prompt_ids": "x", "chosen_ids": [6], "rejected_ids": [7]}
{"prompt_ids": [1], "chosen_ids": [6]}
{"chosen_ids": [6], "rejected_ids": [7]}
{"prompt_ids": [1], "chosen_ids": [[6], [8]], "rejected_ids": [-7]}
)",
                                              kRules);
    EXPECT_THAT(found(report), ElementsAre("schema:1", "schema:2", "schema:3", "schema:4", "schema:5"));
    EXPECT_THAT(report.findings[0].detail, HasSubstr("chosen_ids[0] = 20 is outside the vocabulary"));
    EXPECT_THAT(report.findings[2].detail, HasSubstr("\"rejected\" is missing"));
}

TEST(ValidateIds, MarksThatStandTwiceAreTakenOff) {
    const std::string line =
        R"({"prompt_ids": [1, 1, 1, 5], "chosen_ids": [6, 2, 2], "rejected_ids": [[7, 3], [8, 2, 3, 3]]})";
    EXPECT_THAT(found(report_of(line)), IsEmpty());  // without a model nobody knows the marks
    const ValidationReport report = report_of(line, kRules);
    EXPECT_THAT(found(report), ElementsAre("double-marks:1", "double-marks:1", "double-marks:1"));
    EXPECT_THAT(report.findings[0].detail, HasSubstr("begins with the id 1 3 times"));
    EXPECT_EQ(report.repaired, 1);
    ASSERT_EQ(report.fixed_lines.size(), 1U);
    EXPECT_EQ(nlohmann::json::parse(report.fixed_lines[0]),
              nlohmann::json::parse(
                  R"({"prompt_ids": [1, 5], "chosen_ids": [6, 2], "rejected_ids": [[7, 3], [8, 2, 3]]})"));
    EXPECT_THAT(found(report_of(report.fixed_lines[0], kRules)), IsEmpty());
    EXPECT_THAT(
        found(report_of(R"({"prompt_ids": [1], "chosen_ids": [1, 6, 2], "rejected_ids": [7, 2]})", kRules)),
        ElementsAre("mark-in-answer:1"));
}

TEST(ValidateIds, AnswersThatDoNotFitOrDoNotEnd) {
    std::string lines = R"({"prompt_ids": [1, 4, 4, 4, 4], "chosen_ids": [6, 6, 6, 2], "rejected_ids": [7]})"
                        "\n";
    for (int i = 0; i < 12; ++i) {
        const std::string n = std::to_string(4 + i);
        lines += R"({"prompt_ids": [1, )" + n + R"(], "chosen_ids": [6, )" + (i == 7 ? "6" : "2") +
                 R"(], "rejected_ids": [7]})" + "\n";
    }
    EXPECT_THAT(found(report_of(lines, kRules)), ElementsAre("too-long:1", "cut-by-length:9"));
}

TEST(ValidateIds, RulesComeFromTheModelsDirectory) {
    const auto model = test_path("model");
    std::filesystem::create_directories(model);
    std::filesystem::copy_file(LINVOX_SOURCE_DIR "/tests/golden/tokenizers/llama3/tokenizer.json",
                               model / "tokenizer.json", std::filesystem::copy_options::overwrite_existing);
    std::ofstream(model / "config.json")
        << R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 9000, "hidden_size": 8,
               "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
               "intermediate_size": 12, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "eos_token_id": [3, 4],
               "tie_word_embeddings": true, "max_position_embeddings": 64})";
    const ModelRules rules = model_rules(model);
    EXPECT_EQ(rules.vocab_size, 9000);
    EXPECT_EQ(rules.max_positions, 64);
    EXPECT_THAT(rules.begin_ids, ElementsAre(900));  // <|begin_of_text|>, by the template post-processor
    EXPECT_THAT(rules.end_ids, testing::IsSupersetOf({3, 4}));
}

}  // namespace
}  // namespace linvox
