// linvox_bench [NAME-PART]: times the benchmarks whose name contains NAME-PART, prints one line each
// and keeps the rounds in bench/results/.
// linvox_bench score DIR RECORDS [auto|cpu|cuda],
// linvox_bench generate DIR ROWS TOKENS [f32|bf16 [ROUNDS]] [auto|cpu|cuda],
// linvox_bench workload T|T2|T4|V|C RECORDS DIR, linvox_bench train DIR SETTINGS: see workload.h,
// compare_trl.py and compare_llama.py.
#include "bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bench/workload.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/parallel.h"
#include "src/base/text.h"
#include "src/model/device.h"
#include "src/model/torch_compat.h"

namespace linvox {
namespace {

double seconds_of(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Linear between neighbours; `values` sorted.
double quantile(const std::vector<double>& values, double q) {
    const double at = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

std::string output_of(const std::string& command) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string text;
    std::array<char, 256> block{};
    while (pipe && std::fgets(block.data(), block.size(), pipe.get())) text += block.data();
    return trim(text);
}

std::string processor_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.starts_with("model name")) return trim(line.substr(line.find(':') + 1));
    }
    return "unknown";
}

}  // namespace

Measurement measure(const Benchmark& benchmark, double budget_s) {
    const std::function<void()> round = benchmark.prepare();
    round();
    Measurement result{benchmark.name, benchmark.size, {}};
    for (double spent = 0; result.seconds.size() < 5 || (spent < budget_s && result.seconds.size() < 1000);) {
        result.seconds.push_back(seconds_of(round));
        spent += result.seconds.back();
    }
    std::vector<double> sorted = result.seconds;
    std::sort(sorted.begin(), sorted.end());
    result.median_s = quantile(sorted, 0.5);
    result.spread = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / result.median_s;
    return result;
}

Machine this_machine() {
    const std::string git = "git -C '" LINVOX_SOURCE_DIR "' ";
    std::string commit = output_of(git + "rev-parse --short HEAD 2>/dev/null");
    const bool changed = !output_of(git + "status --porcelain --untracked-files=no 2>/dev/null").empty();
    if (commit.empty()) commit = "unknown";
    return {processor_name(), "gcc " __VERSION__, changed ? commit + "+" : commit, core_count()};
}

std::filesystem::path keep(const std::vector<Measurement>& measurements,
                           const std::filesystem::path& folder) {
    const Machine machine = this_machine();
    nlohmann::json document = {{"processor", machine.processor},
                               {"cores", machine.cores},
                               {"compiler", machine.compiler},
                               {"commit", machine.commit}};
    for (const Measurement& m : measurements) {
        document["benchmarks"].push_back({{"name", m.name},
                                          {"size", m.size},
                                          {"median_s", m.median_s},
                                          {"spread", m.spread},
                                          {"seconds", m.seconds}});
    }
    ensure_directory(folder);
    const auto file = folder / (machine.commit + ".json");
    write_json(file, document);
    return file;
}

}  // namespace linvox

namespace linvox {
namespace {

int time_all(const std::string& wanted) {
    std::vector<Measurement> measurements;
    fmt::print("{:<24} {:<36} {:>12} {:>8} {:>7}\n", "benchmark", "size", "median", "spread", "rounds");
    for (const Benchmark& benchmark : all_benchmarks()) {
        if (benchmark.name.find(wanted) == std::string::npos) continue;
        const Measurement m = measurements.emplace_back(measure(benchmark, 1.0));
        fmt::print("{:<24} {:<36} {:>9.3f} ms {:>6.1f} % {:>7}\n", m.name, m.size, m.median_s * 1e3,
                   m.spread * 100, m.seconds.size());
        std::fflush(stdout);
    }
    if (measurements.empty()) {
        fmt::print(stderr, "no benchmark has '{}' in its name\n", wanted);
        return 2;
    }
    fmt::print("commit {}; rounds in {}\n", this_machine().commit,
               keep(measurements, LINVOX_SOURCE_DIR "/bench/results").string());
    return 0;
}

/// Commands that run a model take its device as their last word.
void take_device(std::vector<std::string>& words) {
    if (words.empty() || (words[0] != "score" && words[0] != "generate")) return;
    const std::vector<std::string>& choices = device_choices();
    if (std::find(choices.begin(), choices.end(), words.back()) == choices.end()) return;
    configure_device(words.back());
    words.pop_back();
}

int run_command(std::vector<std::string> words) {
    take_device(words);
    if (words.size() == 4 && words[0] == "workload") {
        write_workload(words[1], std::stoll(words[2]), words[3]);
        return 0;
    }
    if (words.size() == 3 && words[0] == "train") {
        configure_threads(0);
        return train_benchmark(words[1], parse_train_benchmark(words[2]));
    }
    if (words.size() == 3 && words[0] == "score") {
        configure_threads(0);
        return score_benchmark(words[1], std::stoll(words[2]));
    }
    if (words.size() >= 4 && words.size() <= 6 && words[0] == "generate") {
        configure_threads(0);
        GenerateBenchmark settings{std::stoll(words[2]), std::stoll(words[3])};
        if (words.size() > 4) settings.precision = words[4];
        if (words.size() > 5) settings.rounds = std::stoll(words[5]);
        return generate_benchmark(words[1], settings);
    }
    return time_all(words.empty() ? "" : words[0]);
}

}  // namespace
}  // namespace linvox

int main(int argc, char** argv) {
    try {
        return linvox::run_command({argv + 1, argv + argc});
    } catch (const linvox::UserError& error) {
        fmt::print(stderr, "linvox_bench: {}\n", error.what());
        return 2;
    }
}
