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

TEST(Recipe, KeysAreFrozen) {
    RecipeConfig config;
    config.align.resize(1);
    config.pairs.metrics.resize(1);
    std::string keys;
    for (const std::string& key : config_keys([&](ConfigVisitor& v) { config.visit(v); })) keys += key + "\n";
    const std::filesystem::path golden = LINVOX_SOURCE_DIR "/tests/golden/config_keys.txt";
    if (std::getenv("LINVOX_UPDATE_GOLDEN")) std::ofstream(golden) << keys;
    std::ifstream file(golden);
    const std::string expected((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(keys, expected) << "run with LINVOX_UPDATE_GOLDEN=1 when a key is meant to change";
}

}  // namespace
}  // namespace linvox
