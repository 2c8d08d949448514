// Adapters in and out of PEFT's layout.
#include "src/model/adapter_directory.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/model/lora.h"
#include "src/model/safetensors.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Decoder adapted(const LoraConfig& config) {
    Decoder decoder = formula_decoder(golden_config("llama"));
    add_lora(decoder, config, 3);
    visit_lora(decoder, [](const std::string&, at::Tensor& tensor) { tensor += 0.125; });
    return decoder;
}

fs::path saved(const Decoder& decoder) {
    const fs::path directory = fs::path(testing::TempDir()) / "adapter";
    fs::remove_all(directory);
    save_adapter(directory, decoder, "some/base");
    return directory;
}

std::string load_error(const fs::path& directory) {
    Decoder decoder = formula_decoder(golden_config("llama"));
    try {
        load_adapter(directory, decoder);
    } catch (const DataError& error) {
        return error.what();
    }
    return "(loaded)";
}

std::string error_after(const std::function<void(TensorMap&)>& change) {
    const fs::path directory = saved(adapted({.rank = 2, .target_modules = {"q_proj", "down_proj"}}));
    TensorMap tensors = load_safetensors(directory / "adapter_model.safetensors");
    change(tensors);
    save_safetensors(directory / "adapter_model.safetensors", tensors);
    return load_error(directory);
}

std::string error_with(const char* key, const nlohmann::json& value) {
    nlohmann::json document = lora_config_to_json({.rank = 2}, "base");
    document[key] = value;
    try {
        lora_config_from_json(document, "adapter_config.json");
    } catch (const DataError& error) {
        return error.what();
    }
    return "(read)";
}

TEST(AdapterDirectory, RoundTripKeepsEveryTensorAndSetting) {
    const LoraConfig plain{
        .rank = 2, .alpha = 7.5, .dropout = 0.05, .target_modules = {"q_proj", "down_proj"}};
    LoraConfig rich = plain;
    rich.rslora = rich.dora = true;
    rich.modules_to_save = {"lm_head"};
    for (const LoraConfig& config : {plain, rich}) {
        const Decoder decoder = adapted(config);
        Decoder back = formula_decoder(golden_config("llama"));
        load_adapter(saved(decoder), back);
        EXPECT_EQ(back.lora.config, config);
        EXPECT_TRUE(at::equal(golden_logits(back), golden_logits(decoder)));
        EXPECT_EQ(lora_weight_count(back), lora_weight_count(decoder));
    }
}

// The names that peft 0.17.1 writes: get_peft_model(LlamaForCausalLM, LoraConfig(use_dora=True,
// modules_to_save=["lm_head"])).save_pretrained().
TEST(AdapterDirectory, NamesAreThoseOfPeft) {
    LoraConfig config{.rank = 2, .target_modules = {"k_proj"}};
    config.dora = true;
    config.modules_to_save = {"lm_head"};
    const TensorMap tensors = load_safetensors(saved(adapted(config)) / "adapter_model.safetensors");
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors) names.push_back(name);
    EXPECT_THAT(names, testing::ElementsAre(
                           "base_model.model.lm_head.weight",
                           "base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight",
                           "base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight",
                           "base_model.model.model.layers.0.self_attn.k_proj.lora_magnitude_vector",
                           "base_model.model.model.layers.1.self_attn.k_proj.lora_A.weight",
                           "base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight",
                           "base_model.model.model.layers.1.self_attn.k_proj.lora_magnitude_vector"));
    EXPECT_EQ(tensors.at(names[1]).sizes(), (std::vector<std::int64_t>{2, 20}));
}

TEST(AdapterDirectory, LayersWithoutTensorsStayBare) {
    const fs::path directory = saved(adapted({.rank = 2, .target_modules = {"q_proj"}}));
    TensorMap tensors = load_safetensors(directory / "adapter_model.safetensors");
    std::erase_if(tensors,
                  [](const auto& entry) { return entry.first.find("layers.0.") != std::string::npos; });
    save_safetensors(directory / "adapter_model.safetensors", tensors);
    Decoder decoder = formula_decoder(golden_config("llama"));
    load_adapter(directory, decoder);
    EXPECT_FALSE(decoder.lora.layers[0].q.present());
    EXPECT_TRUE(decoder.lora.layers[1].q.present());
}

TEST(AdapterDirectory, RefusesWhatDoesNotFitByName) {
    const std::string at = "base_model.model.model.layers.1.mlp.down_proj.";
    EXPECT_EQ(error_after([](TensorMap&) {}), "(loaded)");
    EXPECT_THAT(error_after([&](TensorMap& t) { t.erase(at + "lora_B.weight"); }),
                HasSubstr("'" + at + "lora_B.weight' is missing"));
    EXPECT_THAT(error_after([&](TensorMap& t) {
                    t[at + "lora_A.weight"] = at::ones({3, 28});
                }),
                HasSubstr("give the shape [2, 28], the file has [3, 28]"));
    EXPECT_THAT(error_after([&](TensorMap& t) {
                    t["base_model.model.model.layers.9.mlp.up_proj.lora_A.weight"] = at::ones({2, 20});
                }),
                HasSubstr("layers"));
    EXPECT_THAT(error_after([&](TensorMap& t) {
                    t["q_proj.lora_A"] = at::ones({2, 20});
                }),
                HasSubstr("must start with 'base_model.model.'"));
    const fs::path directory = saved(adapted({.rank = 2}));
    fs::rename(directory / "adapter_model.safetensors", directory / "adapter_model.bin");
    EXPECT_THAT(load_error(directory), HasSubstr("adapter_model.bin: is pickled"));
}

TEST(AdapterDirectory, RefusesSettingsThatItDoesNotCompute) {
    EXPECT_EQ(error_with("r", 4), "(read)");
    EXPECT_EQ(error_with("layer_replication", nullptr), "(read)");
    EXPECT_EQ(error_with("loftq_config", nlohmann::json::object()), "(read)");
    EXPECT_THAT(error_with("peft_type", "IA3"), HasSubstr("must be LORA"));
    EXPECT_THAT(error_with("bias", "all"), HasSubstr("trained biases"));
    EXPECT_THAT(error_with("fan_in_fan_out", true), HasSubstr("\"fan_in_fan_out\" is true"));
    EXPECT_THAT(error_with("rank_pattern", {{"q_proj", 4}}), HasSubstr("one rank"));
    EXPECT_THAT(error_with("alpha_pattern", {{"q_proj", 4}}), HasSubstr("one alpha"));
    EXPECT_THAT(error_with("r", "four"), HasSubstr("\"r\" must be a number"));
    EXPECT_THAT(error_with("r", 0), HasSubstr("[1, 4096]"));
}

}  // namespace
}  // namespace linvox
