// What linvox_bench times: the inner loops that decide how long a run takes. Inputs are random and
// the same each time; sizes are those of the TTS recipe.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <memory>
#include <numeric>

#include "audio/codec/kmeans.h"
#include "bench/bench.h"
#include "eval/dtw.h"
#include "src/base/files.h"
#include "src/base/rng.h"
#include "src/generate/sampler.h"
#include "src/model/decoder.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

// Results go here, so that the compiler cannot drop the work.
volatile double sink = 0;

std::vector<double> normal_values(std::size_t count, std::uint64_t seed) {
    Rng rng(seed);
    std::vector<double> values(count);
    for (double& value : values) value = rng.normal();
    return values;
}

std::function<void()> rng_round() {
    auto rng = std::make_shared<Rng>(1);
    return [rng] {
        double sum = 0;
        for (int i = 0; i < 1000000; ++i) sum += rng->uniform();
        sink = sum;
    };
}

std::function<void()> sha256_round() {
    auto bytes = std::make_shared<std::string>(16 << 20, 'x');
    return [bytes] { sink = sha256_hex(*bytes)[0]; };
}

// A small vocabulary: more merges a word than a real one has.
std::function<void()> tokenize_round() {
    const std::string text = read_file(LINVOX_SOURCE_DIR "/README.md");
    auto tokenizer =
        std::make_shared<Tokenizer>(load_tokenizer(LINVOX_SOURCE_DIR "/tests/golden/tokenizers/qwen2"));
    auto texts = std::make_shared<std::vector<std::string>>();
    for (std::size_t at = 0; at < text.size(); at += 1000) texts->push_back(text.substr(at, 1000));
    return [texts, tokenizer] {
        std::size_t ids = 0;
        for (const std::string& part : *texts) ids += tokenizer->encode(part).size();
        sink = static_cast<double>(ids);
    };
}

std::function<void()> dtw_round() {
    constexpr std::size_t kWidth = 24;
    auto a = std::make_shared<std::vector<double>>(normal_values(400 * kWidth, 1));
    auto b = std::make_shared<std::vector<double>>(normal_values(400 * kWidth, 2));
    return [a, b] { sink = dtw_cost(std::span<const double>(*a), std::span<const double>(*b), kWidth).cost; };
}

std::function<void()> kmeans_round() {
    constexpr std::int64_t kWidth = 48;
    auto rows = std::make_shared<std::vector<double>>(normal_values(4000 * kWidth, 3));
    auto centroids = std::make_shared<std::vector<double>>(normal_values(512 * kWidth, 4));
    return [rows, centroids] { sink = assign_rows(*rows, kWidth, *centroids, nullptr).back(); };
}

std::function<void()> sampler_round() {
    auto logits = std::make_shared<std::vector<float>>(512);
    Rng values(5);
    for (float& logit : *logits) logit = static_cast<float>(3 * values.normal());
    return [logits, rng = Rng(6), scratch = SamplerScratch()]() mutable {
        const SamplingConfig config{.temperature = 0.7, .top_p = 0.95, .top_k = 50};
        double sum = 0;
        for (int i = 0; i < 1000; ++i) sum += sample_index(*logits, {}, config, rng, scratch);
        sink = sum;
    };
}

// Five sequences of 200 tokens side by side.
PackedBatch packed_rows() {
    constexpr std::int64_t kRows = 5, kLength = 200;
    Rng rng(7);
    std::vector<std::int64_t> ids, positions;
    PackedBatch batch;
    for (std::int64_t row = 0; row < kRows; ++row) {
        for (std::int64_t i = 0; i < kLength; ++i) {
            ids.push_back(static_cast<std::int64_t>(rng.below(640)));
            positions.push_back(i);
        }
        batch.segments.push_back({row * kLength, (row + 1) * kLength, 0, 0});
    }
    batch.ids_T = at::tensor(ids);
    batch.position_T = at::tensor(positions);
    return batch;
}

ModelConfig recipe_model() {
    ModelConfig config;
    config.vocab_size = 640;
    return config;
}

std::function<void()> decoder_round(bool with_gradients) {
    auto decoder = std::make_shared<Decoder>(make_decoder(recipe_model(), 8));
    set_requires_grad(*decoder, with_gradients);
    auto batch = std::make_shared<PackedBatch>(packed_rows());
    return [decoder, batch, with_gradients] {
        const at::AutoGradMode mode(with_gradients);
        const at::Tensor sum = decoder_hidden(*decoder, *batch).sum();
        if (with_gradients) sum.backward();
        sink = sum.item<double>();
    };
}

}  // namespace

std::vector<Benchmark> all_benchmarks() {
    return {
        {"rng_uniform", "1e6 draws", rng_round},
        {"sha256", "16 MiB", sha256_round},
        {"tokenize", "README.md in pieces of 1 kB", tokenize_round},
        {"sample_index", "1000 rows x 512 logits", sampler_round},
        {"dtw_cost", "400 x 400 frames x 24", dtw_round},
        {"kmeans_assign", "4000 rows x 48, 512 centroids", kmeans_round},
        {"decoder_forward", "1000 tokens, 4 layers x 192", [] { return decoder_round(false); }},
        {"decoder_backward", "1000 tokens, forward too", [] { return decoder_round(true); }},
    };
}

}  // namespace linvox
