// The decoder against a plain loop in double, against transformers, and against itself in other layouts.
#include "src/model/decoder.h"
#include "src/model/lora.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"
#include "src/model/rope.h"
#include "src/model/torch_compat.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {
namespace {

using Matrix = std::vector<std::vector<double>>;

Matrix matrix_of(const at::Tensor& tensor) {
    const at::Tensor values = tensor.detach().to(at::kDouble).view({-1, tensor.size(-1)}).contiguous();
    Matrix out;
    for (std::int64_t i = 0; i < values.size(0); ++i) {
        const double* row = values.const_data_ptr<double>() + i * values.size(1);
        out.emplace_back(row, row + values.size(1));
    }
    return out;
}

std::vector<double> product(const at::Tensor& weight, const std::vector<double>& x,
                            const at::Tensor& bias = {}) {
    const Matrix w = matrix_of(weight);
    std::vector<double> y(w.size(), 0.0);
    for (std::size_t i = 0; i < w.size(); ++i)
        for (std::size_t j = 0; j < x.size(); ++j) y[i] += w[i][j] * x[j];
    if (bias.defined())
        for (std::size_t i = 0; i < w.size(); ++i) y[i] += matrix_of(bias)[0][i];
    return y;
}

std::vector<double> normed(const std::vector<double>& x, const at::Tensor& weight, double epsilon) {
    double squares = 0.0;
    for (const double value : x) squares += value * value;
    std::vector<double> y = x;
    for (std::size_t i = 0; i < x.size(); ++i)
        y[i] *= matrix_of(weight)[0][i] / std::sqrt(squares / static_cast<double>(x.size()) + epsilon);
    return y;
}

/// Heads of one token: normed where the config says so, then turned.
Matrix heads_of(const std::vector<double>& flat, const ModelConfig& c, const at::Tensor& norm,
                double position) {
    Matrix heads;
    const std::vector<double> frequencies = rope_frequencies(c);
    for (std::size_t h = 0; h < flat.size() / c.head_dim; ++h) {
        std::vector<double> head(flat.begin() + h * c.head_dim, flat.begin() + (h + 1) * c.head_dim);
        if (norm.defined()) head = normed(head, norm, c.rms_norm_eps);
        for (std::size_t j = 0; j < frequencies.size(); ++j) {
            const double angle = position * frequencies[j], a = head[j], b = head[j + frequencies.size()];
            head[j] = a * std::cos(angle) - b * std::sin(angle);
            head[j + frequencies.size()] = b * std::cos(angle) + a * std::sin(angle);
        }
        heads.push_back(head);
    }
    return heads;
}

/// One plain sequence through the decoder, token by token, nothing shared: hidden states after the last norm.
Matrix naive_hidden(const Decoder& decoder, const std::vector<std::int64_t>& ids) {
    const ModelConfig& c = decoder.config;
    Matrix x;
    for (const std::int64_t id : ids) x.push_back(matrix_of(decoder.embedding_VD)[id]);
    for (const DecoderLayer& layer : decoder.layers) {
        std::vector<Matrix> keys, values;
        for (std::size_t t = 0; t < x.size(); ++t) {
            const auto y = normed(x[t], layer.input_norm_D, c.rms_norm_eps);
            const auto position = static_cast<double>(t);
            const Matrix queries =
                heads_of(product(layer.q_weight_QD, y, layer.q_bias_Q), c, layer.q_norm_H, position);
            keys.push_back(
                heads_of(product(layer.k_weight_KD, y, layer.k_bias_K), c, layer.k_norm_H, position));
            values.push_back(heads_of(product(layer.v_weight_KD, y, layer.v_bias_K), c, {}, 0.0));
            std::vector<double> mixed;
            for (std::size_t h = 0; h < queries.size(); ++h) {
                const std::size_t kv = h / (c.num_heads / c.num_kv_heads);
                std::vector<double> weights, out(c.head_dim, 0.0);
                double sum = 0.0;
                for (std::size_t s = 0; s <= t; ++s) {
                    double dot = 0.0;
                    for (std::int64_t j = 0; j < c.head_dim; ++j) dot += queries[h][j] * keys[s][kv][j];
                    weights.push_back(std::exp(dot / std::sqrt(static_cast<double>(c.head_dim))));
                    sum += weights.back();
                }
                for (std::size_t s = 0; s <= t; ++s)
                    for (std::int64_t j = 0; j < c.head_dim; ++j)
                        out[j] += weights[s] / sum * values[s][kv][j];
                mixed.insert(mixed.end(), out.begin(), out.end());
            }
            const auto branch = product(layer.o_weight_DQ, mixed);
            for (std::size_t j = 0; j < branch.size(); ++j) x[t][j] += branch[j];
        }
        for (auto& row : x) {
            const auto y = normed(row, layer.post_norm_D, c.rms_norm_eps);
            auto gate = product(layer.gate_weight_FD, y);
            const auto up = product(layer.up_weight_FD, y);
            for (std::size_t j = 0; j < gate.size(); ++j)
                gate[j] = gate[j] / (1.0 + std::exp(-gate[j])) * up[j];
            const auto branch = product(layer.down_weight_DF, gate);
            for (std::size_t j = 0; j < branch.size(); ++j) row[j] += branch[j];
        }
    }
    for (auto& row : x) row = normed(row, decoder.final_norm_D, c.rms_norm_eps);
    return x;
}

TEST(Decoder, EqualsAPlainLoopInDouble) {
    for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
        const Decoder decoder = lively_decoder(small_config(architecture), 1, at::kDouble);
        const std::vector<std::int64_t> ids{3, 0, 36, 7, 7, 12, 30, 1, 5};
        const at::Tensor hidden = decoder_hidden(decoder, one_sequence(ids));
        const Matrix expected = naive_hidden(decoder, ids);
        for (std::size_t t = 0; t < ids.size(); ++t)
            for (std::size_t j = 0; j < expected[t].size(); ++j)
                EXPECT_NEAR(hidden[t][j].item<double>(), expected[t][j], 1e-11)
                    << architecture << t << "," << j;
    }
}

// transformers 4.57.1, torch 2.13.0, tests/src/model/oracle.py: logits of {Llama,Qwen2,Qwen3}ForCausalLM with
// golden_config and the weights of formula_decoder, ids golden_ids(); rows 39 [0:5] and 7 [10:13].
TEST(Decoder, EqualsTransformers) {
    struct Golden {
        const char* architecture;
        bool tied;
        std::vector<double> late, early;
    };
    const Golden goldens[] = {
        {"llama",
         true,
         {-0.221533, 0.575281, 0.726109, 0.0615849, -0.672093},
         {-0.871011, 0.167462, 1.01789}},
        {"llama",
         false,
         {-0.688667, -0.109285, 0.592813, 0.629238, -0.040912},
         {-0.82052, -0.169917, 0.671486}},
        {"qwen2",
         true,
         {-0.254281, 0.659859, 0.833039, 0.070796, -0.770945},
         {-0.795282, 0.232893, 0.999551}},
        {"qwen2",
         false,
         {-0.702443, 0.180214, 0.860508, 0.574533, -0.356588},
         {-1.03791, -0.416883, 0.672259}},
        {"qwen3", true, {-0.178551, 0.372191, 0.504998, 0.07074, -0.442952}, {-0.280257, 0.085582, 0.355321}},
        {"qwen3",
         false,
         {-0.435724, 0.0393241, 0.470215, 0.373099, -0.142972},
         {-0.438785, -0.107142, 0.344811}}};
    for (const Golden& golden : goldens) {
        ModelConfig config = golden_config(golden.architecture);
        config.tie_word_embeddings = golden.tied;
        const at::Tensor logits = golden_logits(formula_decoder(config));
        for (std::size_t j = 0; j < 5; ++j)
            EXPECT_NEAR(logits[39][j].item<double>(), golden.late[j], 1e-4) << golden.architecture;
        for (std::size_t j = 0; j < 3; ++j)
            EXPECT_NEAR(logits[7][10 + j].item<double>(), golden.early[j], 1e-4) << golden.architecture;
    }
}

// As above with weights rounded to bfloat16: row 39 [0:5] in float32, and the mean error of transformers' own
// bfloat16 against it. The mean error here may be a quarter larger: 1480 logits of another rounding order.
TEST(Decoder, Bfloat16WeightsAreAsExactAsInTransformers) {
    struct Golden {
        const char* architecture;
        std::vector<double> late;
        double mean_error;
    };
    const Golden goldens[] = {{"llama", {-0.69086, -0.107152, 0.597405, 0.62962, -0.0426865}, 0.00341323},
                              {"qwen2", {-0.255241, 0.661619, 0.837101, 0.0710129, -0.772848}, 0.00383126},
                              {"qwen3", {-0.179667, 0.371795, 0.50738, 0.0714426, -0.442949}, 0.00265221}};
    for (const Golden& golden : goldens) {
        const Decoder narrow =
            cast_decoder(formula_decoder(golden_config(golden.architecture)), at::kBFloat16);
        const at::Tensor exact = golden_logits(cast_decoder(narrow, at::kFloat));
        for (std::size_t j = 0; j < 5; ++j)
            EXPECT_NEAR(exact[39][j].item<double>(), golden.late[j], 1e-4) << golden.architecture;
        const double error = (golden_logits(narrow).to(at::kFloat) - exact).abs().mean().item<double>();
        EXPECT_GT(error, 0.0);
        EXPECT_LT(error, 1.25 * golden.mean_error) << golden.architecture;
    }
}

TEST(Decoder, Float64ComputeIsThatOfAFloat64Model) {
    Decoder decoder = make_decoder(small_config("qwen3"), 1);
    LoraConfig lora;
    lora.rank = 2;
    add_lora(decoder, lora, 3);
    visit_lora(decoder, [](const std::string&, at::Tensor& tensor) { tensor.add_(0.01); });  // B is zero
    const PackedBatch batch = pack_records(mixed_records(8, 37), true);
    const at::Tensor cast = decoder_hidden(cast_decoder(decoder, at::kDouble), batch);
    const at::Tensor computed = decoder_hidden(decoder, batch, {.compute = Compute::float64});
    EXPECT_EQ(computed.scalar_type(), at::kDouble);
    EXPECT_TRUE(computed.equal(cast));
    EXPECT_FALSE(computed.equal(decoder_hidden(decoder, batch).to(at::kDouble)));
}

/// The hidden states of the scored rows, and the gradients of all weights of their sum of squares.
std::map<std::string, at::Tensor> scored_rows_and_grads(const Decoder& source, const PackedBatch& batch,
                                                        const ForwardOptions& options) {
    Decoder decoder = clone_decoder(source);
    set_requires_grad(decoder, true);
    const at::Tensor rows = decoder_hidden(decoder, batch, options).index_select(0, batch.row_N);
    rows.to(at::kDouble).pow(3).sum().backward();
    std::map<std::string, at::Tensor> found{{"rows", rows.detach()}};
    visit_weights(decoder,
                  [&](const std::string& name, at::Tensor& weight) { found.emplace(name, weight.grad()); });
    return found;
}

TEST(Decoder, SharedPromptsEqualFlatOnesInDouble) {
    for (const char* architecture : {"qwen2", "qwen3"}) {
        const Decoder decoder = lively_decoder(small_config(architecture), 2, at::kDouble);
        const auto records = mixed_records(7, 37);
        const auto shared = scored_rows_and_grads(decoder, pack_records(records, true), {});
        const auto flat = scored_rows_and_grads(decoder, pack_records(records, false), {});
        for (const auto& [name, values] : flat) {
            const double size = values.abs().max().item<double>();
            EXPECT_TRUE(close(shared.at(name), values, 1e-9 * std::max(1.0, size)))
                << architecture << " " << name;
        }
    }
}

TEST(Decoder, CheckpointingChangesNothing) {
    const Decoder decoder = lively_decoder(small_config("qwen3"), 3, at::kFloat);
    const PackedBatch batch = pack_records(mixed_records(8, 37), true);
    const ForwardOptions plain{.dropout = 0.2, .dropout_seed = 9};
    ForwardOptions checkpointed = plain;
    checkpointed.checkpoint_layers = true;
    const auto expected = scored_rows_and_grads(decoder, batch, plain);
    for (const auto& [name, values] : scored_rows_and_grads(decoder, batch, checkpointed))
        EXPECT_TRUE(at::equal(values, expected.at(name))) << name;
}

TEST(Decoder, DropoutDependsOnItsSeedAlone) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 4, at::kFloat);
    const PackedBatch batch = pack_records(mixed_records(9, 37), true);
    const auto hidden = [&](double dropout, std::uint64_t seed) {
        return decoder_hidden(decoder, batch, {.dropout = dropout, .dropout_seed = seed});
    };
    EXPECT_TRUE(at::equal(hidden(0.1, 1), hidden(0.1, 1)));
    EXPECT_FALSE(at::equal(hidden(0.1, 1), hidden(0.1, 2)));
    EXPECT_FALSE(at::equal(hidden(0.1, 1), hidden(0.0, 1)));
    EXPECT_TRUE(at::equal(hidden(0.0, 1), hidden(0.0, 2)));
}

TEST(Decoder, Bfloat16StaysNearFloatAndGradientsReachTheMaster) {
    const Decoder decoder = make_decoder(small_config("qwen2"), 5);
    const PackedBatch batch = pack_records(mixed_records(10, 37), true);
    const auto wide = scored_rows_and_grads(decoder, batch, {});
    const auto narrow = scored_rows_and_grads(decoder, batch, {.compute = Compute::bfloat16});
    EXPECT_EQ(narrow.at("rows").scalar_type(), at::kBFloat16);
    EXPECT_LT((narrow.at("rows").to(at::kFloat) - wide.at("rows")).abs().mean().item<double>(), 0.02);
    for (const auto& [name, values] : narrow) {
        if (name == "rows") continue;
        EXPECT_EQ(values.scalar_type(), at::kFloat) << name;
    }
}

TEST(Decoder, ThreadsChangeNoBitOfTheGradientsOfNorms) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 6, at::kFloat);
    const PackedBatch batch = pack_records(mixed_records(11, 37), true);
    configure_threads(1);
    const auto one = scored_rows_and_grads(decoder, batch, {.dropout = 0.1});
    configure_threads(2);
    const auto two = scored_rows_and_grads(decoder, batch, {.dropout = 0.1});
    configure_threads(1);
    EXPECT_TRUE(at::equal(one.at("rows"), two.at("rows")));
    EXPECT_TRUE(at::equal(one.at("model.norm.weight"), two.at("model.norm.weight")));
}

TEST(Decoder, MakeIsRepeatableAndScaled) {
    ModelConfig config = small_config("qwen2");
    config.hidden_size = 64;
    config.vocab_size = 200;
    const Decoder a = make_decoder(config, 1), b = make_decoder(config, 1), c = make_decoder(config, 2);
    EXPECT_TRUE(at::equal(a.embedding_VD, b.embedding_VD));
    EXPECT_FALSE(at::equal(a.embedding_VD, c.embedding_VD));
    EXPECT_NEAR(a.embedding_VD.std().item<double>(), 0.02, 0.001);
    EXPECT_NEAR(a.layers[0].o_weight_DQ.std().item<double>(), 0.01, 0.001);  // 0.02 / sqrt(2 * 2 layers)
    EXPECT_NEAR(a.layers[1].down_weight_DF.std().item<double>(), 0.01, 0.001);
    EXPECT_EQ(a.layers[0].q_bias_Q.abs().max().item<double>(), 0.0);
    EXPECT_EQ(a.final_norm_D.min().item<double>(), 1.0);
}

TEST(Decoder, NamesShapesAndCount) {
    ModelConfig config = small_config("qwen3");
    config.tie_word_embeddings = false;
    const Decoder decoder = make_decoder(config, 1);
    const auto shapes = weight_shapes(config);
    std::int64_t seen = 0;
    visit_weights(decoder, [&](const std::string& name, const at::Tensor& weight) {
        ++seen;
        EXPECT_EQ(weight.sizes(), at::IntArrayRef(shapes.at(name))) << name;
    });
    EXPECT_EQ(seen, static_cast<std::int64_t>(shapes.size()));
    EXPECT_EQ(seen, 3 + 2 * 11);
    EXPECT_EQ(shapes.at("model.layers.1.self_attn.k_proj.weight"), (std::vector<std::int64_t>{12, 20}));
    EXPECT_EQ(shapes.at("lm_head.weight"), (std::vector<std::int64_t>{37, 20}));
    EXPECT_EQ(weight_count(decoder),
              2 * 37 * 20 + 20 + 2 * (2 * 20 + 2 * 24 * 20 + 2 * 12 * 20 + 2 * 6 + 3 * 28 * 20));
}

TEST(Decoder, CopiesDoNotShare) {
    const Decoder decoder = make_decoder(small_config("llama"), 1);
    Decoder copy = clone_decoder(decoder);
    copy.embedding_VD.fill_(0.0);
    EXPECT_GT(decoder.embedding_VD.abs().max().item<double>(), 0.0);
    EXPECT_EQ(cast_decoder(decoder, at::kBFloat16).final_norm_D.scalar_type(), at::kBFloat16);
}

TEST(Decoder, RefusesIdsAndPositionsOutsideTheModel) {
    const Decoder decoder = make_decoder(small_config("llama"), 1);
    PackedBatch batch = one_sequence({1, 2, 3});
    batch.ids_T[1] = 37;
    EXPECT_THAT([&] { decoder_hidden(decoder, batch); },
                testing::ThrowsMessage<DataError>(testing::HasSubstr("row 1 of the batch: the token id")));
    batch.ids_T[1] = 2;
    batch.position_T[2] = 512;
    EXPECT_THAT([&] { decoder_hidden(decoder, batch); },
                testing::ThrowsMessage<DataError>(testing::HasSubstr("row 2 of the batch: the position")));
}

}  // namespace
}  // namespace linvox
