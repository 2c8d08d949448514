#include "src/model/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace linvox {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json qwen2_json() {
    return json::parse(R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 100,
        "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 96, "max_position_embeddings": 1024, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
        "tie_word_embeddings": true, "hidden_act": "silu", "use_sliding_window": false, "sliding_window": 4096,
        "eos_token_id": [7, 9], "torch_dtype": "bfloat16"})");
}

std::string refusal(const json& change) {
    json document = qwen2_json();
    document.update(change);
    try {
        model_config_from_json(document, "dir/config.json");
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr("dir/config.json"));
        return error.what();
    }
    return "(accepted)";
}

TEST(ModelConfig, ReadsQwen2) {
    const ModelConfig config = model_config_from_json(qwen2_json(), "config.json");
    EXPECT_EQ(config.architecture, "qwen2");
    EXPECT_EQ(config.head_dim, 16);
    EXPECT_EQ(config.num_kv_heads, 2);
    EXPECT_TRUE(config.qkv_bias);
    EXPECT_FALSE(config.qk_norm);
    EXPECT_TRUE(config.tie_word_embeddings);
    EXPECT_EQ(config.rope_theta, 1e6);
    EXPECT_THAT(config.eos_token_ids, testing::ElementsAre(7, 9));
    EXPECT_FALSE(config.bos_token_id.has_value());
}

TEST(ModelConfig, DefaultsFollowTheArchitecture) {
    json document = qwen2_json();
    document["architectures"] = {"Qwen3ForCausalLM"};
    document.erase("tie_word_embeddings");
    document.erase("num_key_value_heads");
    const ModelConfig qwen3 = model_config_from_json(document, "config.json");
    EXPECT_EQ(qwen3.head_dim, 128);  // transformers' default of Qwen3Config
    EXPECT_TRUE(qwen3.qk_norm);
    EXPECT_FALSE(qwen3.qkv_bias);
    EXPECT_FALSE(qwen3.tie_word_embeddings);
    EXPECT_EQ(qwen3.num_kv_heads, 4);
}

TEST(ModelConfig, ReadsLlama3RopeInBothSpellings) {
    const json numbers = {{"rope_type", "llama3"},
                          {"factor", 32.0},
                          {"low_freq_factor", 1.0},
                          {"high_freq_factor", 4.0},
                          {"original_max_position_embeddings", 8192}};
    json old_style = qwen2_json(), new_style = qwen2_json();
    old_style["rope_scaling"] = numbers;
    new_style.erase("rope_theta");
    new_style["rope_parameters"] = numbers;
    new_style["rope_parameters"]["rope_theta"] = 5e5;
    EXPECT_EQ(model_config_from_json(old_style, "c").rope_llama3->factor, 32.0);
    const ModelConfig config = model_config_from_json(new_style, "c");
    EXPECT_EQ(config.rope_llama3, (Llama3RopeScaling{32.0, 1.0, 4.0, 8192}));
    EXPECT_EQ(config.rope_theta, 5e5);
}

TEST(ModelConfig, JsonRoundTrip) {
    for (const char* name : {"llama", "qwen2", "qwen3"}) {
        ModelConfig config = model_config_defaults(name);
        config.vocab_size = 321;
        config.num_kv_heads = 1;
        config.tie_word_embeddings = name != std::string("llama");
        config.rope_llama3 = Llama3RopeScaling{};
        config.bos_token_id = 1;
        config.eos_token_ids = {2, 3};
        EXPECT_EQ(model_config_from_json(model_config_to_json(config), "c"), config) << name;
    }
}

TEST(ModelConfig, RefusesByName) {
    EXPECT_EQ(refusal(json::object()), "(accepted)");
    EXPECT_THAT(refusal({{"architectures", {"MixtralForCausalLM"}}}), HasSubstr("MixtralForCausalLM"));
    EXPECT_THAT(refusal({{"hidden_act", "gelu"}}), HasSubstr("\"hidden_act\" is \"gelu\""));
    EXPECT_THAT(refusal({{"use_sliding_window", true}}), HasSubstr("sliding-window"));
    EXPECT_THAT(refusal({{"layer_types", {"full_attention", "sliding_attention"}}}),
                HasSubstr("layer_types"));
    EXPECT_THAT(refusal({{"attention_bias", true}}), HasSubstr("attention_bias"));
    EXPECT_THAT(refusal({{"mlp_bias", true}}), HasSubstr("mlp_bias"));
    EXPECT_THAT(refusal({{"quantization_config", {{"bits", 4}}}}), HasSubstr("quantised"));
    EXPECT_THAT(refusal({{"rope_scaling", {{"rope_type", "yarn"}}}}), HasSubstr("rope type 'yarn'"));
    EXPECT_THAT(refusal({{"vocab_size", "many"}}), HasSubstr("\"vocab_size\" must be a whole number"));
    EXPECT_THAT(refusal({{"hidden_size", nullptr}}), HasSubstr("\"hidden_size\""));
    EXPECT_THAT(refusal({{"num_key_value_heads", 3}}), HasSubstr("multiple"));
    EXPECT_THAT(refusal({{"num_attention_heads", 0}}), HasSubstr("num_attention_heads"));
    EXPECT_THAT(refusal({{"head_dim", 15}}), HasSubstr("even"));
    EXPECT_THAT(refusal({{"eos_token_id", {1, "two"}}}), HasSubstr("eos_token_id"));
    EXPECT_THROW(model_config_from_json(json::array(), "c"), DataError);
}

}  // namespace
}  // namespace linvox
