#include "src/recipe/recipe_config.h"

#include <gmock/gmock.h>

#include <fstream>

#include "src/base/error.h"

namespace linvox {
namespace {

const std::filesystem::path kRecipe = LINVOX_SOURCE_DIR "/recipes/tts/lpo.toml";

std::string error_with(const std::vector<std::string>& overrides) {
    try {
        read_recipe({kRecipe, "", overrides});
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Recipe, ShippedRecipeAndItsProfileRead) {
    const RecipeConfig config = read_recipe({kRecipe, "", {}});
    EXPECT_EQ(config.align.at(0).name, "lpo");
    EXPECT_EQ(config.align.at(0).train.loss.main.kind, "lpo-ste");
    EXPECT_TRUE(std::filesystem::exists(config.data.manifest));
    EXPECT_TRUE(config.model.shape.qkv_bias);
    const RecipeConfig tiny = read_recipe({kRecipe, "tiny", {}});
    EXPECT_LT(tiny.sft.steps, config.sft.steps);
    EXPECT_NE(tiny.run_dir, config.run_dir);
}

TEST(Recipe, ResolvedRecipeReadsBackEqual) {
    RecipeConfig config = read_recipe({kRecipe, "tiny", {}});
    const auto visit = [&](ConfigVisitor& v) { config.visit(v); };
    const auto path = std::filesystem::path(testing::TempDir()) / "resolved.toml";
    std::ofstream(path) << config_to_toml(visit);
    RecipeConfig again;
    read_config({path, "", {}}, [&](ConfigVisitor& v) { again.visit(v); });
    EXPECT_EQ(config_digest(visit), config_digest([&](ConfigVisitor& v) { again.visit(v); }));
}

TEST(Recipe, RefusesWhatDoesNotFitTogether) {
    EXPECT_THAT(error_with({"sft.stpes=3"}), testing::HasSubstr("did you mean 'sft.steps'?"));
    EXPECT_THAT(error_with({"data.units=letters"}), testing::HasSubstr("needs data.units = 'phones'"));
    EXPECT_THAT(error_with({"evaluate.metrics=[\"wer.linvx\"]"}), testing::HasSubstr("wer.linvx"));
    EXPECT_THAT(error_with({"model.num_kv_heads=2"}), testing::HasSubstr("head"));
}

TEST(Recipe, EveryTasksRecipeReads) {
    for (const char* task : {"asr", "math", "text"}) {
        const std::filesystem::path recipe = std::string(LINVOX_SOURCE_DIR "/recipes/") + task + "/lpo.toml";
        const RecipeConfig config = read_recipe({recipe, "", {}});
        EXPECT_EQ(config.task, task);
        EXPECT_EQ(config.align.at(0).train.loss.main.kind, "lpo-ste");
        EXPECT_LT(read_recipe({recipe, "tiny", {}}).sft.steps, config.sft.steps);
    }
}

TEST(Recipe, ACheckpointTakesThePlaceOfTheShape) {
    const auto error_of = [](const std::vector<std::string>& overrides) -> std::string {
        try {
            read_recipe({LINVOX_SOURCE_DIR "/recipes/math/lpo.toml", "", overrides});
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_EQ(error_of({"model.start=somewhere"}), "no error");  // the recipe's shape goes with it
    EXPECT_THAT(error_of({"model.start=somewhere", "model.num_layers=7"}),
                testing::HasSubstr("leave its keys out"));
    EXPECT_THAT(error_of({"sft.steps=0"}), testing::HasSubstr("model.start names none"));
    EXPECT_THAT(error_of({"sft.lora.rank=4"}), testing::HasSubstr("train parts of a checkpoint"));
    EXPECT_THAT(error_of({"model.template=chatml"}), testing::HasSubstr("model.template belongs to"));
    EXPECT_THAT(error_of({"model.template=chatlm"}), testing::HasSubstr("did you mean 'chatml'?"));
    EXPECT_THAT(error_of({"model.template=own"}), testing::HasSubstr("belong together"));
    EXPECT_THAT(error_of({"model.codec_only=true"}), testing::HasSubstr("unknown key 'model.codec_only'"));
    for (const char* name : {"spark", "llasa", "orpheus", "unitts"}) {
        const std::filesystem::path file =
            std::string(LINVOX_SOURCE_DIR "/recipes/checkpoint/") + name + ".toml";
        const RecipeConfig config = read_recipe({file, "", {}});
        EXPECT_EQ(config.model.start.chat_template, name);
        EXPECT_EQ(config.sft.steps, 0);
        EXPECT_EQ(config.align.at(0).train.lora.rank, 16);
    }
}

TEST(Recipe, ACheckpointOverABaseDropsTheBasesShape) {
    const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "recipe-over-base";
    std::filesystem::create_directories(folder);
    std::filesystem::copy_file(LINVOX_SOURCE_DIR "/recipes/math/lpo.toml", folder / "lpo.toml",
                               std::filesystem::copy_options::overwrite_existing);
    const auto write = [&](const std::string& more) {
        std::ofstream(folder / "mine.toml") << "base = \"lpo.toml\"\nmodel.start = \"somewhere\"\n" << more;
    };
    write("");
    EXPECT_EQ(read_recipe({folder / "mine.toml", "", {}}).model.shape.hidden_size, ModelConfig().hidden_size);
    EXPECT_EQ(read_recipe({folder / "mine.toml", "tiny", {}}).model.shape.num_layers,
              ModelConfig().num_layers);
    write("model.num_layers = 7\n");  // beside it, where it would be passed over
    EXPECT_THROW(read_recipe({folder / "mine.toml", "", {}}), ConfigError);
    std::ofstream(folder / "mine.toml") << "base = \"none.toml\"\nmodel.start = \"somewhere\"\n";
    try {
        read_recipe({folder / "mine.toml", "", {}});
        FAIL();
    } catch (const ConfigError& error) {  // and nothing about keys that only the base explains
        EXPECT_THAT(error.what(), testing::HasSubstr("1 problem(s)"));
    }
}

TEST(Recipe, AKeyOfAnotherTaskIsUnknown) {
    const std::filesystem::path math = LINVOX_SOURCE_DIR "/recipes/math/lpo.toml";
    const auto error_of = [&](const std::string& override_text) -> std::string {
        try {
            read_recipe({math, "", {override_text}});
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_THAT(error_of("codec.codebook_size=64"), testing::HasSubstr("unknown key 'codec'"));
    EXPECT_THAT(error_of("model.init_codes_from_codec=true"), testing::HasSubstr("init_codes_from_codec"));
    EXPECT_THAT(error_of("answer.sampling.max_codes_per_unit=3"), testing::HasSubstr("max_codes_per_unit"));
    EXPECT_THAT(error_of("data.layout=plain"), testing::HasSubstr("data.layout"));
    EXPECT_THAT(error_of("sft.input_noise=0.1"), testing::HasSubstr("input_noise"));
    EXPECT_THAT(error_of("data.manifest=x.jsonl"), testing::HasSubstr("test_manifest"));
    EXPECT_THAT(error_of("task=maths"), testing::HasSubstr("did you mean 'math'?"));
    EXPECT_THAT(error_with({"answer.samples=3"}), testing::HasSubstr("unknown key 'answer'"));
}

TEST(Recipe, SpansTurnsAndJudgesAreChecked) {
    const auto error_of = [](const std::vector<std::string>& overrides) -> std::string {
        try {
            read_recipe({LINVOX_SOURCE_DIR "/recipes/text/decoupled.toml", "", overrides});
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_EQ(error_of({}), "no error");
    EXPECT_THAT(error_of({"data.turns=first"}),
                testing::HasSubstr("data.turns = 'first' must be marked, all, last"));
    EXPECT_THAT(error_of({"data.spans=[\"a\", \"a\"]"}), testing::HasSubstr("names a label twice"));
    EXPECT_THAT(error_of({"judge.kind=comand"}), testing::HasSubstr("did you mean 'command'?"));
    EXPECT_THAT(error_of({"judge.kind=command"}), testing::HasSubstr("judge.command and judge.kind"));
    EXPECT_THAT(error_of({"judge.sidecar=x.jsonl"}), testing::HasSubstr("judge.sidecar and judge.kind"));
    const RecipeConfig tiny = read_recipe({LINVOX_SOURCE_DIR "/recipes/text/decoupled.toml", "tiny", {}});
    EXPECT_EQ(tiny.text_data.parts.spans, (std::vector<std::string>{"strategy", "response"}));
    EXPECT_TRUE(tiny.text_data.corpus.empty());
    EXPECT_TRUE(std::filesystem::exists(tiny.text_data.parts.dialogues));
    EXPECT_THAT(
        [] {
            read_recipe(
                {LINVOX_SOURCE_DIR "/recipes/checkpoint/unitts.toml", "", {"data.dialogues=x.jsonl"}});
        },
        testing::ThrowsMessage<ConfigError>(
            testing::HasSubstr("data.dialogues are learned by the sft stage")));
}

class RecipeKeys : public testing::TestWithParam<const char*> {};

TEST_P(RecipeKeys, AreFrozen) {
    RecipeConfig config;
    config.task = GetParam();
    config.align.resize(1);
    config.pairs.metrics.resize(1);
    std::string keys;
    for (const std::string& key : config_keys([&](ConfigVisitor& v) { config.visit(v); })) keys += key + "\n";
    const std::string suffix = config.task == "tts" ? "" : "." + config.task;
    const std::filesystem::path golden =
        std::string(LINVOX_SOURCE_DIR "/tests/golden/config_keys") + suffix + ".txt";
    if (std::getenv("LINVOX_UPDATE_GOLDEN")) std::ofstream(golden) << keys;
    std::ifstream file(golden);
    const std::string expected((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(keys, expected) << "run with LINVOX_UPDATE_GOLDEN=1 when a key is meant to change";
}

INSTANTIATE_TEST_SUITE_P(Recipe, RecipeKeys, testing::Values("tts", "asr", "text", "math", "checkpoint"),
                         [](const auto& given) { return std::string(given.param); });

}  // namespace
}  // namespace linvox
