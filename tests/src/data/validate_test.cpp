#include "src/data/validate.h"

#include <gmock/gmock.h>

#include <cctype>
#include <fstream>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::filesystem::path file_of(const std::string& text) {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    const auto path =
        std::filesystem::path(testing::TempDir()) / (std::string("validate-") + info->name() + ".jsonl");
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

/// "kind:line" of every finding.
std::vector<std::string> found(const ValidationReport& report) {
    std::vector<std::string> all;
    for (const Finding& finding : report.findings)
        all.push_back(finding.kind + ":" + std::to_string(finding.line));
    return all;
}

std::vector<std::string> found_in(const std::string& text, const Tokenise& tokenise = {}) {
    return found(validate_file(file_of(text), tokenise));
}

const std::string kGood = R"({"prompt": "Why?", "chosen": "Because.", "rejected": "No."})";

TEST(Validate, AGoodFileHasNoFinding) {
    const ValidationReport report =
        validate_file(file_of(kGood + "\n\n" + R"({"prompt": "Who?", "chosen": "I.", "rejected": "You."})"));
    EXPECT_THAT(found(report), IsEmpty());
    EXPECT_EQ(report.records, 2);
    EXPECT_EQ(report.form, "trl");
}

TEST(Validate, SchemaErrorsNameTheirLine) {
    EXPECT_THAT(found_in(kGood + "\nnot json\n[1]\n" +
                         R"({"prompt": "a", "prompt": "b", "chosen": "c", "rejected": "d"})"),
                ElementsAre("not-json:2", "not-json:3", "not-json:4"));
    EXPECT_THAT(found_in(kGood + "\n" + R"({"prompt": "Why?", "chosen": 5, "rejected": "No."})" + "\n" +
                         R"({"text": "x"})"),
                ElementsAre("schema:2", "schema:3"));
    EXPECT_THAT(found_in(R"({"prompt": "a", "completion": "b", "label": true})"), ElementsAre("schema:1"));
    EXPECT_THAT(found_in(R"({"prompt": "a", "chosen": true, "rejected": false})"), ElementsAre("schema:1"));
    EXPECT_THAT(found_in(kGood + "\n" + R"({"chosen": "Go up.", "rejected": "Go down."})"),
                ElementsAre("mixed-forms:2"));
}

TEST(Validate, SpansAreLookedAt) {
    const auto line = [](const std::string& chosen, const std::string& rejected) {
        return R"({"prompt": "Why? ", "chosen": "Because so.", "rejected": "No idea.", "chosen_spans": [)" +
               chosen + R"(], "rejected_spans": [)" + rejected + "]}\n";
    };
    const std::string plan = R"({"begin": 0, "end": 7, "label": "plan"})",
                      late = R"({"begin": 8, "end": 90, "label": "plan"})",
                      other = R"({"begin": 0, "end": 2, "label": "tone"})",
                      cut = R"({"begin": 0, "end": 3, "label": "plan"})";
    EXPECT_THAT(found_in(line(plan, cut)), IsEmpty());
    EXPECT_THAT(found_in(line(late, plan) + line(plan, other) + line(plan, "")),
                ElementsAre("bad-span:1", "one-sided-span:2", "one-sided-span:3", "duplicate:3"));
    // Words as tokens: "Because" ends at 7, "No" does not end at 3 but at 2.
    const Tokenise words = [](const std::string& text) {
        std::vector<std::int32_t> ids;
        for (const std::string& word : split_words(text))
            ids.push_back(static_cast<std::int32_t>(word.size()) * 256 + word[0]);
        return ids;
    };
    EXPECT_THAT(found_in(line(plan, other.substr(0, 23) + R"("label": "plan"})"), words), IsEmpty());
    EXPECT_THAT(found_in(line(cut, cut), words), ElementsAre("span-cuts-token:1"));
    EXPECT_THAT(
        found_in(
            std::string(R"({"prompt": "Why?", "chosen": "So.</s>", "rejected": "No.", "chosen_spans": [)") +
            R"({"begin": 0, "end": 2, "label": "plan"}], "rejected_spans": [)" + other.substr(0, 23) +
            R"("label": "plan"}]})"),
        ElementsAre("double-marks:1", "bad-span:1"));
}

TEST(Validate, ConversationsHaveFindingsOfTheirOwn) {
    const std::string good =
        R"({"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]})";
    const ValidationReport report = validate_file(file_of(
        good + "\n" + good + "\n" + R"({"messages": [{"role": "user", "content": "Hi."}]})" + "\n" +
        R"({"messages": [{"role": "user", "content": "Ho."}, {"role": "assistant", "content": "x</s>"}]})" +
        "\n" +
        R"({"messages": [{"role": "user", "content": "He."}, {"role": "assistant", "content": "x", "cal_loss": false}]})" +
        "\n" + kGood));
    EXPECT_EQ(report.form, "dialogue");
    EXPECT_THAT(found(report), ElementsAre("duplicate:2", "bad-dialogue:3", "marks-in-dialogue:4",
                                           "bad-dialogue:5", "mixed-forms:6"));
    EXPECT_EQ(report.dropped, 3);
    EXPECT_EQ(report.unfixable(), 2);
}

TEST(Validate, CompletionsWithoutABestOneAreDropped) {
    const auto line = [](const std::string& completions) {
        return R"({"instruction": "q", "completions": [)" + completions + "]}\n";
    };
    const std::string a = R"({"response": "a.", "overall_score": 1})",
                      b = R"({"response": "b.", "overall_score": 1})",
                      c = R"({"response": "c.", "overall_score": 2})", none = R"({"response": "d."})";
    const ValidationReport report =
        validate_file(file_of(line(a + "," + c) + line(a + "," + b) + line(a) + line(a + "," + none)));
    EXPECT_THAT(found(report), ElementsAre("no-preference:2", "no-preference:3", "schema:4"));
    EXPECT_EQ(report.dropped, 2);
    EXPECT_EQ(report.unfixable(), 1);
}

TEST(Validate, EmptyIdenticalRepeatedAndSwapped) {
    EXPECT_THAT(found_in(R"({"prompt": " ", "chosen": "a", "rejected": "b"}
{"prompt": "x", "chosen": "", "rejected": "b"}
{"prompt": "x", "chosen": "a", "rejected": " "}
{"prompt": "x", "chosen": "a", "rejected": "a"}
{"prompt": "x", "chosen": "a", "rejected": "b"}
{"prompt": "x", "chosen": "a", "rejected": "b"}
{"prompt": "x", "chosen": "b", "rejected": "a"})"),
                ElementsAre("empty:1", "empty:2", "empty:3", "identical-answers:4", "duplicate:6",
                            "swapped-sides:7"));
}

TEST(Validate, MarksAndRepeatedPrompts) {
    EXPECT_THAT(found_in(R"({"prompt": "<s>Why?", "chosen": "Because.</s>", "rejected": "No."})"),
                ElementsAre("double-marks:1", "double-marks:1"));
    EXPECT_THAT(
        found_in(
            R"({"prompt": "Why does the sun shine?", "chosen": "Why does the sun shine? Fire.", "rejected": "No."})"),
        ElementsAre("prompt-in-answer:1"));
}

TEST(Validate, PromptsMustBeAPrefixOfTheTokens) {
    // One token for each run of letters: the answer's first letters join the prompt's last ones.
    const Tokenise by_word = [](const std::string& text) {
        std::vector<std::int32_t> ids;
        for (const std::string& word : split_words(text))
            ids.push_back(static_cast<std::int32_t>(word.size()));
        return ids;
    };
    EXPECT_THAT(found_in(R"({"prompt": "the sun", "chosen": "shine", "rejected": " sets"})", by_word),
                ElementsAre("not-a-prefix:1"));
    EXPECT_THAT(found_in(R"({"prompt": "the sun", "chosen": " shines", "rejected": " sets"})", by_word),
                IsEmpty());
}

TEST(Validate, ATemplateStandsBetweenPromptAndAnswer) {
    // Runs of letters are tokens, and so is every other character.
    const Tokenise by_run = [](const std::string& text) {
        std::vector<std::int32_t> ids;
        for (std::size_t i = 0; i < text.size(); ++i)
            if (i == 0 || !std::isalpha(text[i]) || !std::isalpha(text[i - 1]))
                ids.push_back(static_cast<std::int32_t>(text[i]));
            else
                ids.back() = ids.back() * 31 + text[i];
        return ids;
    };
    const std::string text = R"({"prompt": "the sun", "chosen": "shines", "rejected": "sets"})",
                      talk = R"({"prompt": [{"role": "user", "content": "the sun"}], "chosen": )"
                             R"([{"role": "assistant", "content": "shines"}], "rejected": )"
                             R"([{"role": "assistant", "content": "sets"}]})";
    ModelRules chat, glued;
    chat.form = find_chat_template("chatml");
    glued.form =
        ChatTemplate{.name = "glued", .roles = {{"user", "", "", "", ""}, {"assistant", "", "", "", ""}}};
    const auto with = [&](const std::string& line, const ModelRules& rules) {
        return found(validate_file(file_of(line), by_run, rules));
    };
    EXPECT_THAT(with(text, {}), ElementsAre("not-a-prefix:1", "not-a-prefix:1"));
    EXPECT_THAT(with(talk, {}), IsEmpty());  // no template is known
    for (const std::string& line : {text, talk}) {
        EXPECT_THAT(with(line, chat), IsEmpty());
        EXPECT_THAT(with(line, glued), ElementsAre("not-a-prefix:1", "not-a-prefix:1"));
    }
}

TEST(Validate, AnswersCutByLength) {
    std::string lines;
    for (int i = 0; i < 12; ++i) {
        const std::string n = std::to_string(i);
        lines += R"({"prompt": "q)" + n + R"(", "chosen": "Answer )" + n + (i == 7 ? " and then the" : ".") +
                 R"(", "rejected": "No."})" + "\n";
    }
    EXPECT_THAT(found_in(lines), ElementsAre("cut-by-length:8"));
    EXPECT_THAT(found_in(R"({"prompt": "a", "chosen": "b", "rejected": "c", "chosen_finish": "length"})"),
                ElementsAre("cut-answer:1"));
}

TEST(Validate, MathProblems) {
    const ValidationReport report = validate_file(file_of(R"({"question": "q1", "answer": "2 + 2 = 5\n#### 5"}
{"question": "q2", "answer": "no mark"}
{"question": "q3", "answer": "#### None"}
{"question": "q1", "answer": "#### 4"}
{"question": "q4", "answer": "#### Monday"}
{"question": "", "answer": "#### 1"})"));
    EXPECT_EQ(report.form, "gsm8k");
    EXPECT_THAT(found(report), ElementsAre("wrong-step:1", "missing-gold:2", "missing-gold:3", "duplicate:4",
                                           "gold-not-a-number:5", "empty:6"));
    EXPECT_THAT(found(validate_file(LINVOX_SOURCE_DIR "/samples/math/problems.jsonl")), IsEmpty());
}

TEST(Validate, FixDropsAndRepairsWhatIsSafe) {
    const auto path = file_of(R"({"prompt": "a", "chosen": "b.</s>", "rejected": "c."}
not json
{"prompt": "a", "chosen": "x", "rejected": "x"}
{"prompt": "a", "chosen": "good.", "rejected": "bad."})");
    const ValidationReport report = validate_file(path);
    EXPECT_EQ(report.dropped, 2);
    EXPECT_EQ(report.repaired, 1);
    EXPECT_EQ(report.unfixable(), 0);
    ASSERT_EQ(report.fixed_lines.size(), 2U);
    EXPECT_THAT(found(validate_file(file_of(report.fixed_lines[0] + "\n" + report.fixed_lines[1]))),
                IsEmpty());
    const std::string text = validation_text(report, "d.jsonl", 1);
    EXPECT_THAT(text, HasSubstr("4 record(s), form trl; 3 error(s), 0 warning(s)"));
    EXPECT_THAT(text, HasSubstr("d.jsonl:3: x"));
}

TEST(Validate, LinvoxRecordsAreReadByTheirOwnReader) {
    const auto report = validate_file(
        file_of(R"({"format": "linvox-preference", "version": 1, "kind": "pairs", "vocab_size": 10}
{"id": "a", "prompt_ids": [1], "chosen_ids": [2], "rejected_ids": [[2]]})"));
    EXPECT_EQ(report.form, "linvox pairs");
    EXPECT_THAT(found(report), ElementsAre("schema:2"));
}

TEST(Validate, PromptsWhoseCandidatesWereAllCutAreCounted) {
    const auto record = [](const std::string& id, const std::string& finishes) {
        std::string candidates;
        for (const std::string& finish : split(finishes, ' '))
            candidates += (candidates.empty() ? "" : ",") + (R"({"ids": [4], "finish": ")" + finish + "\"}");
        return R"({"id": ")" + id + R"(", "prompt_ids": [1], "candidates": [)" + candidates + "]}\n";
    };
    const ValidationReport report = validate_file(
        file_of(R"({"format": "linvox-preference", "version": 1, "kind": "candidates", "vocab_size": 10})"
                "\n" +
                record("a", "length stop") + record("b", "length length")));
    EXPECT_EQ(report.form, "linvox candidates");
    EXPECT_THAT(found(report), ElementsAre("cut-candidates:0"));
    EXPECT_THAT(report.findings[0].detail, HasSubstr("1 of 2 prompts"));
}

TEST(Validate, WhatCannotBeReadIsAnError) {
    EXPECT_THROW(validate_file("/nowhere/x.jsonl"), DataError);
    EXPECT_THROW(validate_file(file_of("")), DataError);
}

TEST(Validate, AModelThatPadsWithItsEndIsFound) {
    const auto model = std::filesystem::path(testing::TempDir()) / "validate-pad-model";
    std::filesystem::create_directories(model);
    const auto details = [&] {
        ValidationReport report = validate_file(file_of(kGood));
        find_pad_is_end(report, model);
        std::vector<std::string> all;
        for (const Finding& finding : report.findings) all.push_back(finding.detail);
        return all;
    };
    std::ofstream(model / "config.json") << R"({"pad_token_id": 7, "eos_token_id": [5, 6]})";
    std::ofstream(model / "tokenizer_config.json") << R"({"pad_token": null, "eos_token": "</s>"})";
    EXPECT_THAT(details(), IsEmpty());
    std::ofstream(model / "config.json") << R"({"pad_token_id": 6, "eos_token_id": [5, 6]})";
    std::ofstream(model / "tokenizer_config.json")
        << R"({"pad_token": {"content": "</s>"}, "eos_token": "</s>"})";
    EXPECT_THAT(details(), ElementsAre(HasSubstr("config.json: pad_token_id and eos_token_id are 6"),
                                       HasSubstr("tokenizer_config.json: pad_token and eos_token")));
}

}  // namespace
}  // namespace linvox
