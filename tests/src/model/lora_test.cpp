// Adapters against PEFT, against their merged weights, and against the base they leave alone.
#include "src/model/lora.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "src/model/score.h"
#include "src/model/torch_compat.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {
namespace {

/// The three adapters of tests/src/model/oracle.py.
LoraConfig adapter_of(const std::string& kind) {
    LoraConfig config{.rank = 3, .alpha = 5.0};
    config.rslora = kind == "rslora";
    config.dora = kind == "dora";
    if (kind == "lora") config.target_modules = {"q_proj", "v_proj"};
    if (kind == "dora") config.target_modules = {"k_proj", "o_proj", "up_proj", "down_proj"};
    return config;
}

void fill_adapter(Decoder& decoder) {
    std::map<std::string, at::Tensor> sorted;
    visit_lora(decoder, [&](const std::string& name, at::Tensor& tensor) {
        if (name.find("lora_") != std::string::npos) sorted.emplace(name, tensor);
    });
    fill_by_formula(sorted, 0.2, 0.9, 0.53,
                    [](const std::string& name) { return name.ends_with("magnitude_vector"); });
}

Decoder adapted(const std::string& architecture, const std::string& kind) {
    Decoder decoder = formula_decoder(golden_config(architecture));
    add_lora(decoder, adapter_of(kind), 1);
    fill_adapter(decoder);
    return decoder;
}

constexpr const char* kArchitectures[] = {"llama", "qwen2", "qwen3"};
constexpr const char* kKinds[] = {"lora", "rslora", "dora"};

// peft 0.17.1, transformers 4.57.1, torch 2.13.0, tests/src/model/oracle.py: logits [39][0:5].
TEST(Lora, EqualsPeft) {
    const std::map<std::string, std::vector<double>> goldens = {
        {"llama lora", {-0.673036, -0.118595, 0.569017, 0.617677, -0.0272558}},
        {"llama rslora", {-0.362666, -0.0607721, 0.309363, 0.332113, -0.0180688}},
        {"llama dora", {-0.261387, 0.100301, 0.34936, 0.206121, -0.168573}},
        {"qwen2 lora", {-0.237732, 0.473636, 0.653156, 0.0992434, -0.56611}},
        {"qwen2 rslora", {-0.11743, 0.133908, 0.23488, 0.0721042, -0.171638}},
        {"qwen2 dora", {-0.3844, 0.120565, 0.490148, 0.309341, -0.218827}},
        {"qwen3 lora", {-0.180498, 0.368726, 0.503905, 0.073247, -0.439661}},
        {"qwen3 rslora", {-0.154222, 0.324509, 0.438848, 0.0604015, -0.38587}},
        {"qwen3 dora", {-0.235805, 0.270028, 0.472645, 0.144526, -0.345882}}};
    for (const std::string architecture : kArchitectures)
        for (const std::string kind : kKinds) {
            const Decoder decoder = adapted(architecture, kind);
            const auto& golden = goldens.at(architecture + " " + kind);
            for (const Decoder& form : {decoder, merged_lora(decoder)}) {
                const at::Tensor logits = golden_logits(form);
                for (std::size_t j = 0; j < 5; ++j)
                    EXPECT_NEAR(logits[39][j].item<double>(), golden[j], 1e-5) << architecture << " " << kind;
            }
        }
}

TEST(Lora, AFreshAdapterChangesNoBit) {
    for (const char* kind : kKinds) {
        const Decoder base = formula_decoder(golden_config("qwen2"));
        Decoder decoder = base;
        add_lora(decoder, adapter_of(kind), 7);
        const at::NoGradGuard no_grad;
        EXPECT_TRUE(at::equal(golden_logits(decoder), golden_logits(base))) << kind;
    }
}

TEST(Lora, AFreshAdapterChangesNoBitOfABfloat16PassEither) {
    const PackedBatch batch = pack_records(mixed_records(8, 37), true);
    const ForwardOptions narrow{.compute = Compute::bfloat16};
    for (const char* kind : kKinds) {
        // Large biases, as Qwen2's: added before rounding or behind it makes a difference.
        const Decoder base = lively_decoder(small_config("qwen2"), 5, at::kFloat);
        Decoder decoder = base;
        add_lora(decoder, adapter_of(kind), 7);
        const at::NoGradGuard no_grad;
        EXPECT_TRUE(at::equal(decoder_hidden(decoder, batch, narrow), decoder_hidden(base, batch, narrow)))
            << kind;
    }
}

TEST(Lora, TakenOffItIsTheBaseWithoutACopy) {
    const Decoder decoder = adapted("qwen3", "dora"), base = without_lora(decoder);
    EXPECT_FALSE(base.has_lora());
    EXPECT_TRUE(at::equal(golden_logits(base), golden_logits(formula_decoder(golden_config("qwen3")))));
    EXPECT_FALSE(at::equal(golden_logits(base), golden_logits(decoder)));
    visit_weights(base, [&](const std::string& name, const at::Tensor& weight) {
        visit_weights(decoder, [&](const std::string& other, const at::Tensor& own) {
            if (name != other) return;
            EXPECT_EQ(weight.const_data_ptr(), own.const_data_ptr()) << name;
        });
    });
}

/// Gradients by name of a sum over the scored rows.
std::map<std::string, at::Tensor> lora_grads(Decoder& decoder, const ForwardOptions& options) {
    visit_lora(decoder, [](const std::string&, at::Tensor& tensor) {
        tensor.mutable_grad().reset();
        tensor.requires_grad_(true);
    });
    const PackedBatch batch = pack_records(mixed_records(8, 37), true);
    decoder_hidden(decoder, batch, options)
        .index_select(0, batch.row_N)
        .to(at::kDouble)
        .pow(3)
        .sum()
        .backward();
    std::map<std::string, at::Tensor> grads;
    visit_lora(decoder, [&](const std::string& name, at::Tensor& tensor) { grads[name] = tensor.grad(); });
    return grads;
}

TEST(Lora, GradientsReachTheAdapterAlone) {
    for (const char* kind : kKinds) {
        Decoder decoder = adapted("qwen2", kind);
        for (const auto& [name, grad] : lora_grads(decoder, {}))
            EXPECT_GT(grad.abs().max().item<double>(), 0.0) << name;
        visit_weights(decoder, [](const std::string& name, at::Tensor& weight) {
            EXPECT_FALSE(weight.grad().defined()) << name;
        });
    }
}

TEST(Lora, GradientsEqualFiniteDifferences) {
    for (const char* kind : kKinds) {
        Decoder decoder = cast_decoder(adapted("qwen2", kind), at::kDouble);
        const auto grads = lora_grads(decoder, {});
        const PackedBatch batch = pack_records(mixed_records(8, 37), true);
        const auto value = [&] {
            return decoder_hidden(decoder, batch).index_select(0, batch.row_N).pow(3).sum().item<double>();
        };
        const at::NoGradGuard no_grad;
        visit_lora(decoder, [&](const std::string& name, at::Tensor& tensor) {
            // The row length under DoRA is a constant of backward (section 4.3 of arXiv 2402.09353).
            if (std::string(kind) == "dora" && !name.ends_with("magnitude_vector")) return;
            double* element = tensor.mutable_data_ptr<double>() + tensor.numel() / 3;
            const double before = *element, step = 1e-6;
            *element = before + step;
            const double above = value();
            *element = before - step;
            const double below = value();
            *element = before;
            const double expected = (above - below) / (2 * step);
            EXPECT_NEAR(grads.at(name).flatten()[tensor.numel() / 3].item<double>(), expected,
                        1e-5 * std::max(1.0, std::abs(expected)))
                << name;
        });
    }
}

TEST(Lora, CheckpointingAndDropoutKeepGradients) {
    Decoder decoder = adapted("qwen3", "dora");
    ForwardOptions options{.dropout_seed = 4, .lora_dropout = 0.3};
    const auto expected = lora_grads(decoder, options);
    options.checkpoint_layers = true;
    for (const auto& [name, grad] : lora_grads(decoder, options))
        EXPECT_TRUE(at::equal(grad, expected.at(name))) << name;
    options.dropout_seed = 5;
    EXPECT_FALSE(at::equal(lora_grads(decoder, options).begin()->second, expected.begin()->second));
}

TEST(Lora, DropoutKeepsTheMeanOfTheAdapter) {
    const Decoder decoder = adapted("llama", "lora");
    const PackedBatch batch = one_sequence({1, 2, 3, 4, 5});
    const at::NoGradGuard no_grad;
    const at::Tensor exact = decoder_hidden(decoder, batch),
                     base = decoder_hidden(without_lora(decoder), batch);
    at::Tensor sum = exact - exact;
    for (std::uint64_t seed = 0; seed < 400; ++seed)
        sum += decoder_hidden(decoder, batch, {.dropout_seed = seed, .lora_dropout = 0.2});
    const double effect = (exact - base).abs().mean().item<double>();
    EXPECT_LT((sum / 400 - exact).abs().mean().item<double>(), 0.2 * effect);
}

TEST(Lora, OnBfloat16WeightsTheAdapterStaysFloat) {
    Decoder decoder = cast_decoder(formula_decoder(golden_config("qwen2")), at::kBFloat16);
    add_lora(decoder, adapter_of("dora"), 1);
    fill_adapter(decoder);
    visit_lora(decoder, [](const std::string& name, at::Tensor& tensor) {
        EXPECT_EQ(tensor.scalar_type(), at::kFloat) << name;
    });
    const at::Tensor narrow = golden_logits(decoder).to(at::kFloat),
                     wide = golden_logits(adapted("qwen2", "dora"));
    EXPECT_LT((narrow - wide).abs().mean().item<double>(), 0.02);
    EXPECT_EQ(merged_lora(decoder).layers[0].o_weight_DQ.scalar_type(), at::kBFloat16);
}

TEST(Lora, ModulesToSaveAreTrainedWholeAndComeOffAgain) {
    ModelConfig config = golden_config("llama");
    LoraConfig lora = adapter_of("lora");
    lora.modules_to_save = {"embed_tokens", "lm_head"};
    Decoder decoder = formula_decoder(config);
    const at::Tensor own = decoder.head_VD;
    add_lora(decoder, lora, 1);
    EXPECT_NE(decoder.head_VD.const_data_ptr(), own.const_data_ptr());
    std::vector<std::string> names;
    visit_lora(decoder, [&](const std::string& name, const at::Tensor&) { names.push_back(name); });
    EXPECT_THAT(names, testing::Contains("model.embed_tokens.weight"));
    decoder.head_VD.fill_(0.5);
    EXPECT_EQ(without_lora(decoder).head_VD.const_data_ptr(), own.const_data_ptr());
    EXPECT_EQ(merged_lora(decoder).head_VD[0][0].item<float>(), 0.5f);
    config.tie_word_embeddings = true;
    Decoder tied = make_decoder(config, 1);
    EXPECT_THAT([&] { add_lora(tied, lora, 1); },
                testing::ThrowsMessage<UserError>(testing::HasSubstr("ties head and embedding")));
}

TEST(Lora, RowNormsNeedNoSum) {
    const Decoder decoder = cast_decoder(adapted("qwen2", "rslora"), at::kDouble);
    const LoraPair& pair = decoder.lora.layers[1].down;
    const at::Tensor& weight = decoder.layers[1].down_weight_DF;
    const double scale = decoder.lora.config.scale();
    const at::Tensor expected = (weight + scale * pair.b_OR.matmul(pair.a_RI)).norm(2, 1);
    EXPECT_TRUE(close(adapted_row_norm(weight, pair, scale), expected, 1e-12));
    EXPECT_NEAR(scale, 5.0 / std::sqrt(3.0), 1e-15);
}

}  // namespace
}  // namespace linvox
