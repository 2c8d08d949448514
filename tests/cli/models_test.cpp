// The commands on model directories, through the program: a small llama with weights by formula.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/cli/model_files.h"
#include "tests/cli/program.h"

namespace linvox::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// Vocabulary 16, width 8, one layer, an untied head; the id 3 ends an answer.
fs::path write_model(const fs::path& folder) {
    const fs::path model = folder / "model";
    fs::create_directories(model);
    write_text(
        model / "config.json",
        R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 16, "hidden_size": 8,
                   "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
                   "intermediate_size": 12, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "eos_token_id": 3,
                   "tie_word_embeddings": false, "max_position_embeddings": 64, "note": "kept"})");
    const std::string layer = "model.layers.0.";
    write_tensors(model / "model.safetensors", {{"lm_head.weight", {16, 8}},
                                                {"model.embed_tokens.weight", {16, 8}},
                                                {layer + "input_layernorm.weight", {8}},
                                                {layer + "mlp.down_proj.weight", {8, 12}},
                                                {layer + "mlp.gate_proj.weight", {12, 8}},
                                                {layer + "mlp.up_proj.weight", {12, 8}},
                                                {layer + "post_attention_layernorm.weight", {8}},
                                                {layer + "self_attn.k_proj.weight", {4, 8}},
                                                {layer + "self_attn.o_proj.weight", {8, 8}},
                                                {layer + "self_attn.q_proj.weight", {8, 8}},
                                                {layer + "self_attn.v_proj.weight", {4, 8}},
                                                {"model.norm.weight", {8}}});
    write_text(model / "codec.txt", "somebody else's");
    return model;
}

fs::path write_adapter(const fs::path& folder) {
    const fs::path adapter = folder / "adapter";
    fs::create_directories(adapter);
    write_text(
        adapter / "adapter_config.json",
        R"({"peft_type": "LORA", "r": 2, "lora_alpha": 64, "target_modules": ["q_proj"], "bias": "none"})");
    const std::string at = "base_model.model.model.layers.0.self_attn.q_proj.";
    write_tensors(adapter / "adapter_model.safetensors",
                  {{at + "lora_A.weight", {2, 8}}, {at + "lora_B.weight", {8, 2}}});
    return adapter;
}

/// stdout alone, one JSON object a line.
std::vector<json> lines_of(const std::string& text) {
    std::vector<json> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        if (line.starts_with("{")) lines.push_back(json::parse(line));
    return lines;
}

struct Models : testing::Test {
    fs::path folder = test_folder(), model = write_model(folder);
    std::string at_model() const { return " --model " + model.string(); }
    fs::path write_pairs() const {
        write_text(
            folder / "pairs.jsonl",
            R"({"id": "a", "prompt_ids": [1, 2], "chosen_ids": [5, 6, 3], "rejected_ids": [[7, 3], [9, 9, 9, 3]]})"
            "\n"
            R"({"prompt_ids": [4], "ids": [8, 3], "given": [[0, 1]]})"
            "\n");
        return folder / "pairs.jsonl";
    }
};

TEST_F(Models, InspectShowsFactsAndWhatWouldNotWork) {
    const Outcome text = linvox("inspect " + model.string());
    EXPECT_EQ(text.code, 0) << text.output;
    for (const char* part : {"LlamaForCausalLM: 1 layers, width 8", "model.safetensors: 12 tensors",
                             "end ids       [3]", "align, r 16", "problem"})
        EXPECT_THAT(text.output, HasSubstr(part));
    const json facts = json::parse(linvox("inspect --json --answer 32 --prompt 8 " + model.string()).output);
    EXPECT_EQ(facts["parameters"]["total"], 2 * 16 * 8 + 3 * 8 * 12 + 2 * 8 * 8 + 2 * 4 * 8 + 3 * 8);
    EXPECT_EQ(facts["dtypes"]["Float"], facts["parameters"]["total"]);
    EXPECT_EQ(facts["memory"]["align"]["gradients"], 4 * facts["parameters"]["total"].get<int>());
    ASSERT_EQ(facts["problems"].size(), 1U) << facts["problems"];  // no tokenizer
    fs::rename(model / "model.safetensors", model / "pytorch_model.bin");
    EXPECT_THAT(linvox("inspect " + model.string()).output,
                HasSubstr("pytorch_model.bin, which may be pickled"));
}

TEST_F(Models, ScoreAddsUpAndTheAdapterCounts) {
    const std::string command = "score" + at_model() + " --data " + write_pairs().string();
    const auto sums = lines_of(linvox(command).output);
    ASSERT_EQ(sums.size(), 2U);
    EXPECT_EQ(sums[0]["answers"][1]["name"], "rejected[0]");
    EXPECT_EQ(sums[1]["id"], "line-2");
    EXPECT_EQ(sums[1]["answers"][0]["tokens"], 1);
    const auto tokens = lines_of(linvox(command + " --per-token").output);
    for (std::size_t r = 0; r < 2; ++r)
        for (std::size_t a = 0; a < tokens[r]["answers"].size(); ++a) {
            double sum = 0.0;
            for (const json& value : tokens[r]["answers"][a]["logprobs"]) sum += value.get<double>();
            EXPECT_NEAR(sum, sums[r]["answers"][a]["logprob_sum"].get<double>(), 1e-5);
            EXPECT_LT(sum, 0.0);
        }
    const std::string out = (folder / "adapted.jsonl").string();
    const Outcome adapted =
        linvox(command + " --adapter " + write_adapter(folder).string() + " --out " + out);
    ASSERT_EQ(adapted.code, 0) << adapted.output;
    EXPECT_NE(lines_of(read_text(out))[0]["answers"], sums[0]["answers"]);
}

TEST_F(Models, MergeIsTheAdapterInTheWeights) {
    const fs::path adapter = write_adapter(folder), merged = folder / "merged";
    const Outcome merge =
        linvox("merge" + at_model() + " --adapter " + adapter.string() + " --out " + merged.string());
    ASSERT_EQ(merge.code, 0) << merge.output;
    EXPECT_EQ(read_text(merged / "config.json"), read_text(model / "config.json"));
    EXPECT_EQ(read_text(merged / "codec.txt"), "somebody else's");
    const std::string data = " --data " + write_pairs().string();
    const auto laid_over =
        lines_of(linvox("score" + at_model() + " --adapter " + adapter.string() + data).output);
    const auto in_weights = lines_of(linvox("score --model " + merged.string() + data).output);
    ASSERT_EQ(laid_over.size(), 2U);
    EXPECT_NEAR(laid_over[0]["answers"][0]["logprob_sum"].get<double>(),
                in_weights[0]["answers"][0]["logprob_sum"].get<double>(), 1e-5);
}

TEST_F(Models, GenerateGoesOnWhereItStopped) {
    std::string prompts;
    for (int i = 0; i < 6; ++i)
        prompts += json{{"id", "p" + std::to_string(i)}, {"prompt_ids", {1, 4 + i}}}.dump() + "\n";
    write_text(folder / "prompts.jsonl", prompts);
    const auto command = [&](const std::string& out) {
        return "generate" + at_model() + " --prompts " + (folder / "prompts.jsonl").string() + " --out " +
               (folder / out).string() + " --samples 2 --max-tokens 9 --min-p 0.02 --logprobs";
    };
    ASSERT_EQ(linvox(command("whole.jsonl")).code, 0);
    const auto sorted = [&](const std::string& file) {
        auto lines = lines_of(read_text(folder / file));
        std::sort(lines.begin() + 1, lines.end(),
                  [](const json& a, const json& b) { return a["id"] < b["id"]; });
        return lines;
    };
    const auto whole = sorted("whole.jsonl");
    ASSERT_EQ(whole.size(), 7U);
    EXPECT_EQ(whole[1]["candidates"].size(), 2U);
    const json& first = whole[1]["candidates"][0];
    EXPECT_EQ(first["logprobs"].size(), first["ids"].size());
    EXPECT_EQ(first["ids"].back() == 3, first["finish"] == "stop");
    // Killed in the middle of its fourth record.
    const std::string bytes = read_text(folder / "whole.jsonl");
    write_text(folder / "torn.jsonl", bytes.substr(0, bytes.size() / 2));
    const Outcome again = linvox(command("torn.jsonl"));
    ASSERT_EQ(again.code, 0) << again.output;
    EXPECT_THAT(again.output, HasSubstr("prompts done before"));
    const auto finished = sorted("torn.jsonl");
    ASSERT_EQ(finished.size(), whole.size());
    for (std::size_t r = 1; r < whole.size(); ++r)
        for (std::size_t k = 0; k < 2; ++k)  // log-probabilities may differ in the last bit: other neighbours
            for (const char* field : {"ids", "finish", "seed"})
                EXPECT_EQ(finished[r]["candidates"][k][field], whole[r]["candidates"][k][field])
                    << r << field;
    const Outcome other = linvox(command("torn.jsonl") + " --temperature 0.3");
    EXPECT_EQ(other.code, 2);
    EXPECT_THAT(other.output, AllOf(HasSubstr("its header differs"), HasSubstr("sampling is 'samples 2"),
                                    HasSubstr("temperature 0.3")));
}

TEST_F(Models, FoldersThatHoldFilesAreNotReplaced) {
    const fs::path thesis = folder / "work" / "thesis.txt";
    fs::create_directories(thesis.parent_path());
    fs::create_directories(folder / "empty");
    write_text(thesis, "years of it");
    const std::string grow = "grow" + at_model() + " --codec-tokens 10 --out ",
                      merge =
                          "merge" + at_model() + " --adapter " + write_adapter(folder).string() + " --out ";
    for (const std::string& command : {grow, merge})
        for (const fs::path& out : {thesis.parent_path(), thesis, model}) {
            const Outcome outcome = linvox(command + out.string());
            EXPECT_EQ(outcome.code, 2) << command << out;
            EXPECT_THAT(outcome.output, HasSubstr("--out " + out.string()));
        }
    EXPECT_EQ(read_text(thesis), "years of it");
    EXPECT_EQ(json::parse(read_text(model / "config.json"))["vocab_size"], 16);
    EXPECT_EQ(linvox(merge + (folder / "empty").string()).code, 0);
}

TEST_F(Models, ScoreNamesTheLineOfAnIdThatTheSoftmaxLeavesOut) {
    write_text(folder / "out_of_range.jsonl", R"({"prompt_ids": [1], "ids": [6, 3]})"
                                              "\n"
                                              R"({"prompt_ids": [1], "ids": [6, 9, 3]})"
                                              "\n");
    const Outcome outcome =
        linvox("score" + at_model() + " --range 5:8 --data " + (folder / "out_of_range.jsonl").string());
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.output,
                HasSubstr("out_of_range.jsonl:2: answer: token 2 has the id 9, outside the ids"));
}

TEST_F(Models, InspectSaysWhenNothingEndsAnAnswer) {
    std::string config = read_text(model / "config.json");
    const auto with_end = [&](const std::string& end) {
        std::string changed = config;
        changed.replace(changed.find("\"eos_token_id\": 3"), 17, "\"eos_token_id\": " + end);
        write_text(model / "config.json", changed);
        return linvox("inspect " + model.string()).output;
    };
    EXPECT_THAT(with_end("40"), HasSubstr("ends answers at the id 40, the embedding has 16 rows"));
}

TEST_F(Models, GrownModelsSpeakOnAndKeepOtherKeys) {
    const fs::path grown = folder / "grown";
    const Outcome outcome =
        linvox("grow" + at_model() + " --codec-tokens 10 --multiple 8 --out " + grown.string());
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr("ids 16..25 are new; 32 rows instead of 16"));
    const json config = json::parse(read_text(grown / "config.json"));
    EXPECT_EQ(config["vocab_size"], 32);
    EXPECT_EQ(config["note"], "kept");
    const std::string score = "score --data " + write_pairs().string() + " --range 0:16 --model ";
    EXPECT_EQ(lines_of(linvox(score + grown.string()).output),
              lines_of(linvox(score + model.string()).output));
}

TEST_F(Models, ImportsWhatVllmWrote) {
    write_text(
        folder / "vllm.jsonl",
        R"({"request_id": "7", "prompt": "x", "prompt_token_ids": [1], "outputs": [{"token_ids": [5, 3], "finish_reason": "stop"}]})"
        "\n");
    const fs::path out = folder / "imported.jsonl";
    const Outcome outcome = linvox("import vllm" + at_model() + " --in " + (folder / "vllm.jsonl").string() +
                                   " --out " + out.string());
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_EQ(lines_of(read_text(out))[1]["candidates"][0]["ids"], json({5, 3}));
    EXPECT_EQ(lines_of(linvox("score" + at_model() + " --data " + out.string()).output).size(), 1U);
}

struct BadModel {
    std::string name;
    std::function<void(const fs::path& model)> spoil;
    std::string says;
};

TEST_F(Models, EveryBadDirectoryEndsWithOneMessage) {
    const auto replace = [](const fs::path& file, const std::string& old_text, const std::string& new_text) {
        std::string text = read_text(file);
        text.replace(text.find(old_text), old_text.size(), new_text);
        write_text(file, text);
    };
    const std::vector<BadModel> all = {
        {"none", [](const fs::path& m) { fs::remove(m / "config.json"); }, "config.json"},
        {"pickled", [](const fs::path& m) { fs::rename(m / "model.safetensors", m / "model.pt"); },
         "model.pt, which may be pickled"},
        {"truncated", [](const fs::path& m) { fs::resize_file(m / "model.safetensors", 2000); },
         "copy it again"},
        {"shape",
         [&](const fs::path& m) { replace(m / "config.json", "\"vocab_size\": 16", "\"vocab_size\": 17"); },
         "config.json gives the shape [17, 8], the file has [16, 8]"},
        {"architecture",
         [&](const fs::path& m) { replace(m / "config.json", "LlamaForCausalLM", "GPT2LMHeadModel"); },
         "architecture 'GPT2LMHeadModel'"},
        {"name",
         [&](const fs::path& m) {
             replace(m / "model.safetensors", "model.norm.weight", "model.morn.weight");
         },
         "tensor 'model.norm.weight' is missing"}};
    const std::string data = write_pairs().string();
    for (const BadModel& bad : all) {
        const fs::path copy = folder / bad.name;
        fs::copy(model, copy);
        bad.spoil(copy);
        const Outcome outcome = linvox("score --data " + data + " --model " + copy.string());
        EXPECT_EQ(outcome.code, 2) << bad.name << "\n" << outcome.output;
        EXPECT_THAT(outcome.output, HasSubstr(bad.says)) << bad.name;
        EXPECT_THAT(outcome.output, HasSubstr(copy.string())) << bad.name;
    }
}

/// Pairs of random-looking ids: chosen answers end in 3 by themselves, rejected ones get it appended.
void write_pairs(const fs::path& file, int count) {
    std::string lines;
    for (int i = 0; i < count; ++i)
        lines += json{{"id", "p" + std::to_string(i)},
                      {"prompt_ids", {4 + i % 12, 5}},
                      {"chosen_ids", {6, 4 + (3 * i) % 12, 3}},
                      {"rejected_ids", {7, 4 + (5 * i) % 12}}}
                     .dump() +
                 "\n";
    write_text(file, lines);
}

fs::path write_checkpoint_recipe(const fs::path& folder, const fs::path& model) {
    const fs::path recipe = folder / "recipe.toml";
    write_text(recipe, "task = \"checkpoint\"\n[model]\nstart = \"" + model.string() +
                           "\"\n[data]\nmanifest = \"" + (folder / "pairs.jsonl").string() +
                           "\"\nvalid_share = 0.3\n[[align]]\nname = \"lpo\"\nepochs = 6\n"
                           "[align.optimiser]\nlearning_rate = 1e-2\n[align.loss]\nbeta = 0.5\n");
    return recipe;
}

TEST(CheckpointRecipe, AlignsOnPairsAndKeepsItsForm) {
    const fs::path folder = test_folder(), model = write_model(folder);
    write_pairs(folder / "pairs.jsonl", 40);
    const fs::path recipe = write_checkpoint_recipe(folder, model);
    const Outcome run = linvox("run " + recipe.string() + " --run " + (folder / "run").string());
    ASSERT_EQ(run.code, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("pairs.accuracy"));
    const fs::path aligned = folder / "run/stages/align/lpo/model";
    EXPECT_EQ(read_text(aligned / "config.json"), read_text(model / "config.json"));
    EXPECT_EQ(read_text(aligned / "codec.txt"), "somebody else's");
    EXPECT_NE(read_text(aligned / "model.safetensors"), read_text(model / "model.safetensors"));
    // Chosen and rejected differ in their first token alike in every pair: that is learned.
    EXPECT_THAT(run.output, HasSubstr("1.000"));
    const std::string pairs = read_text(folder / "run/stages/pairs/pairs.train.jsonl");
    for (const json& line : lines_of(pairs))
        if (line.contains("chosen_ids")) {
            EXPECT_EQ(line["rejected_ids"][0].back(), 3);
        }
    const Outcome again = linvox("run " + recipe.string() + " --run " + (folder / "run").string());
    EXPECT_EQ(again.code, 0);
    EXPECT_THAT(again.output, HasSubstr("[align] unchanged, skipped"));
}

TEST(CheckpointRecipe, SaysWhatItMisses) {
    const fs::path folder = test_folder(), model = write_model(folder);
    write_text(folder / "pairs.jsonl", R"({"prompt_ids": [4], "chosen_ids": [5, 3], "rejected_ids": [5, 3]})"
                                       "\n");
    const fs::path recipe = write_checkpoint_recipe(folder, model);
    const std::string run = "run " + recipe.string() + " --run " + (folder / "run").string();
    Outcome outcome = linvox(run);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.output, AllOf(HasSubstr("pairs.jsonl:1: "), HasSubstr("the same tokens")));
    outcome = linvox(run + " --set model.start=" + (folder / "none").string());
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.output, HasSubstr("none"));
    outcome = linvox(run + " --set model.hidden_size=32");
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.output, HasSubstr("unknown key 'model.hidden_size'"));
}

}  // namespace
}  // namespace linvox::test
