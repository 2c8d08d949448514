// Generation on a GPU against the CPU's; skipped without a GPU.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>

#include "src/base/error.h"
#include "src/generate/incremental_decoder.h"
#include "src/model/device.h"
#include "src/model/lora.h"
#include "src/model/score.h"
#include "tests/src/generate/generate_fixtures.h"

namespace linvox {
namespace {

class GpuGenerate : public testing::Test {
protected:
    void SetUp() override {
        configure_device("auto");
        if (!compute_device().is_cuda()) GTEST_SKIP() << "no GPU";
    }
    void TearDown() override { configure_device("auto"); }
};

std::vector<GenerationResult> results_on(const std::string& device, const Decoder& decoder,
                                         const std::vector<GenerationRequest>& requests,
                                         const SamplingConfig& config) {
    configure_device(device);
    return results(decoder, requests, config);
}

/// Greedy, more requests than slots.
SamplingConfig greedy() {
    SamplingConfig config = sampling(0.0);
    config.token_logprobs = true;
    return config;
}

void expect_alike(const std::vector<GenerationResult>& got, const std::vector<GenerationResult>& expected,
                  const std::string& what) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].answer, expected[i].answer) << what << ", request " << i;
        EXPECT_EQ(got[i].finish, expected[i].finish) << what << ", request " << i;
        EXPECT_THAT(got[i].token_logprobs,
                    testing::Pointwise(testing::FloatNear(1e-3F), expected[i].token_logprobs))
            << what << ", request " << i;
    }
}

/// Tokens [begin, end) of a slot, ids of no pattern.
void append(std::vector<NewToken>& tokens, std::int64_t slot, std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p)
        tokens.push_back({static_cast<std::int32_t>((7 * p + 5 * slot + p * p / 3) % 37), slot, p});
}

/// Logits of prompts of unequal lengths, of steps behind them, and of a prompt that takes over a slot.
std::vector<at::Tensor> logits_of_steps(const std::string& device, const Decoder& decoder) {
    configure_device(device);
    IncrementalDecoder incremental(decoder, 3, 420, Compute::as_weights, 2, 37, {0});
    std::vector<at::Tensor> logits;
    const auto run = [&](const std::vector<NewToken>& tokens, const std::vector<std::int64_t>& rows) {
        logits.push_back(incremental.run(tokens, rows).clone());
    };
    std::vector<NewToken> prompts, step, mixed, taken_over;
    append(prompts, 0, 0, 400);
    append(prompts, 2, 0, 5);
    run(prompts, {0, 1, 31, 32, 33, 200, 399, 400, 404});
    append(step, 2, 5, 6);
    append(step, 0, 400, 401);
    run(step, {0, 1});
    append(mixed, 0, 401, 402);
    append(mixed, 1, 0, 33);
    append(mixed, 2, 6, 7);
    run(mixed, {0, 33, 34});
    append(taken_over, 0, 0, 2);
    append(taken_over, 1, 33, 34);
    run(taken_over, {1, 2});
    return logits;
}

struct HeadShape {
    std::int64_t heads, kv_heads, head_dim;
};
const HeadShape kHeadShapes[] = {{4, 2, 6},  {4, 4, 6},   {6, 2, 64},  {3, 3, 64}, {4, 1, 40},
                                 {2, 2, 40}, {10, 5, 14}, {4, 2, 128}, {2, 1, 256}};

TEST_F(GpuGenerate, LogitsEqualTheCpusInPromptsAndSteps) {
    for (const char* architecture : {"llama", "qwen2", "qwen3"})
        for (const HeadShape& shape : kHeadShapes) {
            ModelConfig config = small_config(architecture);
            config.num_heads = shape.heads;
            config.num_kv_heads = shape.kv_heads;
            config.head_dim = shape.head_dim;
            const Decoder decoder = lively_decoder(config, 3, at::kFloat);
            const auto cpu = logits_of_steps("cpu", decoder), gpu = logits_of_steps("auto", decoder);
            for (std::size_t i = 0; i < cpu.size(); ++i) {
                ASSERT_TRUE(gpu[i].is_cpu() && gpu[i].scalar_type() == at::kFloat);
                ASSERT_EQ(gpu[i].sizes(), cpu[i].sizes());
                const double size = cpu[i].abs().max().item<double>();
                EXPECT_GT(size, 0.1);
                EXPECT_LT((gpu[i] - cpu[i]).abs().max().item<double>(), 1e-4 * size)
                    << architecture << ", " << shape.heads << " heads, " << shape.kv_heads << " of keys, "
                    << shape.head_dim << " wide, run " << i;
            }
        }
}

TEST_F(GpuGenerate, TheSameLogitsEveryTime) {
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
        const Decoder decoder = lively_decoder(small_config("qwen3"), 3, dtype);
        const auto first = logits_of_steps("auto", decoder), again = logits_of_steps("auto", decoder);
        for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(again[i], first[i])) << i;
    }
}

TEST_F(GpuGenerate, TheSameIdsAsOnTheCpu) {
    const auto requests = mixed_requests();
    for (const char* architecture : {"llama", "qwen2", "qwen3"})
        for (const auto dtype : {at::kFloat, at::kHalf}) {  // computed in float32 on either device
            const Decoder decoder = lively_decoder(small_config(architecture), 1, dtype);
            expect_alike(results_on("auto", decoder, requests, greedy()),
                         results_on("cpu", decoder, requests, greedy()),
                         std::string(architecture) + (dtype == at::kHalf ? " in float16" : ""));
        }
}

TEST_F(GpuGenerate, WhereTheDecoderLiesMakesNoDifference) {
    Decoder decoder = lively_decoder(small_config("qwen3"), 5, at::kFloat);
    set_requires_grad(decoder, true);
    Decoder adapted = lively_decoder(small_config("qwen2"), 5, at::kFloat);
    add_lora(adapted, {.rank = 2, .dora = true}, 1);
    visit_lora(adapted, [](const std::string&, at::Tensor& tensor) { tensor += 0.1; });
    const auto requests = mixed_requests();
    for (const Decoder* given : {&decoder, &adapted}) {
        const Decoder on_gpu = on_device(*given, {at::kCUDA, 0});
        const auto expected = results_on("cpu", *given, requests, greedy());
        expect_alike(results_on("auto", *given, requests, greedy()), expected, "from the CPU to the GPU");
        expect_alike(results_on("auto", on_gpu, requests, greedy()), expected, "on the GPU");
        expect_alike(results_on("cpu", on_gpu, requests, greedy()), expected, "from the GPU to the CPU");
    }
}

/// Mean |difference| per token between what generation in bfloat16 says and float32 scores on the CPU.
double bfloat16_gap(const std::string& device, const Decoder& decoder) {
    const at::NoGradGuard no_grad;
    SamplingConfig config = sampling(1.0);
    config.bfloat16 = config.token_logprobs = true;
    const auto requests = mixed_requests();
    const auto found = results_on(device, decoder, requests, config);
    configure_device("cpu");
    double gap = 0, tokens = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const SequenceScore score =
            score_answers(decoder, batch_of(requests[i], found[i]), {.softmax = {kBegin, kEnd, {}}});
        EXPECT_EQ(score.logprob_N.numel(), found[i].scored_tokens);
        for (std::int64_t n = 0; n < found[i].scored_tokens; ++n, ++tokens)
            gap += std::abs(score.logprob_N[n].item<double>() -
                            static_cast<double>(found[i].token_logprobs[static_cast<std::size_t>(n)]));
    }
    return gap / tokens;
}

TEST_F(GpuGenerate, InBfloat16ItStaysNearFloat32Scores) {
    for (const char* architecture : {"llama", "qwen2", "qwen3"}) {
        const Decoder decoder = lively_decoder(small_config(architecture), 1, at::kFloat);
        const double cpu = bfloat16_gap("cpu", decoder), gpu = bfloat16_gap("auto", decoder);
        EXPECT_LT(gpu, 0.05) << architecture;
        EXPECT_LT(gpu, 2 * cpu) << architecture;
        EXPECT_GT(gpu, 0.0) << architecture;
    }
}

TEST_F(GpuGenerate, AFloat64ModelIsRefused) {
    const Decoder decoder = lively_decoder(small_config("qwen2"), 1, at::kDouble);
    EXPECT_THROW(results(decoder, {plain_request(1, 3)}, greedy()), UserError);
}

TEST(GpuKvCache, RefusesHeadsThatItsKernelsDoNotHold) {
    ModelConfig config = small_config("qwen2");
    config.head_dim = 258;
    EXPECT_THROW(make_gpu_kv_cache(config, 1, 8, at::kFloat), UserError);
}

}  // namespace
}  // namespace linvox
