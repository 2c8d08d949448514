#include "src/data/answer_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace linvox {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;
using testing::ElementsAre;
using testing::HasSubstr;

Ids letters(const std::string& text) {
    Ids ids;
    for (const char c : text) ids.push_back(c - 'a' + 10);
    return ids;
}

/// One id per letter; 1 in front of every message of a prompt but the assistant's.
LineRules rules() {
    LineRules rules;
    rules.encode_prompt = [](std::span<const ChatMessage> messages) {
        Ids ids;
        for (const ChatMessage& message : messages) {
            if (message.role != "assistant") ids.push_back(1);
            for (const std::int32_t id : letters(message.content)) ids.push_back(id);
        }
        return ids;
    };
    rules.encode_answer = letters;
    rules.token_spans = [](const std::string&, const std::vector<LabelledSpan>& spans) { return spans; };
    rules.vocab_size = 40;
    rules.max_positions = 12;
    return rules;
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

TEST(AnswerLines, ReadsTheTextFormsOfPreferenceData) {
    const json turns = {{{"role", "system"}, {"content", "a"}}, {{"role", "user"}, {"content", "b"}}};
    const auto said = [](const char* text) { return json{{{"role", "assistant"}, {"content", text}}}; };
    const AnswerLine chat =
        read_answer_line({{"prompt", turns}, {"chosen", said("cd")}, {"rejected", said("e")}}, 3, rules());
    EXPECT_EQ(chat.group.prompt_ids, (Ids{1, 10, 1, 11}));
    EXPECT_THAT(chat.names, ElementsAre("chosen", "rejected"));
    EXPECT_EQ(chat.group.answers[0].ids, (Ids{12, 13}));
    const AnswerLine scored = read_answer_line(
        {{"instruction", "a"},
         {"completions",
          {{{"response", "b"}, {"overall_score", 1}}, {{"response", "c"}, {"overall_score", 2}}}}},
        3, rules());
    EXPECT_EQ(scored.group.answers[0].ids, (Ids{12}));
    const AnswerLine list =
        read_answer_line({{"prompt", "a"}, {"chosen", "b"}, {"rejected", {"c", "d"}}}, 3, rules());
    EXPECT_THAT(list.names, ElementsAre("chosen", "rejected[0]", "rejected[1]"));
    // A prompt of messages also stands before other answers.
    EXPECT_EQ(read_answer_line({{"prompt", turns}, {"answer", "c"}}, 3, rules()).group.prompt_ids,
              (Ids{1, 10, 1, 11}));
    EXPECT_EQ(read_prompt_line({{"prompt", turns}}, 3, rules()).text, "b");
}

TEST(AnswerLines, AnAppendedEndCountsIntoTheContext) {
    LineRules ending = rules();
    ending.end_ids = {3, 9};
    ending.closing = {8, 9};
    const auto ids = [&](const Ids& answer) {
        return read_answer_line({{"prompt_ids", {1}}, {"ids", answer}}, 1, ending).group.answers[0].ids;
    };
    EXPECT_EQ(ids({5}), (Ids{5, 8, 9}));
    EXPECT_EQ(ids({5, 3}), (Ids{5, 3}));
    EXPECT_EQ(ids({5, 9}), (Ids{5, 9}));
    EXPECT_EQ(ids(Ids(9, 4)).size(), 11U);
    EXPECT_THAT(problem({{"prompt_ids", {1}}, {"ids", Ids(10, 4)}}, ending),
                HasSubstr("13 tokens with the end that is appended, the model's context is 12"));
}

TEST(AnswerLines, SpansAreTokensOfIdsAndReachOverTheEndThatIsAppended) {
    LineRules ending = rules();
    ending.closing = {8, 9};
    const json plan = {{"begin", 0}, {"end", 1}, {"label", "plan"}},
               text = {{"begin", 1}, {"end", 3}, {"label", "text"}};
    const AnswerLine ids = read_answer_line({{"prompt_ids", {1}},
                                             {"chosen_ids", {4, 5, 6}},
                                             {"rejected_ids", {{5, 5, 6}, {7, 7}}},
                                             {"chosen_spans", {plan, text}},
                                             {"rejected_spans", {json::array({plan}), json::array()}}},
                                            1, ending);
    EXPECT_THAT(ids.spans,
                ElementsAre(std::vector<LabelledSpan>{{0, 1, "plan"}, {1, 5, "text"}},
                            std::vector<LabelledSpan>{{0, 1, "plan"}}, std::vector<LabelledSpan>{}));
    const AnswerLine texts = read_answer_line({{"prompt", "a"},
                                               {"chosen", "bcd"},
                                               {"rejected", "cd"},
                                               {"chosen_spans", {text}},
                                               {"rejected_spans", {plan}}},
                                              1, rules());
    EXPECT_THAT(texts.spans[0], ElementsAre(LabelledSpan{1, 3, "text"}));
    EXPECT_THAT(
        problem(
            {{"prompt_ids", {1}}, {"chosen_ids", {4, 5}}, {"rejected_ids", {6}}, {"chosen_spans", {text}}}),
        HasSubstr(
            "chosen spans[0] = [1, 3) must be non-empty, behind the span before it and within the 2 tokens"));
    EXPECT_THAT(problem({{"prompt_ids", {1}},
                         {"chosen_ids", {4, 5}},
                         {"rejected_ids", {{6}, {7}}},
                         {"rejected_spans", {plan}}}),
                HasSubstr("one list of spans for each of the 2 answers"));
}

TEST(AnswerLines, DialoguesScoreTheAssistantsTurns) {
    const auto said = [](const char* role, const char* text) {
        return json{{"role", role}, {"content", text}};
    };
    LineRules with = rules();
    with.turns = parse_turn_selection("last");
    const json chosen = {said("assistant", "b"), said("user", "c"), said("assistant", "d")};
    const AnswerLine line = read_answer_line({{"prompt", json::array({said("user", "a")})},
                                              {"chosen", chosen},
                                              {"rejected", json::array({said("assistant", "e")})}},
                                             1, with);
    EXPECT_EQ(line.group.prompt_ids, (Ids{1, 10}));
    EXPECT_EQ(line.group.answers[0].ids, (Ids{11, 1, 12, 13}));
    EXPECT_EQ(line.group.answers[0].given, (std::vector<Span>{{0, 3}}));
    EXPECT_EQ(line.group.answers[1].ids, (Ids{14}));
    const SequenceGroup talk = dialogue_group({"x", {{"user", "a"}, {"assistant", "b"}}, 1}, rules());
    EXPECT_EQ(talk.answers[0].ids, (Ids{11}));
    with.max_positions = 2;
    EXPECT_THAT(
        [&] {
            dialogue_group({"x", {{"user", "a"}, {"assistant", "b"}}, 1}, with);
        },
        testing::ThrowsMessage<DataError>(HasSubstr("the dialogue and its prompt have 3 tokens")));
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
    LineRules other = rules();
    other.vocab_size = 30;
    EXPECT_THAT(problem({{"prompt", "zzz"}, {"ids", {4}}}, other), HasSubstr("30 rows"));
    other.encode_prompt = nullptr;
    EXPECT_THAT(problem({{"prompt", "a"}, {"ids", {4}}}, other), HasSubstr("has no tokenizer"));
    EXPECT_THAT(problem({{"prompt", "a"}, {"chosen", " "}, {"rejected", "b"}}), HasSubstr("chosen is empty"));
    EXPECT_THAT(problem({{"prompt", 3}, {"ids", {4}}}), HasSubstr("a list of messages or a list of ids"));
}

TEST(AnswerLines, APromptThatFillsTheContextIsNamedWithItsLine) {
    const auto path = std::filesystem::path(testing::TempDir()) / "long_prompts.jsonl";
    const auto error_of = [&](int letters_of_second) -> std::string {
        std::ofstream(path) << R"({"prompt": "a"})"
                            << "\n"
                            << json{{"prompt", std::string(static_cast<std::size_t>(letters_of_second), 'b')}}
                            << "\n";
        try {
            read_prompt_lines(path, rules());
        } catch (const DataError& error) {
            return error.what();
        }
        return "(read)";
    };
    EXPECT_EQ(error_of(10), "(read)");  // with the 1 in front 11 of 12
    EXPECT_THAT(error_of(11), HasSubstr("long_prompts.jsonl:2: the prompt has 12 tokens"));
}

TEST(AnswerLines, FilesMayOpenWithAHeader) {
    const auto path = std::filesystem::path(testing::TempDir()) / "lines.jsonl";
    std::ofstream(path) << R"({"format": "linvox-preference", "kind": "pairs"})"
                        << "\n"
                        << R"({"id": "a", "prompt_ids": [1], "ids": [2]})"
                        << "\n";
    std::size_t lines = 0;
    for_each_answer_line(path, rules(), [&](AnswerLine&&) { ++lines; });
    EXPECT_EQ(lines, 1U);
    EXPECT_THAT(
        [&] { for_each_answer_line(path, rules(), [](AnswerLine&&) { throw DataError("no good"); }); },
        testing::ThrowsMessage<DataError>(HasSubstr("lines.jsonl:2: no good")));
    std::ofstream(path, std::ios::app) << R"({"id": "a", "prompt_ids": [1]})"
                                       << "\n";
    EXPECT_THAT([&] { read_prompt_lines(path, rules()); },
                testing::ThrowsMessage<DataError>(HasSubstr("lines.jsonl:3: the id 'a' stands twice")));
}

}  // namespace
}  // namespace linvox
