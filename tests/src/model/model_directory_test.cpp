#include "src/model/model_directory.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/model/safetensors.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path saved(const Decoder& decoder, const std::string& name) {
    const fs::path directory = fs::path(testing::TempDir()) / name;
    fs::remove_all(directory);
    save_model_directory(directory, decoder);
    return directory;
}

std::string load_error(const fs::path& directory) {
    try {
        load_model_directory(directory);
    } catch (const DataError& error) {
        return error.what();
    }
    return "(loaded)";
}

/// Rewrites the weights of a directory.
void change_weights(const fs::path& directory, const std::function<void(TensorMap&)>& change) {
    TensorMap tensors = load_safetensors(directory / "model.safetensors");
    change(tensors);
    save_safetensors(directory / "model.safetensors", tensors);
}

TEST(ModelDirectory, RoundTripKeepsConfigValuesAndDtype) {
    for (const char* architecture : {"llama", "qwen2", "qwen3"})
        for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
            ModelConfig config = small_config(architecture);
            config.tie_word_embeddings = architecture == std::string("qwen2");
            const Decoder decoder = lively_decoder(config, 1, dtype);
            const fs::path directory = saved(decoder, "round");
            const Decoder back = load_model_directory(directory);
            EXPECT_EQ(back.config, config);
            EXPECT_EQ(back.embedding_VD.scalar_type(), dtype);
            EXPECT_EQ(decoder_digest(back), decoder_digest(decoder));
            const std::string bytes = read_file(directory / "model.safetensors");
            save_model_directory(directory, back);  // over the files it is mapped from
            EXPECT_EQ(read_file(directory / "model.safetensors"), bytes);
        }
}

TEST(ModelDirectory, DigestFollowsEveryBitAndTheConfig) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 1, at::kFloat);
    Decoder other = clone_decoder(decoder);
    EXPECT_EQ(decoder_digest(other), decoder_digest(decoder));
    other.layers[1].k_bias_K[3] += 1e-6;
    EXPECT_NE(decoder_digest(other), decoder_digest(decoder));
    other = clone_decoder(decoder);
    other.config.rope_theta = 500.0;
    EXPECT_NE(decoder_digest(other), decoder_digest(decoder));
}

TEST(ModelDirectory, ReadsShardsByTheirIndex) {
    const Decoder decoder = lively_decoder(small_config("qwen3"), 2, at::kFloat);
    const fs::path directory = saved(decoder, "shards");
    TensorMap all = load_safetensors(directory / "model.safetensors"), first, second;
    nlohmann::json map;
    for (const auto& [name, tensor] : all) {
        const bool early = first.size() < 9;
        (early ? first : second).emplace(name, tensor);
        map[name] = early ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
    }
    save_safetensors(directory / "model-00001-of-00002.safetensors", first);
    save_safetensors(directory / "model-00002-of-00002.safetensors", second);
    fs::remove(directory / "model.safetensors");
    write_json(directory / "model.safetensors.index.json", {{"weight_map", map}});
    EXPECT_EQ(decoder_digest(load_model_directory(directory)), decoder_digest(decoder));
    fs::remove(directory / "model-00002-of-00002.safetensors");
    EXPECT_THAT(load_error(directory), HasSubstr("the shard model-00002-of-00002.safetensors is missing"));
    map.begin().value() = "../elsewhere.safetensors";
    write_json(directory / "model.safetensors.index.json", {{"weight_map", map}});
    EXPECT_THAT(load_error(directory), HasSubstr("must name a file of this directory"));
}

TEST(ModelDirectory, RefusesWeightsThatDoNotFitTheConfig) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 3, at::kFloat);
    const std::string name = "model.layers.1.mlp.up_proj.weight";
    const auto error_after = [&](const std::function<void(TensorMap&)>& change) {
        const fs::path directory = saved(decoder, "changed");
        change_weights(directory, change);
        return load_error(directory);
    };
    EXPECT_EQ(error_after([](TensorMap&) {}), "(loaded)");
    EXPECT_THAT(error_after([&](TensorMap& t) { t.erase(name); }), HasSubstr(name + "' is missing"));
    EXPECT_THAT(error_after([&](TensorMap& t) { t[name] = t[name].t().clone(); }),
                HasSubstr("config.json gives the shape [28, 20], the file has [20, 28]"));
    EXPECT_THAT(error_after([&](TensorMap& t) { t[name] = t[name].to(at::kLong); }),
                HasSubstr("no floating-point dtype"));
    EXPECT_THAT(error_after([&](TensorMap& t) { t["model.layers.7.mlp.up_proj.weight"] = t[name]; }),
                HasSubstr("model.layers.7.mlp.up_proj.weight"));
    EXPECT_EQ(error_after([&](TensorMap& t) { t["lm_head.weight"] = t["model.embed_tokens.weight"]; }),
              "(loaded)");
    EXPECT_THAT(
        error_after([&](TensorMap& t) { t["lm_head.weight"] = t["model.embed_tokens.weight"] * 2.0; }),
        HasSubstr("differs from the embedding"));
    const fs::path directory = saved(decoder, "bare");
    fs::remove(directory / "model.safetensors");
    EXPECT_THAT(load_error(directory), HasSubstr("no weights; save the model as safetensors"));
    write_file_atomic(directory / "pytorch_model.bin", "PK");
    EXPECT_THAT(load_error(directory), HasSubstr("pytorch_model.bin, which may be pickled"));
}

TEST(ModelDirectory, MixedDtypesAreWidenedWithoutLoss) {
    const Decoder decoder = lively_decoder(small_config("qwen3"), 4, at::kBFloat16);
    const fs::path directory = saved(decoder, "mixed");
    const at::Tensor norm = decoder.final_norm_D.to(at::kFloat) + 1e-6;
    change_weights(directory, [&](TensorMap& t) { t["model.norm.weight"] = norm; });
    const Decoder back = load_model_directory(directory);
    EXPECT_EQ(back.embedding_VD.scalar_type(), at::kFloat);
    EXPECT_TRUE(at::equal(back.final_norm_D, norm));
    EXPECT_TRUE(at::equal(back.embedding_VD.to(at::kBFloat16), decoder.embedding_VD));
}

}  // namespace
}  // namespace linvox
