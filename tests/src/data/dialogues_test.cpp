#include "src/data/dialogues.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/text/chat_encoding.h"

namespace linvox {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<std::int32_t>;
using Spans = std::vector<Span>;

json said(const char* role, const char* text) { return {{"role", role}, {"content", text}}; }

std::string problem(const json& record) {
    try {
        parse_dialogue(record, 1);
    } catch (const DataError& error) {
        return error.what();
    }
    return "(read)";
}

/// user 1, assistant 2 in front of letters; an answer ends in 3.
Ids letters(const std::string& text) {
    Ids ids;
    for (const char c : text) ids.push_back(c);
    return ids;
}
Ids prompt(std::span<const ChatMessage> messages) {
    Ids ids;
    for (const ChatMessage& message : messages) {
        ids.push_back(message.role == "user" ? 1 : 2);
        for (const std::int32_t id : letters(message.content)) ids.push_back(id);
        if (message.role != "user") ids.push_back(3);
    }
    ids.push_back(2);
    return ids;
}
Ids answer(const std::string& text) {
    Ids ids = letters(text);
    ids.push_back(3);
    return ids;
}

const std::vector<ChatMessage> kTalk = {{"user", "a"},      {"assistant", "b"}, {"user", "c"},
                                        {"assistant", "d"}, {"user", "e"},      {"assistant", "f"}};

TEST(Dialogues, MessagesAndTheirMarksAreRead) {
    json silent = said("assistant", "hm");
    silent["cal_loss"] = false;
    const Dialogue talk = parse_dialogue(
        {{"messages", json::array({said("user", "a"), silent, said("user", "c"), said("assistant", "d")})}},
        7);
    EXPECT_EQ(talk.id, "line-7");
    ASSERT_EQ(talk.messages.size(), 4U);
    EXPECT_FALSE(talk.messages[1].scored);
    EXPECT_TRUE(talk.messages[3].scored);
    EXPECT_EQ(first_answer(talk.messages), 1U);
}

TEST(Dialogues, UniTtsTurnsTakeTheirAudioTokens) {
    const json user = {
        {"type", "user"}, {"name", "x"}, {"content_list", {{{"type", "text"}, {"content", "Hi."}}}}};
    const json bot = {{"role", "assistant"},
                      {"cal_loss", true},
                      {"content_list",
                       {{{"type", "text"}, {"content", "So: "}},
                        {{"type", "audio"},
                         {"content", "<|audio|>."},
                         {"audio_infos", {{"audio_tokens", "<|g0r0_5|><|g0r0_6|>"}, {"text", "hello"}}}}}}};
    const json list = json::array({user, bot});
    for (const json& form : {list, json(list.dump())}) {
        const Dialogue talk = parse_dialogue({{"task", "chat"}, {"dialoge", form}}, 1);
        ASSERT_EQ(talk.messages.size(), 2U);
        EXPECT_EQ(talk.messages[0], (ChatMessage{"user", "Hi."}));
        EXPECT_EQ(talk.messages[1].content, "So: <|g0r0_5|><|g0r0_6|>.");
    }
    json broken = bot;
    broken["content_list"][1].erase("audio_infos");
    EXPECT_THAT(problem({{"dialog", json::array({user, broken})}}),
                HasSubstr("dialog[1].content_list[1] has more <|audio|> than audio_infos (0)"));
    broken = bot;
    broken["content_list"][1]["audio_infos"]["audio_tokens"] = {5, 6};
    EXPECT_THAT(problem({{"dialog", json::array({user, broken})}}), HasSubstr("as the tokenizer names them"));
    broken = bot;
    broken["content_list"][1]["content"] = "none";
    EXPECT_THAT(problem({{"dialog", json::array({user, broken})}}),
                HasSubstr("has 1 audio_infos and 0 <|audio|>"));
}

TEST(Dialogues, WhatCannotBeLearnedIsRefused) {
    const auto talk = [](std::initializer_list<json> messages) { return json{{"messages", json(messages)}}; };
    EXPECT_THAT(problem({{"x", 1}}), HasSubstr("neither \"messages\" nor \"dialog\""));
    EXPECT_THAT(problem(talk({said("user", "a"), said("user", "b")})),
                HasSubstr("no message of the assistant's"));
    EXPECT_THAT(problem(talk({said("assistant", "a"), said("user", "b")})),
                HasSubstr("begins with the assistant"));
    EXPECT_THAT(problem(talk({said("user", "a"), said("assistant", "b"), said("user", "c")})),
                HasSubstr("ends with a message of the role \"user\""));
    EXPECT_THAT(problem(talk({said("user", "a"), said("assistant", " ")})),
                HasSubstr("messages[1] is an empty"));
    EXPECT_THAT(problem({{"dialog", "no json"}}), HasSubstr("no JSON stands in it"));
    json odd = said("assistant", "b");
    odd["cal_loss"] = "yes";
    EXPECT_THAT(problem(talk({said("user", "a"), odd})),
                HasSubstr("messages[1].cal_loss must be true or false"));
    const auto path = std::filesystem::path(testing::TempDir()) / "dialogues.jsonl";
    std::ofstream(path) << talk({said("user", "a"), said("assistant", "b")}).dump() << "\n\n"
                        << talk({said("user", "a")}).dump() << "\n";
    EXPECT_THAT([&] { read_dialogues(path); },
                testing::ThrowsMessage<DataError>(HasSubstr("dialogues.jsonl:3: ")));
}

TEST(Dialogues, TurnsAreSelectedByNumberFromTheStart) {
    const auto scored = [](const std::string& selection, std::size_t first = 1) {
        std::vector<ChatMessage> talk = kTalk;
        talk[3].scored = false;
        select_turns(talk, first, parse_turn_selection(selection));
        std::string found;
        for (const ChatMessage& turn : talk)
            if (turn.role == "assistant" && turn.scored) found += turn.content;
        return found;
    };
    EXPECT_EQ(scored("marked"), "bf");
    EXPECT_EQ(scored("all"), "bdf");
    EXPECT_EQ(scored("last"), "f");
    EXPECT_EQ(scored("2"), "d");
    EXPECT_EQ(scored("1, 3"), "bf");
    EXPECT_THAT([&] { scored("4"); },
                testing::ThrowsMessage<DataError>(HasSubstr("(3 with those in it) is scored")));
    // The first one is the prompt's.
    EXPECT_THROW(scored("1", 2), DataError);
    for (const char* bad : {"", "first", "0", "1,", "-1", "99999999"})
        EXPECT_THROW(parse_turn_selection(bad), UserError) << bad;
}

TEST(Dialogues, AnswersAreScoredAndWhatOthersSayIsGiven) {
    std::vector<ChatMessage> talk = kTalk;
    talk[3].scored = false;
    const std::span<const ChatMessage> all(talk);
    const TokenSequence encoded = encode_dialogue(prompt, answer, all.first(1), all.subspan(1));
    EXPECT_EQ(encoded.ids, (Ids{'b', 3, 1, 'c', 2, 'd', 3, 1, 'e', 2, 'f', 3}));
    EXPECT_EQ(encoded.given, (Spans{{2, 10}}));
    // Scored or not, the tokens in front of an answer are those of a prompt that reaches so far.
    Ids whole = prompt(all.first(1));
    whole.insert(whole.end(), encoded.ids.begin(), encoded.ids.begin() + 10);
    EXPECT_EQ(whole, prompt(all.first(5)));
}

TEST(Dialogues, AMarkOfTheTemplateInATurnIsNoticed) {
    const auto marked = [](const std::string& text) { return answer(text.substr(0, text.find('!'))); };
    std::vector<ChatMessage> talk = kTalk;
    talk[1].content = "b!";
    const std::span<const ChatMessage> all(talk);
    EXPECT_THAT([&] { encode_dialogue(prompt, marked, all.first(1), all.subspan(1)); },
                testing::ThrowsMessage<DataError>(HasSubstr("in front of message 4")));
}

TEST(Dialogues, EveryTurnIsEncodedAsTheTemplateHasIt) {
    const ChatEncoding chat{load_tokenizer(LINVOX_SOURCE_DIR "/tests/golden/tokenizers/qwen2"),
                            find_chat_template("chatml")};
    const auto encode_prompt = [&](std::span<const ChatMessage> m) { return prompt_ids(chat, m); };
    const auto encode_answer = [&](const std::string& text) { return answer_ids(chat, text); };
    const std::span<const ChatMessage> all(kTalk);
    const TokenSequence own = encode_dialogue(encode_prompt, encode_answer, all.first(1), all.subspan(1));
    const TokenSequence rendered = encode_chat(chat.tokenizer, render_chat(*chat.form, kTalk));
    Ids whole = prompt_ids(chat, all.first(1));
    const auto in_front = static_cast<std::int32_t>(whole.size());
    whole.insert(whole.end(), own.ids.begin(), own.ids.end());
    // The template ends a message with a new line that is never predicted.
    ASSERT_GE(rendered.ids.size(), whole.size());
    EXPECT_EQ(Ids(rendered.ids.begin(), rendered.ids.begin() + static_cast<std::ptrdiff_t>(whole.size())),
              whole);
    ASSERT_EQ(own.given.size(), 2U);
    EXPECT_EQ(own.given[0].begin + in_front, rendered.given[1].begin);
    EXPECT_EQ(own.given[1].end + in_front, rendered.given[2].end);
}

}  // namespace
}  // namespace linvox
