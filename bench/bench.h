// The bench harness: what a benchmark is, how it is timed and how it is kept. Not a test: it asserts
// nothing and runs on request only.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace linvox {

/// One thing to time. `prepare` builds the inputs, untimed, and returns the work of one round.
struct Benchmark {
    std::string name;  // "dtw_cost"
    std::string size;  // "400 x 400 x 24": what one round handles
    std::function<std::function<void()>()> prepare;
};

/// Seconds of each round, in order, after one round that is not counted.
struct Measurement {
    std::string name, size;
    std::vector<double> seconds;
    double median_s = 0;
    double spread = 0;  // distance of the quartiles over the median
};

/// Rounds until `budget_s` has gone by, at least 5 and at most 1000.
Measurement measure(const Benchmark& benchmark, double budget_s);

/// Every benchmark, from cheap to dear.
std::vector<Benchmark> all_benchmarks();

/// Where and what was measured: processor, cores, compiler, commit ("+" behind it: uncommitted changes).
struct Machine {
    std::string processor, compiler, commit;
    int cores = 0;
};
Machine this_machine();

/// Writes all rounds to `folder`/<commit>.json, beside the machine. Returns the file.
std::filesystem::path keep(const std::vector<Measurement>& measurements, const std::filesystem::path& folder);

}  // namespace linvox
