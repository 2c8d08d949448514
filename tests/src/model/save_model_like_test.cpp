// Models written in the form of the directory they came from.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/model/lora.h"
#include "src/model/model_directory.h"
#include "src/model/safetensors.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// As transformers' save_pretrained(max_shard_size=...) leaves it: two shards, an index, other people's
/// files.
fs::path sharded(const Decoder& decoder, const std::string& name) {
    const fs::path directory = fs::path(testing::TempDir()) / name;
    fs::remove_all(directory);
    save_model_directory(directory, decoder);
    TensorMap all = load_safetensors(directory / "model.safetensors"), first, second;
    nlohmann::json map;
    std::uint64_t bytes = 0;
    for (const auto& [tensor_name, tensor] : all) {
        const bool early = first.size() < 9;
        (early ? first : second).emplace(tensor_name, tensor);
        map[tensor_name] = early ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
        bytes += tensor.nbytes();
    }
    save_safetensors(directory / "model-00001-of-00002.safetensors", first, {{"format", "pt"}});
    save_safetensors(directory / "model-00002-of-00002.safetensors", second, {{"format", "pt"}});
    fs::remove(directory / "model.safetensors");
    write_json(directory / "model.safetensors.index.json",
               {{"metadata", {{"total_size", bytes}}}, {"weight_map", map}});
    std::ofstream(directory / "tokenizer.json") << "{\"version\": \"1.0\"}";
    std::ofstream(directory / "pytorch_model.bin") << "stale";
    fs::create_directories(directory / "codec" / "deep");
    std::ofstream(directory / "codec" / "deep" / "codec.bin", std::ios::binary) << std::string("\0\xff", 2);
    return directory;
}

const std::vector<std::string> kWritten = {"config.json",
                                           "model-00001-of-00002.safetensors",
                                           "model-00002-of-00002.safetensors",
                                           "model.safetensors.index.json",
                                           "tokenizer.json",
                                           "codec/deep/codec.bin"};

TEST(SaveModelLike, AnUnchangedModelIsTheSameToTheByte) {
    const fs::path source = sharded(lively_decoder(small_config("qwen2"), 2, at::kHalf), "like_source");
    const fs::path target = fs::path(testing::TempDir()) / "like_target";
    fs::remove_all(target);
    save_model_like(source, target, load_model_directory(source));
    for (const std::string& file : kWritten)
        EXPECT_EQ(read_file(target / file), read_file(source / file)) << file;
    EXPECT_FALSE(fs::exists(target / "pytorch_model.bin"));
}

TEST(SaveModelLike, TrainedValuesTakeTheFilesDtype) {
    const fs::path source = sharded(lively_decoder(small_config("llama"), 2, at::kBFloat16), "like_values");
    Decoder decoder = cast_decoder(load_model_directory(source), at::kFloat);
    decoder.layers[1].o_weight_DQ += 0.5;
    save_model_like(source, source, decoder);  // over the files it is mapped from
    const Decoder back = load_model_directory(source);
    EXPECT_TRUE(at::equal(back.layers[1].o_weight_DQ, decoder.layers[1].o_weight_DQ.to(at::kBFloat16)));
    EXPECT_TRUE(at::equal(back.layers[0].o_weight_DQ, decoder.layers[0].o_weight_DQ.to(at::kBFloat16)));
}

TEST(SaveModelLike, MixedDtypesAndStoredTiedHeadsStay) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 5, at::kBFloat16);
    const fs::path source = fs::path(testing::TempDir()) / "like_mixed";
    fs::remove_all(source);
    save_model_directory(source, decoder);
    TensorMap tensors = load_safetensors(source / "model.safetensors");
    tensors["model.norm.weight"] = tensors["model.norm.weight"].to(at::kFloat);
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"];
    save_safetensors(source / "model.safetensors", tensors);
    Decoder loaded = load_model_directory(source);
    const std::string before = read_file(source / "model.safetensors");
    save_model_like(source, source, loaded);
    EXPECT_EQ(read_file(source / "model.safetensors"), before);
    loaded.embedding_VD = loaded.embedding_VD * 2.0;
    save_model_like(source, source, loaded);
    const TensorMap back = load_safetensors(source / "model.safetensors");
    EXPECT_TRUE(at::equal(back.at("lm_head.weight"), back.at("model.embed_tokens.weight")));
    EXPECT_EQ(back.at("model.norm.weight").scalar_type(), at::kFloat);
}

TEST(SaveModelLike, ChangedShapesChangeHeaderIndexAndOneKeyOfTheConfig) {
    const fs::path source = sharded(lively_decoder(small_config("qwen3"), 6, at::kFloat), "like_grown");
    nlohmann::json config = read_json(source / "config.json");
    config["somebody_elses_key"] = {1, 2};
    write_json(source / "config.json", config);
    const auto size = [&](const fs::path& directory) {
        return read_json(directory / "model.safetensors.index.json")["metadata"]["total_size"]
            .get<std::int64_t>();
    };
    Decoder decoder = load_model_directory(source);
    decoder.config.vocab_size = 39;
    decoder.embedding_VD = at::cat({decoder.embedding_VD, decoder.embedding_VD.slice(0, 0, 2)});
    const fs::path target = fs::path(testing::TempDir()) / "like_grown_target";
    save_model_like(source, target, decoder);
    EXPECT_EQ(size(target), size(source) + 2 * 20 * 4);
    config["vocab_size"] = 39;
    EXPECT_EQ(read_json(target / "config.json"), config);
    EXPECT_EQ(decoder_digest(load_model_directory(target)), decoder_digest(decoder));
}

TEST(SaveModelLike, RefusesWhatItCannotPlace) {
    const fs::path source = sharded(lively_decoder(small_config("qwen2"), 7, at::kFloat), "like_refused");
    Decoder decoder = load_model_directory(source);
    EXPECT_THAT([&] { save_model_like(source, source / "inside", decoder); },
                testing::ThrowsMessage<UserError>(HasSubstr("lies inside the model directory")));
    Decoder untied = decoder;
    untied.config.tie_word_embeddings = false;
    untied.head_VD = decoder.embedding_VD.clone();
    EXPECT_THAT([&] { save_model_like(source, fs::path(testing::TempDir()) / "like_none", untied); },
                testing::ThrowsMessage<DataError>(HasSubstr("'lm_head.weight'")));
    EXPECT_FALSE(fs::exists(fs::path(testing::TempDir()) / "like_none"));
    add_lora(decoder, {.rank = 2}, 1);
    EXPECT_THROW(save_model_like(source, source, decoder), BugError);
}

}  // namespace
}  // namespace linvox
