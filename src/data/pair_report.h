// What became of the candidates, in numbers: kept, dropped and why, length bias, score gaps.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "src/data/pairs.h"

namespace linvox {

/// The report as JSON. Keys: rule, prompts {read, with_pairs, without: {rule: {count, examples}}}, candidates
/// {read, eligible, set_aside}, pairs {proposed, kept,
/// perturbed, dropped}, length {chosen, rejected: {mean, median}, ratio,
/// chosen_longer, correlation_with_gap}, balance {property: {mean, standard_error, what, balanced, before:
/// {mean, standard_error}}}, score_gap {metric: {mean, quantiles, correlation_with_length}},
/// finish, source, language, speaker, task, why, duplicates, warnings [text]. Undefined numbers are null.
nlohmann::json pair_report(const PairResult& result, const PairConfig& config);

/// The same for a terminal or a text file.
std::string pair_report_text(const nlohmann::json& report);

/// Writes pair_report.json and pair_report.txt into `directory`.
void write_pair_report(const std::filesystem::path& directory, const nlohmann::json& report);

}  // namespace linvox
