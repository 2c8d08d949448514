#include "src/data/preference_texts.h"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace linvox {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

PreferenceText parsed(const json& record) {
    return parse_preference_text(record, preference_format_of(record));
}

std::string refusal(const json& record) {
    try {
        parsed(record);
    } catch (const DataError& error) {
        return error.what();
    }
    return "none";
}

json message(const char* role, const char* text) { return {{"role", role}, {"content", text}}; }

TEST(PreferenceTexts, EveryFormGivesPromptAndAnswers) {
    const PreferenceText trl = parsed({{"prompt", "p"}, {"chosen", "c"}, {"rejected", "r"}});
    EXPECT_THAT(trl.prompt, ElementsAre(ChatMessage{"user", "p"}));
    EXPECT_EQ(trl.chosen, "c");
    EXPECT_THAT(trl.rejected, ElementsAre("r"));

    const PreferenceText chat =
        parsed({{"prompt", json::array({message("system", "s"), message("user", "p")})},
                {"chosen", json::array({message("assistant", "c")})},
                {"rejected", json::array({message("assistant", "r")})}});
    EXPECT_THAT(chat.prompt, ElementsAre(ChatMessage{"system", "s"}, ChatMessage{"user", "p"}));
    EXPECT_EQ(chat.chosen, "c");

    const PreferenceText scored =
        parsed({{"instruction", "p"},
                {"completions", json::array({{{"response", "mid"}, {"overall_score", 5}},
                                             {{"response", "best"}, {"overall_score", 8.5}},
                                             {{"response", "worst"}, {"overall_score", 2}}})}});
    EXPECT_EQ(scored.chosen, "best");
    EXPECT_THAT(scored.rejected, ElementsAre("worst"));

    const PreferenceText lpo =
        parsed({{"model_input", "p"},
                {"better_context", "good"},
                {"candidate_set", {"bad<|im_end|><|endoftext|>", "good", "worse<|im_end|>"}}});
    EXPECT_EQ(lpo.chosen, "good");
    EXPECT_THAT(lpo.rejected, ElementsAre("bad", "worse"));
}

TEST(PreferenceTexts, TheImplicitPromptIsTheCommonBeginning) {
    const PreferenceText text = parsed({{"chosen", "Q: why? A: because"}, {"rejected", "Q: why? A: bees"}});
    EXPECT_EQ(text.prompt[0].content, "Q: why? A:");
    EXPECT_EQ(text.chosen, " because");
    EXPECT_EQ(text.rejected[0], " bees");

    const json shared = message("user", "p");
    const PreferenceText chat = parsed({{"chosen", json::array({shared, message("assistant", "c")})},
                                        {"rejected", json::array({shared, message("assistant", "r")})}});
    EXPECT_THAT(chat.prompt, ElementsAre(ChatMessage{"user", "p"}));
    EXPECT_EQ(chat.chosen, "c");

    // UltraFeedback as TRL binarises it: the prompt as a string beside whole conversations.
    const PreferenceText both = parsed({{"prompt", "p"},
                                        {"chosen", json::array({shared, message("assistant", "c")})},
                                        {"rejected", json::array({shared, message("assistant", "r")})}});
    EXPECT_EQ(both.prompt, chat.prompt);
    EXPECT_EQ(both.rejected, chat.rejected);
}

TEST(PreferenceTexts, WhatCannotBeAPairIsRefused) {
    EXPECT_THAT(refusal({{"prompt", "p"}, {"completion", "c"}, {"label", true}}), HasSubstr("unpaired"));
    EXPECT_THAT(refusal({{"prompt", "p"}, {"chosen", true}, {"rejected", false}}), HasSubstr("quality flag"));
    EXPECT_THAT(refusal({{"chosen", "abc"}, {"rejected", "xyz"}}), HasSubstr("no common beginning"));
    EXPECT_THAT(refusal({{"prompt", 3}, {"chosen", "c"}, {"rejected", "r"}}),
                HasSubstr("\"prompt\" must be a string"));
    EXPECT_THAT(refusal({{"x", 1}}), HasSubstr("trl"));
    EXPECT_THAT(refusal({{"instruction", "p"},
                         {"completions", json::array({{{"response", "a"}, {"overall_score", 5}},
                                                      {{"response", "b"}, {"overall_score", 5}}})}}),
                HasSubstr("all completions have the score 5"));
    EXPECT_THAT(refusal({{"prompt", json::array({message("user", "p")})},
                         {"chosen", json::array({message("user", "c")})},
                         {"rejected", json::array({message("assistant", "r")})}}),
                HasSubstr("the assistant's"));
    EXPECT_THAT(refusal({{"prompt", "other"},
                         {"chosen", json::array({message("user", "p"), message("assistant", "c")})},
                         {"rejected", json::array({message("user", "p"), message("assistant", "r")})}}),
                HasSubstr("beginning of both"));
    EXPECT_THAT(refusal({{"prompt", json::array({message("robot", "p")})},
                         {"chosen", json::array()},
                         {"rejected", json::array()}}),
                HasSubstr("robot"));
}

TEST(PreferenceTexts, AnswersMayBeDialogues) {
    const json turns = json::array({message("user", "p"), message("assistant", "a"), message("user", "q")});
    json chosen = turns, rejected = turns;
    chosen[1]["content"] = "b";
    chosen.push_back(message("assistant", "c"));
    chosen.back()["cal_loss"] = false;
    rejected.push_back(message("assistant", "d"));
    const PreferenceText pair = parsed({{"chosen", chosen}, {"rejected", rejected}});
    EXPECT_THAT(pair.prompt, ElementsAre(ChatMessage{"user", "p"}));
    EXPECT_EQ(pair.chosen, "b");
    EXPECT_THAT(pair.chosen_details.turns,
                ElementsAre(ChatMessage{"assistant", "b"}, ChatMessage{"user", "q"},
                            ChatMessage{"assistant", "c", false}));
    EXPECT_EQ(pair.rejected_details.at(0).turns.at(2).content, "d");
    EXPECT_EQ(pair_problem(pair), "");
    // Turns that both sides share are the prompt's.
    chosen[1]["content"] = "a";
    const PreferenceText last = parsed({{"chosen", chosen}, {"rejected", rejected}});
    EXPECT_EQ(last.prompt.size(), 3U);
    EXPECT_EQ(last.chosen, "c");
    EXPECT_TRUE(last.rejected_details.at(0).turns.empty());
    chosen.push_back(message("user", "r"));
    EXPECT_THAT(refusal({{"chosen", chosen}, {"rejected", rejected}}),
                HasSubstr("the last one of the role \"user\""));
}

TEST(PreferenceTexts, SpansCountCharactersOfTheText) {
    const auto span = [](int begin, int end, const char* label) {
        return json{{"begin", begin}, {"end", end}, {"label", label}};
    };
    const auto record = [&](const json& chosen, const json& rejected) {
        return json{{"prompt", "p"},
                    {"chosen",
                     "n\xC3\xA9"
                     "e so"},
                    {"rejected", {"abc", "de"}},
                    {"chosen_spans", chosen},
                    {"rejected_spans", rejected}};
    };
    const json one = json::array({span(0, 3, "plan"), span(4, 6, "text")});
    const json two = json::array({json::array({span(0, 3, "plan")}), json::array({span(1, 2, "plan")})});
    const PreferenceText pair = parsed(record(one, two));
    EXPECT_THAT(pair.chosen_details.spans,
                ElementsAre(LabelledSpan{0, 3, "plan"}, LabelledSpan{4, 6, "text"}));
    EXPECT_THAT(pair.rejected_details.at(1).spans, ElementsAre(LabelledSpan{1, 2, "plan"}));
    const auto bad = [&](const json& chosen) { return refusal(record(chosen, two)); };
    EXPECT_THAT(bad(json::array({span(0, 7, "plan")})),
                HasSubstr("chosen_spans[0] = [0, 7) must be non-empty, behind the span "
                          "before it and within the 6 characters"));
    EXPECT_THAT(bad({span(2, 4, "plan"), span(3, 5, "text")}), HasSubstr("chosen_spans[1]"));
    EXPECT_THAT(bad(json::array({span(3, 3, "plan")})), HasSubstr("non-empty"));
    EXPECT_THAT(bad(json::array({span(0, 1, "")})), HasSubstr("name the span"));
    EXPECT_THAT(bad(json::array({span(0, 1, "whole")})), HasSubstr("stands for the answer"));
    EXPECT_THAT(bad(json::array({json{{"begin", 0}, {"end", 1}}})), HasSubstr("and nothing else"));
    EXPECT_THAT(bad("plan"), HasSubstr("must be a list of spans, found string"));
    EXPECT_THAT(refusal(record(one, json::array({two[0]}))), HasSubstr("for each of the 2 rejected answers"));
    EXPECT_THAT(refusal({{"chosen", "a b"}, {"rejected", "a c"}, {"chosen_spans", one}}),
                HasSubstr("this one is trl-implicit"));
}

TEST(PreferenceTexts, AFileHoldsOneFormAndNamesTheLine) {
    const auto path = std::filesystem::path(testing::TempDir()) / "preferences.jsonl";
    std::ofstream(path) << R"({"prompt": "p", "chosen": "c", "rejected": "r"})"
                        << "\n\n"
                        << R"({"chosen": "a b", "rejected": "a c"})"
                        << "\n";
    try {
        read_preference_texts(path);
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr("preferences.jsonl:3: this record is trl-implicit"));
    }
}

TEST(PreferenceTexts, MarksAtTheEdgesOnly) {
    EXPECT_THAT(edge_marks("<s> [EOS] in </s> the middle <|im_end|><|endoftext|>"),
                ElementsAre("<s>", "[EOS]", "<|endoftext|>", "<|im_end|>"));
    EXPECT_EQ(without_edge_marks("<s>in </s> the middle<|im_end|>"), "in </s> the middle");
    EXPECT_EQ(without_edge_marks(" kept as it is "), " kept as it is ");
}

}  // namespace
}  // namespace linvox
