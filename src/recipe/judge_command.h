// A judge that is a program: requests go in as JSON lines, verdicts come out a line each.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace linvox {

struct JudgeRequest {
    std::string id, prompt, a, b, preferred;
};

/// The share of `a` that a line of the program says: 1 for a, 0 for b, 1/2 for tie; bare, in any case, or as
/// {"verdict": ...}. DataError for anything else, and for an "id" that is not `id`.
double read_verdict(const std::string& line, const std::string& id);

/// Verdicts in the order of the requests. In `folder`: ask.jsonl, answers.txt and stderr.txt of the last
/// call, and verdicts.jsonl with all that was ever answered, which is not asked again; equal
/// requests are asked once. DataError naming command and line when it fails, takes too long, gives too few or
/// too many lines or one that is no verdict; what came before is kept.
std::vector<double> ask_command(const std::string& command, const std::vector<JudgeRequest>& requests,
                                const std::filesystem::path& folder, double timeout_s);

}  // namespace linvox
