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
#include "src/base/error.h"
#include "src/generate/generate.h"
#include "src/generate/huge_pages.h"
#include "src/model/device.h"
#include "src/model/layer_products.h"
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
        wait_for_device();
        const auto start = Clock::now();
        work();
        wait_for_device();
        seconds.push_back(seconds_since(start));
    }
    return seconds;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// The best of five sums over 1 GiB in the pages that decoding has (4 GiB on a GPU), which do nothing but
/// read. 1e9 bytes/s.
double read_bandwidth() {
    const at::NoGradGuard no_grad;
    const at::Device device = compute_device();
    at::Tensor ones =
        at::ones({device.is_cuda() ? 1 << 30 : 1 << 28}, at::TensorOptions(device).dtype(at::kFloat));
    move_to_huge_pages({&ones});
    double best = 0;
    for (int round = 0; round < 5; ++round) {
        wait_for_device();
        const auto start = Clock::now();
        ones.sum().item<float>();
        best = std::max(best, static_cast<double>(ones.nbytes()) * 1e-9 / seconds_since(start));
    }
    return best;
}

/// What one new token reads: every weight once, matrices and biases in the dtype of the products; of an
/// embedding with its own head only a row, which is nothing.
double gigabytes_of(const Decoder& decoder, const PassDtypes& dtypes) {
    double bytes = 0;
    visit_weights(decoder, [&](const std::string& name, const at::Tensor& weight) {
        if (name.find("embed_tokens") != std::string::npos && !decoder.config.tie_word_embeddings) return;
        const bool norm = name.find("norm") != std::string::npos;
        bytes += static_cast<double>(weight.numel()) *
                 static_cast<double>(c10::elementSize(norm ? dtypes.residual : dtypes.product));
    });
    return bytes * 1e-9;
}

}  // namespace

int score_benchmark(const std::filesystem::path& folder, std::int64_t records) {
    const Decoder decoder = on_device(load_model_directory(folder / "model"), compute_device());
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
    fmt::print("{}\n", nlohmann::json{{"device", device_name()},
                                      {"records", pairs.size()},
                                      {"seconds", seconds},
                                      {"records_per_s", static_cast<double>(pairs.size()) / median(seconds)},
                                      {"peak_tflops", peak},
                                      {"share_of_peak", tflop / median(seconds) / peak}}
                           .dump());
    return 0;
}

int generate_benchmark(const std::filesystem::path& folder, const GenerateBenchmark& settings) {
    const std::int64_t rows = settings.rows, tokens = settings.tokens;
    LINVOX_REQUIRE(settings.precision == "f32" || settings.precision == "bf16", UserError,
                   "no precision '{}'; there are f32 and bf16", settings.precision);
    LINVOX_REQUIRE(rows > 0 && tokens > 0 && settings.rounds > 0, UserError,
                   "rows, tokens and rounds must be at least 1");
    const Decoder decoder = load_model_directory(folder / "model");
    const std::vector<PreferenceRecord> pairs = read_workload_pairs(folder);
    // Waves of requests, each let in when the one before has ended. A prompt of one token costs what a new
    // token does, so that a wave of n tokens is n equal steps.
    std::vector<GenerationRequest> requests;
    for (std::int64_t i = 0; i < rows * (settings.rounds + 1); ++i) {
        GenerationRequest request;
        request.id = std::to_string(i);
        request.plan.prompt_ids = {
            pairs[static_cast<std::size_t>(i % rows) % pairs.size()].info.prompt_ids[0]};
        request.plan.stop_id = kWorkloadEnd;
        requests.push_back(std::move(request));
    }
    SamplingConfig config;
    config.temperature = 0;
    config.batch_rows = rows;
    config.bfloat16 = settings.precision == "bf16";
    config.max_tokens = config.min_codes_per_unit = config.max_codes_per_unit = tokens;  // no earlier end
    std::vector<std::int32_t> first_ids;
    std::vector<double> steps_per_s;  // the first wave warms up
    std::int64_t ended = 0;
    Clock::time_point start;
    generate(decoder, requests, config, [&](std::size_t index, GenerationResult&& result) {
        if (index == 0) first_ids = std::move(result.answer.ids);
        if (++ended % rows != 0) return;
        if (ended > rows) steps_per_s.push_back(static_cast<double>(tokens) / seconds_since(start));
        start = Clock::now();
    });
    const double gigabytes = gigabytes_of(
        decoder, pass_dtypes(decoder, config.bfloat16 ? Compute::bfloat16 : Compute::as_weights));
    const double bandwidth = read_bandwidth(), bound = bandwidth / gigabytes;
    fmt::print("{}\n",
               nlohmann::json{{"device", device_name()},
                              {"rows", rows},
                              {"tokens", tokens},
                              {"precision", settings.precision},
                              {"tokens_per_s", median(steps_per_s) * static_cast<double>(rows)},
                              {"steps_per_s", median(steps_per_s)},
                              {"best_steps_per_s", *std::max_element(steps_per_s.begin(), steps_per_s.end())},
                              {"read_gb_per_s", bandwidth},
                              {"weights_gb", gigabytes},
                              {"steps_per_s_at_bandwidth", bound},
                              {"share_of_bandwidth", median(steps_per_s) / bound},
                              {"first_ids", first_ids}}
                   .dump());
    return 0;
}

}  // namespace linvox
