// The `train` command of linvox_bench: preference training as a recipe runs it, timed from step to step.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "bench/workload.h"
#include "src/base/jsonl.h"
#include "src/model/model_directory.h"
#include "src/train/align.h"
#include "src/train/align_plan.h"

namespace linvox {
namespace {

AlignConfig benchmark_config(const std::string& precision, std::int64_t batch_pairs) {
    AlignConfig config;
    config.loss.main.kind = "sigmoid";
    config.loss.main.normalise = "sum";
    config.loss.main.set(LossOption::beta, 0.1);
    config.optimiser.learning_rate = 1e-5;
    config.optimiser.clip_norm = 1.0;
    config.schedule.kind = "constant";
    config.schedule.warmup_steps = 0;
    config.epochs = 1;
    config.batch_pairs = batch_pairs;
    config.precision = precision;
    config.evaluate_every = 0;
    config.checkpoint_every = 0;
    return config;
}

double peak_gib() {
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

int train_benchmark(const std::filesystem::path& folder, const std::string& precision,
                    std::int64_t batch_pairs, std::int64_t steps) {
    const AlignConfig config = benchmark_config(precision, batch_pairs);
    Decoder policy = load_model_directory(folder / "model");
    AlignData data;
    data.train = read_workload_pairs(folder);
    const auto pairs_a_record = static_cast<std::int64_t>(data.train.at(0).rejected.size());
    data.train.resize(
        std::min(data.train.size(), static_cast<std::size_t>(steps * batch_pairs / pairs_a_record)));
    data.vocab_end = policy.config.vocab_size;
    std::vector<SequenceGroup> groups;
    for (const PreferenceRecord& record : data.train) groups.push_back(preference_group(record));
    const ScoreConfig score = align_score_config(config, 0, data.vocab_end);
    data.reference = score_reference(policy, groups, score, config.token_budget, ReferenceDetail::sums);
    const auto order = plan_steps(make_pair_set(data.train, data.reference), config, 0);
    write_json(folder / "order.json", order);

    std::vector<double> seconds, losses;
    auto last = std::chrono::steady_clock::now();
    Observer observer;
    observer.on_step = [&](const StepReport& report) {
        const auto now = std::chrono::steady_clock::now();
        seconds.push_back(std::chrono::duration<double>(now - last).count());
        losses.push_back(report.values.at("loss"));
        last = now;
    };
    const TrainRun run{{}, false, [&](std::int64_t) {
                           last = std::chrono::steady_clock::now();
                           return std::vector<Observer>{observer};
                       }};
    train_align(policy, data, config, run);

    std::vector<std::int64_t> pairs, tokens;  // tokens as a trainer that repeats the prompt counts them
    for (const auto& step : order) {
        pairs.push_back(static_cast<std::int64_t>(step.size()) * pairs_a_record);
        tokens.push_back(0);
        for (const std::size_t member : step) tokens.back() += tokens_of(data.train[member]);
    }
    fmt::print("{}\n", nlohmann::json{{"trainer", "linvox"},
                                      {"precision", precision},
                                      {"batch_pairs", batch_pairs},
                                      {"seconds", seconds},
                                      {"losses", losses},
                                      {"pairs", pairs},
                                      {"tokens", tokens},
                                      {"peak_gib", peak_gib()}}
                           .dump());
    return 0;
}

}  // namespace linvox
