// The GPU kernels against the ATen compositions on the CPU, values and gradients; skipped without a GPU.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "src/model/composite_ops.h"
#include "src/model/device.h"
#include "src/model/flash_attention.h"
#include "src/model/gpu_row_kernels.h"
#include "src/model/score.h"
#include "src/model/torch_compat.h"
#include "tests/src/model/op_fixtures.h"

namespace linvox {
namespace {

using Function = std::function<TensorList(const TensorList&)>;

class Gpu : public testing::Test {
protected:
    void SetUp() override {
        if (!compute_device().is_cuda()) GTEST_SKIP() << "no GPU";
    }
};

/// Outputs and gradients on a device, brought home as float64.
TensorList computed(const Function& function, const TensorList& inputs, at::Device device) {
    TensorList leaves, home;
    for (const at::Tensor& input : inputs)
        leaves.push_back(input.defined()
                             ? input.to(device, input.scalar_type(), false, true).requires_grad_(true)
                             : input);
    const TensorList outputs = function(leaves);
    at::Tensor loss;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const at::Tensor part =
            (outputs[i].to(at::kDouble) * noise(outputs[i].sizes(), at::kDouble, 100 + i).to(device)).sum();
        loss = loss.defined() ? loss + part : part;
        home.push_back(outputs[i].detach().to(at::kCPU, at::kDouble));
    }
    loss.backward();
    for (const at::Tensor& leaf : leaves)
        if (leaf.defined()) home.push_back(leaf.grad().to(at::kCPU, at::kDouble));
    return home;
}

/// Largest difference over the largest value.
void expect_close(const TensorList& got, const TensorList& expected, double tolerance,
                  const std::string& what) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(got[i].sizes(), expected[i].sizes()) << what << ", tensor " << i;
        const double size = std::max(1e-12, expected[i].abs().max().item<double>());
        const double gap = (got[i] - expected[i]).abs().max().item<double>() / size;
        EXPECT_LE(gap, tolerance) << what << ", tensor " << i;
        EXPECT_GT(size, 1e-6) << what << ", tensor " << i;
    }
}

struct Precision {
    at::ScalarType residual, branch;
    double tolerance;
};
const Precision kPrecisions[] = {{at::kDouble, at::kDouble, 1e-12},
                                 {at::kFloat, at::kFloat, 2e-5},
                                 {at::kFloat, at::kBFloat16, 2e-2},
                                 {at::kBFloat16, at::kBFloat16, 3e-2}};

TEST_F(Gpu, ResidualNormEqualsItsComposition) {
    for (const Precision& p : kPrecisions)
        for (const std::int64_t width : {64, 896, 37, 4096})
            for (const double dropout : {0.0, 0.3})
                for (const bool has_x : {true, false}) {
                    const std::int64_t rows = 700;
                    const DropoutSite site{dropout, 11, 3};
                    const TensorList inputs{has_x ? noise({rows, width}, p.residual, 1) : at::Tensor(),
                                            noise({rows, width}, p.branch, 2), noise({width}, p.residual, 3)};
                    const Function kernels = [&](const TensorList& in) -> TensorList {
                        EXPECT_TRUE(has_gpu_norm(in[1]));
                        const auto [x, y] = residual_norm(in[0], in[1], in[2], 1e-6, site);
                        return {x, y};
                    };
                    const Function composed = [&](const TensorList& in) -> TensorList {
                        const auto [x, y] = residual_norm_composite(in[0], in[1], in[2], 1e-6, site);
                        return {x, y};
                    };
                    expect_close(computed(kernels, inputs, compute_device()),
                                 computed(composed, inputs, at::kCPU), p.tolerance,
                                 fmt::format("width {} dropout {} x {}", width, dropout, has_x));
                }
}

TEST_F(Gpu, SwiGluEqualsItsComposition) {
    for (const Precision& p : kPrecisions)
        for (const std::int64_t width : {256, 4864, 23}) {
            const TensorList inputs{noise({70, 2 * width}, p.branch, 4) * 3.0};
            const Function kernels = [](const TensorList& in) -> TensorList { return {swiglu(in[0])}; };
            const Function composed = [](const TensorList& in) -> TensorList {
                return {swiglu_composite(in[0])};
            };
            expect_close(computed(kernels, inputs, compute_device()), computed(composed, inputs, at::kCPU),
                         p.tolerance, fmt::format("width {}", width));
        }
}

TEST_F(Gpu, FlashAttentionOverSharedPromptsEqualsAMaskedProduct) {
    const PackedBatch batch = pack_records(mixed_records(3, 30), true);
    struct Shape {
        std::int64_t heads, kv_heads, head_dim;
    };
    for (const Shape& s : {Shape{3, 3, 64}, Shape{14, 2, 64}, Shape{6, 1, 128}, Shape{4, 2, 40}}) {
        const TensorList inputs{
            noise({batch.tokens(), (s.heads + 2 * s.kv_heads) * s.head_dim}, at::kBFloat16, 5)};
        const auto on_gpu = plan_of(batch, s.heads, s.kv_heads, s.head_dim, compute_device(), at::kBFloat16);
        const auto exact = plan_of(batch, s.heads, s.kv_heads, s.head_dim, at::kCPU, at::kDouble);
        ASSERT_TRUE(on_gpu->gathering);
        const Function flash = [&](const TensorList& in) -> TensorList {
            return {packed_attention(in[0], on_gpu)};
        };
        const Function masked = [&](const TensorList& in) -> TensorList {
            return {packed_attention_composite(in[0].to(at::kDouble), *exact)};
        };
        expect_close(computed(flash, inputs, compute_device()), computed(masked, inputs, at::kCPU), 2e-2,
                     fmt::format("{} heads, {} of keys, {} wide", s.heads, s.kv_heads, s.head_dim));
    }
}

TEST(KeyGathering, GivesEverySegmentItsPromptAndEveryRowItsCopies) {
    const auto g = gather_keys({{0, 5, 0, 0}, {5, 7, 0, 3}, {7, 9, 0, 0}}, 9, at::kCPU);
    EXPECT_TRUE(at::equal(g->row_K, at::tensor({0, 1, 2, 3, 4, 0, 1, 2, 5, 6, 7, 8}, at::kLong)));
    EXPECT_TRUE(at::equal(g->query_begin_S1, at::tensor({0, 5, 7, 9}, at::kInt)));
    EXPECT_TRUE(at::equal(g->key_begin_S1, at::tensor({0, 5, 10, 12}, at::kInt)));
    EXPECT_TRUE(at::equal(g->copy_begin_T1, at::tensor({0, 2, 4, 6, 7, 8, 9, 10, 11, 12}, at::kLong)));
    EXPECT_TRUE(at::equal(g->copy_K, at::tensor({0, 5, 1, 6, 2, 7, 3, 4, 8, 9, 10, 11}, at::kLong)));
    EXPECT_EQ(g->longest_query, 5);
    EXPECT_EQ(g->longest_key, 5);
}

TEST_F(Gpu, HeadLogprobsEqualTheCpusInAnyChunks) {
    const std::int64_t rows = 50, width = 24, ids = 1040;
    for (const Precision& p : kPrecisions) {
        if (p.residual != p.branch) continue;
        const TensorList inputs{noise({rows, width}, p.branch, 1), noise({ids, width}, p.branch, 2)};
        at::Tensor label = at::empty({rows}, at::kLong);
        Rng rng(4);
        for (std::int64_t n = 0; n < rows; ++n)
            label[n].fill_(100 + static_cast<std::int64_t>(rng.below(800)));
        for (const auto& [begin, end] : {std::pair{0, 1040}, std::pair{99, 1000}})
            for (const auto& [chunk, keep] : {std::pair{64, 0}, std::pair{5000, 0}, std::pair{64, 1 << 30}}) {
                const Function score = [&](const TensorList& in) -> TensorList {
                    return {head_logprobs(in[0], in[1], label.to(in[0].device()), begin, end, chunk, keep)};
                };
                expect_close(computed(score, inputs, compute_device()), computed(score, inputs, at::kCPU),
                             p.branch == at::kBFloat16 ? 4e-2 : p.tolerance,
                             fmt::format("ids {}:{} in chunks of {}", begin, end, chunk));
            }
    }
}

ModelConfig flash_config(const std::string& architecture) {
    ModelConfig config = small_config(architecture);
    config.head_dim = 16;
    config.hidden_size = 64;
    return config;
}

/// Scores, and the gradients of their sum by name.
std::map<std::string, at::Tensor> scores_and_gradients(const Decoder& given, const PackedBatch& batch,
                                                       Compute compute, at::Device device) {
    Decoder decoder = on_device(clone_decoder(given), device);
    set_requires_grad(decoder, true);
    ScoreConfig config;
    config.forward.compute = compute;
    const SequenceScore score = score_answers(decoder, batch, config);
    score.logprob_sum_A.sum().backward();
    std::map<std::string, at::Tensor> all{{"scores", score.logprob_N.detach().to(at::kCPU, at::kDouble)}};
    visit_weights(decoder, [&](const std::string& name, at::Tensor& weight) {
        all[name] = weight.grad().to(at::kCPU, at::kDouble);
    });
    return all;
}

double gap_between(const std::map<std::string, at::Tensor>& got,
                   const std::map<std::string, at::Tensor>& exact, const std::string& name) {
    return (got.at(name) - exact.at(name)).norm().item<double>() / exact.at(name).norm().item<double>();
}

TEST_F(Gpu, ADecoderScoresAndLearnsAsOnTheCpu) {
    const PackedBatch batch = pack_records(mixed_records(2, 37), true);
    for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
        const Decoder wide = lively_decoder(flash_config(architecture), 1, at::kDouble);
        const auto exact = scores_and_gradients(wide, batch, Compute::as_weights, at::kCPU);
        for (const auto& [dtype, tolerance] : {std::pair{at::kDouble, 1e-9}, std::pair{at::kFloat, 1e-4}}) {
            const auto got =
                scores_and_gradients(cast_decoder(wide, dtype), batch, Compute::as_weights, compute_device());
            for (const auto& [name, tensor] : exact)
                EXPECT_LT(gap_between(got, exact, name), tolerance) << architecture << " " << name;
        }
    }
}

// What bfloat16 costs on the CPU is the measure: these weights are large, so that it costs much.
TEST_F(Gpu, InBfloat16ItIsNotFurtherFromExactThanTheCpu) {
    const PackedBatch batch = pack_records(mixed_records(2, 37), true);
    for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
        const Decoder wide = lively_decoder(flash_config(architecture), 1, at::kDouble);
        const Decoder decoder = cast_decoder(wide, at::kFloat);
        const auto exact = scores_and_gradients(wide, batch, Compute::as_weights, at::kCPU);
        const auto cpu = scores_and_gradients(decoder, batch, Compute::bfloat16, at::kCPU);
        const auto gpu = scores_and_gradients(decoder, batch, Compute::bfloat16, compute_device());
        double sum_cpu = 0, sum_gpu = 0;
        for (const auto& [name, tensor] : exact) {
            EXPECT_LT(gap_between(gpu, exact, name), 3 * gap_between(cpu, exact, name) + 1e-3)
                << architecture << " " << name;
            sum_cpu += gap_between(cpu, exact, name);
            sum_gpu += gap_between(gpu, exact, name);
        }
        EXPECT_LT(sum_gpu, 1.5 * sum_cpu) << architecture;
    }
}

TEST_F(Gpu, TheSameScoresAndGradientsEveryTime) {
    const PackedBatch batch = pack_records(mixed_records(2, 37), true);
    const Decoder decoder = lively_decoder(flash_config("qwen2"), 1, at::kFloat);
    const auto first = scores_and_gradients(decoder, batch, Compute::bfloat16, compute_device());
    for (int i = 0; i < 3; ++i)
        for (const auto& [name, tensor] :
             scores_and_gradients(decoder, batch, Compute::bfloat16, compute_device()))
            EXPECT_TRUE(at::equal(tensor, first.at(name))) << name;
}

TEST(Device, RefusesAGpuThatIsNotThereAndSaysWhy) {
    if (compute_device().is_cuda()) GTEST_SKIP() << "there is one";
    try {
        configure_device("cuda");
        FAIL() << "took a GPU";
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find(is_cuda_build() ? "sees no GPU" : "for CPUs only"),
                  std::string::npos)
            << error.what();
    }
    EXPECT_TRUE(compute_device().is_cpu());
}

}  // namespace
}  // namespace linvox
