// The `score` and `generate` commands of linvox_bench: the two ways to run a model without training it, each
// beside what the machine could do at best.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "bench/workload.h"
#include "src/generate/generate.h"
#include "src/model/model_directory.h"
#include "src/train/reference_cache.h"

namespace linvox {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

template <typename Work>
std::vector<double> five_rounds(const Work& work) {
    work();  // warms up
    std::vector<double> seconds;
    for (int round = 0; round < 5; ++round) {
        const auto start = Clock::now();
        work();
        seconds.push_back(seconds_since(start));
    }
    return seconds;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// The best of five sums over 1 GiB, which does nothing but read. 1e9 bytes/s.
double read_bandwidth() {
    const at::NoGradGuard no_grad;
    const at::Tensor gib = at::ones({1 << 28}, at::kFloat);
    double best = 0;
    for (int round = 0; round < 5; ++round) {
        const auto start = Clock::now();
        gib.sum().item<float>();
        best = std::max(best, static_cast<double>(gib.nbytes()) * 1e-9 / seconds_since(start));
    }
    return best;
}

/// What one new token reads: every weight once; of an embedding with its own head only a row, which is
/// nothing.
double gigabytes_of(const Decoder& decoder) {
    double bytes = 0;
    visit_weights(decoder, [&](const std::string& name, const at::Tensor& weight) {
        if (name.find("embed_tokens") == std::string::npos || decoder.config.tie_word_embeddings)
            bytes += static_cast<double>(weight.nbytes());
    });
    return bytes * 1e-9;
}

}  // namespace

int score_benchmark(const std::filesystem::path& folder, std::int64_t records) {
    const Decoder decoder = load_model_directory(folder / "model");
    std::vector<PreferenceRecord> pairs = read_workload_pairs(folder);
    pairs.resize(std::min(pairs.size(), static_cast<std::size_t>(records)));
    std::vector<SequenceGroup> groups;
    double tflop = 0;
    for (const PreferenceRecord& record : pairs) {
        groups.push_back(preference_group(record));
        tflop += training_tflop(record, decoder.config) / 3;
    }
    const std::vector<double> seconds = five_rounds([&] {
        score_reference(decoder, groups, ScoreConfig{}, /*token_budget=*/4096, ReferenceDetail::sums);
    });
    const double peak = peak_tflops("f32");
    fmt::print("{}\n", nlohmann::json{{"records", pairs.size()},
                                      {"seconds", seconds},
                                      {"records_per_s", static_cast<double>(pairs.size()) / median(seconds)},
                                      {"peak_tflops", peak},
                                      {"share_of_peak", tflop / median(seconds) / peak}}
                           .dump());
    return 0;
}

int generate_benchmark(const std::filesystem::path& folder, std::int64_t rows, std::int64_t tokens) {
    const Decoder decoder = load_model_directory(folder / "model");
    const std::vector<PreferenceRecord> pairs = read_workload_pairs(folder);
    std::vector<GenerationRequest> requests;
    for (std::int64_t row = 0; row < rows; ++row) {
        GenerationRequest request;
        request.id = std::to_string(row);
        const auto& prompt = pairs[static_cast<std::size_t>(row) % pairs.size()].info.prompt_ids;
        request.plan.prompt_ids.assign(prompt.begin(), prompt.begin() + 16);
        request.plan.stop_id = -1;
        requests.push_back(std::move(request));
    }
    SamplingConfig config;
    config.temperature = 0;
    config.batch_rows = rows;
    const auto with_tokens = [&](std::int64_t count) {
        config.max_tokens = count;
        return median(five_rounds(
            [&] { generate(decoder, requests, config, [](std::size_t, GenerationResult&&) {}); }));
    };
    // The difference leaves prompts and start-up out.
    const double seconds = with_tokens(tokens + 1) - with_tokens(1);
    const double bandwidth = read_bandwidth(), bound = bandwidth / gigabytes_of(decoder);
    const double steps_per_s = static_cast<double>(tokens) / seconds;
    fmt::print("{}\n", nlohmann::json{{"rows", rows},
                                      {"tokens", tokens},
                                      {"tokens_per_s", steps_per_s * static_cast<double>(rows)},
                                      {"steps_per_s", steps_per_s},
                                      {"read_gb_per_s", bandwidth},
                                      {"weights_gb", gigabytes_of(decoder)},
                                      {"steps_per_s_at_bandwidth", bound},
                                      {"share_of_bandwidth", steps_per_s / bound}}
                           .dump());
    return 0;
}

}  // namespace linvox
