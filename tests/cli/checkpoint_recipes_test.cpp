// The recipes for published speech models, through the program, on small models of the same layout: they
// align from text, and the result has the checkpoint's form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/model_files.h"
#include "tests/cli/program.h"

namespace linvox::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

SpeechShape spark() {
    return {.name = "spark",
            .architecture = "qwen2",
            .marks = {"<|task_tts|>", "<|start_content|>", "<|end_content|>", "<|start_global_token|>",
                      "<|end_global_token|>", "<|start_semantic_token|>", "<|end_semantic_token|>"},
            .code_patterns = {"<|bicodec_global_N|>", "<|bicodec_semantic_N|>"},
            .codes = 32,
            .spare_rows = 7,
            .end = "<|im_end|>"};
}

SpeechShape llasa() {
    return {
        .name = "llasa",
        .architecture = "llama",
        .rope_llama3 = true,
        .shards = 2,
        .marks = {"<|start_header_id|>", "<|end_header_id|>", "<|TEXT_UNDERSTANDING_START|>",
                  "<|TEXT_UNDERSTANDING_END|>", "<|SPEECH_GENERATION_START|>", "<|SPEECH_GENERATION_END|>"},
        .code_patterns = {"<|s_N|>"},
        .codes = 64,
        .end = "<|eot_id|>"};
}

/// <custom_token_0> to <custom_token_9> are marks, seven streams of 8 codes follow, and one token more.
SpeechShape orpheus() {
    return {.name = "orpheus",
            .architecture = "llama",
            .rope_llama3 = true,
            .shards = 3,
            .dtype = "F32",
            .code_patterns = {"<custom_token_N>"},
            .codes = 10 + 7 * 8 + 1,
            .spare_rows = 12,
            .end = "<|eot_id|>"};
}

SpeechShape unitts() {
    return {.name = "unitts",
            .architecture = "qwen2",
            .tied = false,
            .shards = 2,
            .code_patterns = {"<|g0r0_N|>"},
            .codes = 48,
            .spare_rows = 5,
            .end = "<|endoftext|>"};
}

/// Codes of an answer: those of chosen answers are even, of rejected ones odd.
std::string codes(const SpeechShape& shape, int pair, bool chosen) {
    std::string text;
    for (int i = 0; i < 6 + pair % 3; ++i) {
        const bool frames = shape.name == "orpheus";
        const int number =
            frames ? 10 + 8 * (i % 7) + 2 * ((pair + i) % 4) : 2 * ((pair + 3 * i) % (shape.codes / 2));
        std::string code = shape.code_patterns.back();
        text += code.replace(code.find('N'), 1, std::to_string(number + (chosen ? 0 : 1)));
    }
    return text;
}

json pair_of(const SpeechShape& shape, int pair) {
    const std::string text = "say number " + std::to_string(pair), good = codes(shape, pair, true),
                      bad = codes(shape, pair, false);
    const json chosen = {{{"role", "assistant"}, {"content", good}}},
               rejected = {{{"role", "assistant"}, {"content", bad}}};
    if (shape.name == "spark")
        return {{"prompt",
                 {{{"role", "user"}, {"content", text}},
                  {{"role", "speaker"}, {"content", "<|bicodec_global_3|><|bicodec_global_4|>"}}}},
                {"chosen", good},
                {"rejected", bad}};
    if (shape.name == "unitts")
        return {
            {"prompt", {{{"role", "system"}, {"content", "speak"}}, {{"role", "user"}, {"content", text}}}},
            {"chosen", chosen},
            {"rejected", rejected}};
    if (shape.name == "llasa")
        return {
            {"instruction", text},
            {"completions",
             {{{"response", bad}, {"overall_score", 0.2}}, {{"response", good}, {"overall_score", 0.9}}}}};
    return {{"prompt", text}, {"chosen", good}, {"rejected", {bad, bad.substr(bad.find('>') + 1)}}};
}

struct Published {
    SpeechShape shape;
    std::string says;  // the ids of the softmax
};

class CheckpointRecipes : public testing::TestWithParam<Published> {
protected:
    fs::path folder = test_folder(), model = write_speech_model(folder, GetParam().shape);

    Outcome run(const std::string& options = "") const {
        std::string lines;
        for (int pair = 0; pair < 24; ++pair) lines += pair_of(GetParam().shape, pair).dump() + "\n";
        write_text(folder / "pairs.jsonl", lines);
        return linvox("run " LINVOX_SOURCE_DIR "/recipes/checkpoint/" + GetParam().shape.name +
                      ".toml --set data.valid_share=0.2 --set model.start=" + model.string() +
                      " --set data.manifest=" + (folder / "pairs.jsonl").string() + " --run " +
                      (folder / "run").string() + options);
    }
    /// Every file below the model is there again; weights in the same places, the others byte for byte.
    void expect_same_form(const fs::path& saved) const {
        for (const auto& entry : fs::recursive_directory_iterator(model)) {
            if (!entry.is_regular_file()) continue;
            const fs::path name = fs::relative(entry.path(), model);
            ASSERT_TRUE(fs::exists(saved / name)) << name;
            if (name.extension() == ".safetensors")
                EXPECT_EQ(json::parse(safetensors_header(saved / name)),
                          json::parse(safetensors_header(model / name)));
            else
                EXPECT_EQ(read_text(saved / name), read_text(model / name)) << name;
        }
    }
};

TEST_P(CheckpointRecipes, AlignTheShapeAndKeepItsForm) {
    const Outcome outcome = run();
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(GetParam().says));
    EXPECT_THAT(outcome.output, HasSubstr("pairs.accuracy"));
    const fs::path aligned = folder / "run/stages/align/lpo";
    expect_same_form(aligned / "model");
    EXPECT_TRUE(fs::exists(aligned / "adapter/adapter_model.safetensors"));
    std::size_t changed = 0;
    for (const auto& entry : fs::directory_iterator(model))
        if (entry.path().extension() == ".safetensors")
            changed += read_text(entry.path()) != read_text(aligned / "model" / entry.path().filename());
    EXPECT_GT(changed, 0U);
}

TEST_P(CheckpointRecipes, SftOfAnAdapterComesFirstWhereAskedFor) {
    const Outcome outcome = run(" --set sft.steps=3 --set sft.lora.rank=4 --set sft.lora.dora=true");
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    const fs::path sft = folder / "run/stages/sft";
    EXPECT_FALSE(fs::is_symlink(sft / "model"));
    expect_same_form(sft / "model");
    expect_same_form(folder / "run/stages/align/lpo/model");
    EXPECT_THAT(read_text(sft / "adapter/adapter_config.json"), HasSubstr("\"use_dora\": true"));
}

INSTANTIATE_TEST_SUITE_P(Recipes, CheckpointRecipes,
                         testing::Values(Published{spark(), "softmax over 1039:1071+"},
                                         Published{llasa(), "softmax over 1006:1070+"},
                                         Published{orpheus(), "softmax over 1010:1066+"},
                                         Published{unitts(), "softmax over all ids"}),
                         [](const auto& given) { return given.param.shape.name; });

TEST(CheckpointRecipe, CodesOutsideTheSoftmaxAreNamedWithTheirLine) {
    const fs::path folder = test_folder(), model = write_speech_model(folder, llasa());
    write_text(folder / "pairs.jsonl",
               json{{"prompt", "say"}, {"chosen", "<|s_1|>"}, {"rejected", "<|s_2|>"}}.dump() + "\n" +
                   json{{"prompt", "say"}, {"chosen", "<|s_1|>"}, {"rejected", "a word"}}.dump() + "\n");
    const std::string recipe =
        std::string("run " LINVOX_SOURCE_DIR "/recipes/checkpoint/llasa.toml --set model.start=") +
        model.string() + " --set data.manifest=" + (folder / "pairs.jsonl").string() + " --run " +
        (folder / "run").string();
    const Outcome outcome = linvox(recipe);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.output,
                testing::AllOf(HasSubstr("pairs.jsonl:2: rejected: token 1"), HasSubstr("1006:1070")));
    const Outcome other = linvox(recipe + " --set model.template=chatml");
    EXPECT_EQ(other.code, 2);
    EXPECT_THAT(other.output, HasSubstr("'chatml' has '<|im_start|>', which is no token of"));
}

TEST(CheckpointRecipe, TheTemplatesEndEndsGeneratedAnswers) {
    const fs::path folder = test_folder(), model = write_speech_model(folder / "model", llasa());
    write_text(folder / "prompts.jsonl", R"({"prompt": "Hi."})");
    const auto stops_of = [&](const std::string& more) {
        fs::remove(folder / "out.jsonl");
        const Outcome outcome =
            linvox("generate --max-tokens 2 --model " + model.string() + " --prompts " +
                   (folder / "prompts.jsonl").string() + " --out " + (folder / "out.jsonl").string() + more);
        EXPECT_EQ(outcome.code, 0) << outcome.output;
        const std::string text = read_text(folder / "out.jsonl");
        return json::parse(text.substr(0, text.find('\n')))["stop_ids"];
    };
    const json chat_end = stops_of("");
    ASSERT_EQ(chat_end.size(), 1U);  // config.json's <|eot_id|>
    const int speech_end = 1000 + static_cast<int>(llasa().marks.size()) - 1;
    EXPECT_EQ(stops_of(" --template llasa"), json({speech_end, chat_end[0]}));
    EXPECT_EQ(stops_of(" --template llasa --codec-only"), json({speech_end}));
    EXPECT_EQ(stops_of(" --template llasa --stop 7"), json({7}));
}

TEST(CheckpointRecipe, ATextModelGrowsIntoATemplatesShape) {
    const fs::path folder = test_folder(),
                   model = write_speech_model(folder / "model", {.name = "text",
                                                                 .architecture = "llama",
                                                                 .dtype = "F32",
                                                                 .spare_rows = 3,
                                                                 .end = "<|eot_id|>"}),
                   grown = folder / "grown";
    std::string marks;
    for (const std::string& mark : llasa().marks) marks += (marks.empty() ? "'" : ",") + mark;
    const Outcome grow = linvox("grow --model " + model.string() + " --out " + grown.string() +
                                " --codec-tokens 64 --marks " + marks + "'");
    ASSERT_EQ(grow.code, 0) << grow.output;
    const json facts = json::parse(linvox("inspect --json --prompt 64 --answer 64 " + grown.string()).output);
    ASSERT_EQ(facts["codec"].size(), 1U) << facts["codec"];
    const int first = facts["codec"][0]["first_id"];
    EXPECT_EQ(facts["codec"][0]["stop_ids"], json({first - 1}));  // the last mark, <|SPEECH_GENERATION_END|>
    EXPECT_EQ(facts["problems"], json::array());
    write_text(folder / "pairs.jsonl",
               R"({"prompt": "Hi.", "chosen": "<|s_5|><|s_63|>", "rejected": "<|s_4|>"})");
    const Outcome score = linvox("score --template llasa --codec-only --per-token --model " + grown.string() +
                                 " --data " + (folder / "pairs.jsonl").string());
    ASSERT_EQ(score.code, 0) << score.output;
    EXPECT_THAT(score.output, HasSubstr(json({first + 5, first + 63, first - 1}).dump()));
}

TEST(CheckpointRecipe, StagesWithoutWeightsAreSkippedWhenOnlyWeightsChange) {
    const fs::path folder = test_folder(), model = write_speech_model(folder, orpheus());
    std::string lines;
    for (int pair = 0; pair < 12; ++pair) lines += pair_of(orpheus(), pair).dump() + "\n";
    write_text(folder / "pairs.jsonl", lines);
    const std::string recipe =
        std::string("run " LINVOX_SOURCE_DIR "/recipes/checkpoint/orpheus.toml --set model.start=") +
        model.string() + " --set data.manifest=" + (folder / "pairs.jsonl").string() + " --run " +
        (folder / "run").string();
    ASSERT_EQ(linvox(recipe).code, 0);
    std::string weights = read_text(model / "model-00001-of-00003.safetensors");
    weights[weights.size() - 3] = static_cast<char>(weights[weights.size() - 3] + 1);
    write_text(model / "model-00001-of-00003.safetensors", weights);
    const std::string again = linvox(recipe).output;
    for (const char* stage : {"prepare", "pairs"})
        EXPECT_THAT(again, HasSubstr(std::string("[") + stage + "] unchanged, skipped"));
    for (const char* stage : {"sft", "reference", "align"})
        EXPECT_THAT(again, HasSubstr(std::string("[") + stage + "] done in"));
}

/// UniTTS's conversations: two exchanges whose answers mix text and codes, in the data's own form.
json spoken_talk(int number, bool good) {
    const auto said = [](const char* role, const std::string& text) {
        return json{{"role", role}, {"name", ""}, {"content_list", {{{"type", "text"}, {"content", text}}}}};
    };
    const auto spoken = [&](int turn) {
        return json{{"role", "assistant"},
                    {"cal_loss", turn > 0},
                    {"content_list",
                     {{{"type", "audio"},
                       {"content", "<|audio|>"},
                       {"audio_infos", {{"audio_tokens", codes(unitts(), number + turn, good)}}}}}}};
    };
    return {said("user", "say " + std::to_string(number)), spoken(0), said("user", "again"), spoken(1)};
}

TEST(CheckpointDialogues, SeveralTurnsAndSpansTrainInOneRecipe) {
    const fs::path folder = test_folder(), model = write_speech_model(folder, unitts());
    std::string pairs, talks;
    for (int i = 0; i < 20; ++i) {
        const json good = spoken_talk(i, true), bad = spoken_talk(i, false);
        pairs += json{{"prompt", json::array({good[0]})},
                      {"chosen", json::array({good[1], good[2], good[3]})},
                      {"rejected", json::array({bad[1], bad[2], bad[3]})}}
                     .dump() +
                 "\n";
        talks += json{{"task", "talk"}, {"dialog", good.dump()}}.dump() + "\n";
    }
    write_text(folder / "pairs.jsonl", pairs);
    write_text(folder / "talks.jsonl", talks);
    const std::string command =
        "run " LINVOX_SOURCE_DIR "/recipes/checkpoint/unitts.toml --set data.valid_share=0.2" +
        std::string(" --set model.start=") + model.string() +
        " --set data.manifest=" + (folder / "pairs.jsonl").string() + " --run " + (folder / "run").string();
    const std::string sft =
        " --set sft.steps=2 --set sft.dropout=0 --set data.dialogues=" + (folder / "talks.jsonl").string();
    const Outcome outcome = linvox(command + sft);
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("pairs.accuracy"));
    // The first turn is marked as not learned: its codes are given, and so is what the user says behind it.
    const std::string records = read_text(folder / "run/stages/pairs/pairs.train.jsonl");
    const json first = json::parse(records.substr(
        records.find('\n') + 1, records.find('\n', records.find('\n') + 1) - records.find('\n') - 1));
    ASSERT_EQ(first["chosen_given"].size(), 1U);
    EXPECT_EQ(first["chosen_given"][0][0], 0);
    EXPECT_GT(first["chosen_given"][0][1], 6);
    EXPECT_LT(first["chosen_given"][0][1], first["chosen_ids"].size());
    const Outcome none = linvox(command + sft + " --set 'data.turns=\"5\"'");
    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.output, HasSubstr("pairs.jsonl:1: none of the assistant's turns"));
    std::string ids;
    for (int i = 0; i < 20; ++i) {
        const json span = {{"begin", 0}, {"end", 2}, {"label", "plan"}},
                   rest = {{"begin", 2}, {"end", 4}, {"label", "text"}};
        ids += json{{"prompt_ids", {5 + i, 6}},
                    {"chosen_ids", {20, 21, 22, 23}},
                    {"rejected_ids", {24, 21, 25, 23}},
                    {"chosen_spans", {span, rest}},
                    {"rejected_spans", {span, rest}}}
                   .dump() +
               "\n";
    }
    write_text(folder / "pairs.jsonl", ids);
    const Outcome spans = linvox(command + " --set 'data.spans=[\"plan\",\"text\"]'");
    ASSERT_EQ(spans.code, 0) << spans.output;
    EXPECT_THAT(read_text(folder / "run/stages/pairs/pairs.train.jsonl"), HasSubstr("given text"));
    const Outcome unnamed = linvox(command);
    EXPECT_EQ(unnamed.code, 2);
    EXPECT_THAT(unnamed.output, HasSubstr("pairs.jsonl:1: the answers have spans"));
}

}  // namespace
}  // namespace linvox::test
