// The `train` command of linvox_bench: preference training as a recipe runs it, timed from step to step.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/rand.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/workload.h"
#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/model/device.h"
#include "src/model/model_directory.h"
#include "src/model/torch_compat.h"
#include "src/train/align.h"
#include "src/train/align_plan.h"
#include "src/train/precision.h"

namespace linvox {
namespace {

AlignConfig benchmark_config(const TrainBenchmark& settings) {
    AlignConfig config;
    config.loss.main.kind = "sigmoid";
    config.loss.main.normalise = "sum";
    config.loss.main.set(LossOption::beta, 0.1);
    config.optimiser.learning_rate = 1e-5;
    config.optimiser.clip_norm = 1.0;
    config.schedule.kind = "constant";
    config.schedule.warmup_steps = 0;
    config.epochs = 1;
    config.batch_pairs = settings.batch_pairs;
    config.token_budget = settings.token_budget;
    config.precision = settings.precision;
    config.optimiser.moments = settings.moments;
    config.weights = settings.weights;
    config.activation_checkpointing = settings.activation_checkpointing;
    config.evaluate_every = 0;
    config.checkpoint_every = 0;
    return config;
}

/// Of tensors on the GPU, or of the process.
double peak_gib() {
    if (compute_device().is_cuda()) return static_cast<double>(peak_device_bytes()) / 0x1p30;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / (1024.0 * 1024.0);
}

std::int64_t tokens_of(const PreferenceRecord& record) {
    std::int64_t tokens = 0;
    for (const Candidate& rejected : record.rejected)
        tokens += static_cast<std::int64_t>(2 * record.info.prompt_ids.size() +
                                            record.chosen.answer.ids.size() + rejected.answer.ids.size());
    return tokens;
}

}  // namespace

/// Of the matrix products of one record, attention left out: every weight but the embedding over all rows,
/// the head over the rows that predict an answer; twice as much again in backward. 1e12.
double training_tflop(const PreferenceRecord& record, const ModelConfig& model) {
    const double d = static_cast<double>(model.hidden_size),
                 kv = static_cast<double>(model.num_kv_heads * model.head_dim),
                 q = static_cast<double>(model.num_heads * model.head_dim);
    const double layer = d * (q + 2 * kv) + q * d + 3 * d * static_cast<double>(model.intermediate_size);
    double scored = static_cast<double>(record.chosen.answer.ids.size());
    for (const Candidate& rejected : record.rejected)
        scored += static_cast<double>(rejected.answer.ids.size());
    const double rows = scored + static_cast<double>(record.info.prompt_ids.size());
    return 6e-12 * (layer * static_cast<double>(model.num_layers) * rows +
                    d * static_cast<double>(model.vocab_size) * scored);
}

double peak_tflops(const std::string& precision) {
    const at::NoGradGuard no_grad;
    const auto options =
        at::TensorOptions(compute_device()).dtype(precision == "bf16" ? at::kBFloat16 : at::kFloat);
    const std::int64_t size = compute_device().is_cuda() ? 8192 : 2048;
    const at::Tensor a = at::rand({size, size}, options), b = at::rand({size, size}, options);
    const double operations = 2e-12 * std::pow(static_cast<double>(size), 3);
    double best = 0;
    for (int i = 0; i < 5; ++i) {
        wait_for_device();
        const auto start = std::chrono::steady_clock::now();
        at::matmul(a, b);
        wait_for_device();
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        best = std::max(best, operations / seconds);
    }
    return best;
}

TrainBenchmark parse_train_benchmark(const std::string& text) {
    TrainBenchmark settings;
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    LINVOX_REQUIRE(json.is_object(), UserError, "train: the settings must be a JSON object, got {}", text);
    for (const auto& [name, value] : json.items()) {
        if (name == "precision")
            settings.precision = value;
        else if (name == "moments")
            settings.moments = value;
        else if (name == "weights")
            settings.weights = value;
        else if (name == "device")
            settings.device = value;
        else if (name == "batch_pairs")
            settings.batch_pairs = value;
        else if (name == "steps")
            settings.steps = value;
        else if (name == "token_budget")
            settings.token_budget = value;
        else if (name == "activation_checkpointing")
            settings.activation_checkpointing = value;
        else
            throw UserError(fmt::format("train: no setting '{}'", name));
    }
    return settings;
}

int train_benchmark(const std::filesystem::path& folder, const TrainBenchmark& settings) {
    configure_device(settings.device);
    const AlignConfig config = benchmark_config(settings);
    const std::string precision = resolved_precision(settings.precision);
    const double peak = peak_tflops(precision);
    Decoder policy = load_model_directory(folder / "model");
    AlignData data;
    data.train = read_workload_pairs(folder);
    const auto pairs_a_record = static_cast<std::int64_t>(data.train.at(0).rejected.size());
    data.train.resize(std::min(
        data.train.size(), static_cast<std::size_t>(settings.steps * settings.batch_pairs / pairs_a_record)));
    data.softmax.end = policy.config.vocab_size;
    std::vector<SequenceGroup> groups;
    for (const PreferenceRecord& record : data.train) groups.push_back(preference_group(record));
    const ScoreConfig score = align_score_config(config, data.softmax);
    data.reference = score_reference(policy, groups, score, config.token_budget, ReferenceDetail::sums);
    const auto order = plan_steps(make_pair_set(data.train, data.reference), config, 0);
    write_json(folder / "order.json", order);

    std::vector<double> seconds, losses;
    auto last = std::chrono::steady_clock::now();
    Observer observer;
    observer.on_step = [&](const StepReport& report) {
        wait_for_device();
        const auto now = std::chrono::steady_clock::now();
        seconds.push_back(std::chrono::duration<double>(now - last).count());
        losses.push_back(report.values.at("loss"));
        last = now;
    };
    const TrainRun run{{}, false, [&](std::int64_t) {
                           reset_peak_device_bytes();  // the process's own cannot be
                           last = std::chrono::steady_clock::now();
                           return std::vector<Observer>{observer};
                       }};
    train_align(policy, data, config, run);

    std::vector<double> tflop;
    std::vector<std::int64_t> pairs, tokens;  // tokens as a trainer that repeats the prompt counts them
    for (const auto& step : order) {
        pairs.push_back(static_cast<std::int64_t>(step.size()) * pairs_a_record);
        tokens.push_back(0);
        tflop.push_back(0);
        for (const std::size_t member : step) {
            tokens.back() += tokens_of(data.train[member]);
            tflop.back() += training_tflop(data.train[member], policy.config);
        }
    }
    fmt::print("{}\n", nlohmann::json{{"trainer", "linvox"},
                                      {"device", device_name()},
                                      {"precision", precision},
                                      {"batch_pairs", settings.batch_pairs},
                                      {"moments", settings.moments},
                                      {"weights", settings.weights},
                                      {"activation_checkpointing", settings.activation_checkpointing},
                                      {"token_budget", settings.token_budget},
                                      {"tflop", tflop},
                                      {"peak_tflops", peak},
                                      {"seconds", seconds},
                                      {"losses", losses},
                                      {"pairs", pairs},
                                      {"tokens", tokens},
                                      {"peak_gib", peak_gib()}}
                           .dump());
    return 0;
}

}  // namespace linvox
