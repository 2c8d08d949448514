#include "src/data/answer_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace linvox {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;

/// One id per byte; 1 in front of a text that opens the sequence.
LineRules rules() {
    return {[](const std::string& text, bool opens) {
                Ids ids;
                if (opens) ids.push_back(1);
                for (const char c : text) ids.push_back(c - 'a' + 10);
                return ids;
            },
            40, 12};
}

std::string problem(const json& line, const LineRules& with = rules()) {
    try {
        read_answer_line(line, 1, with);
    } catch (const DataError& error) {
        return error.what();
    }
    return "(read)";
}

TEST(AnswerLines, ReadsEveryFormOfAnswers) {
    const json prompt = {{"prompt_ids", {3, 4}}};
    const auto read = [&](const json& answers) {
        json line = prompt;
        line.update(answers);
        return read_answer_line(line, 7, rules());
    };
    const AnswerLine ids = read({{"ids", {5, 6}}, {"given", {{0, 1}}}});
    EXPECT_EQ(ids.group.id, "line-7");
    EXPECT_EQ(ids.group.prompt_ids, (Ids{3, 4}));
    EXPECT_THAT(ids.names, ElementsAre("answer"));
    EXPECT_EQ(ids.group.answers[0].given, (std::vector<Span>{{0, 1}}));
    const AnswerLine pair = read({{"chosen_ids", {5}}, {"rejected_ids", {{6}, {7, 8}}}});
    EXPECT_THAT(pair.names, ElementsAre("chosen", "rejected[0]", "rejected[1]"));
    EXPECT_EQ(pair.group.answers[2].ids, (Ids{7, 8}));
    const AnswerLine texts = read({{"chosen", "ab"}, {"rejected", "c"}});
    EXPECT_EQ(texts.group.answers[0].ids, (Ids{10, 11}));
    const AnswerLine mixed =
        read({{"answers", {json::array({5, 6}), "a", {{"text", "b"}}, {{"token_ids", {9}}}}}});
    EXPECT_THAT(mixed.names, ElementsAre("answers[0]", "answers[1]", "answers[2]", "answers[3]"));
    EXPECT_EQ(mixed.group.answers[3].ids, (Ids{9}));
    const AnswerLine sampled = read({{"candidates", {{{"ids", {5, 6, 7}}, {"given", {{1, 2}}}}}}});
    EXPECT_EQ(sampled.group.answers[0].scored_count(), 2);
}

TEST(AnswerLines, PromptTextOpensTheSequence) {
    const PromptLine line = read_prompt_line({{"id", "x"}, {"prompt", "ab"}}, 1, rules());
    EXPECT_EQ(line.prompt_ids, (Ids{1, 10, 11}));
    EXPECT_EQ(line.text, "ab");
    EXPECT_EQ(line.id, "x");
}

TEST(AnswerLines, NamesTheFieldThatIsWrong) {
    EXPECT_EQ(problem({{"prompt_ids", {3}}, {"ids", {4}}}), "(read)");
    EXPECT_THAT(problem({{"ids", {4}}}), HasSubstr("neither \"prompt_ids\" nor \"prompt\""));
    EXPECT_THAT(problem({{"prompt_ids", {3}}}), HasSubstr("has no answer"));
    EXPECT_THAT(problem({{"prompt_ids", {40}}, {"ids", {4}}}), HasSubstr("prompt_ids"));
    EXPECT_THAT(problem({{"prompt_ids", {3}}, {"chosen_ids", {4}}, {"rejected_ids", {{5}, {41}}}}),
                HasSubstr("rejected[1]"));
    EXPECT_THAT(problem({{"prompt_ids", {3}}, {"ids", json::array()}}), HasSubstr("answer is empty"));
    EXPECT_THAT(problem({{"prompt_ids", {3}}, {"ids", Ids(12, 4)}}), HasSubstr("context is 12"));
    EXPECT_THAT(problem({{"prompt", "zzz"}, {"ids", {4}}}, {rules().encode, 30, 12}), HasSubstr("30 rows"));
    EXPECT_THAT(problem({{"prompt", "a"}, {"ids", {4}}}, {{}, 40, 12}), HasSubstr("has no tokenizer"));
}

TEST(AnswerLines, FilesMayOpenWithAHeader) {
    const auto path = std::filesystem::path(testing::TempDir()) / "lines.jsonl";
    std::ofstream(path) << R"({"format": "linvox-preference", "kind": "pairs"})"
                        << "\n"
                        << R"({"id": "a", "prompt_ids": [1], "ids": [2]})"
                        << "\n";
    EXPECT_EQ(read_answer_lines(path, rules()).size(), 1U);
    std::ofstream(path, std::ios::app) << R"({"id": "a", "prompt_ids": [1]})"
                                       << "\n";
    EXPECT_THAT([&] { read_prompt_lines(path, rules()); },
                testing::ThrowsMessage<DataError>(HasSubstr("lines.jsonl:3: the id 'a' stands twice")));
}

}  // namespace
}  // namespace linvox
