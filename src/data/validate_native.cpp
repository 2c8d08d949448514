#include "src/data/validate_native.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/data/records.h"

namespace linvox {
namespace {

/// A reader's message: "FILE:LINE: what", or without a line.
Finding finding_of(const std::filesystem::path& path, std::string message) {
    const std::string start = path.string() + ":";
    std::size_t line = 0;
    if (message.starts_with(start)) {
        message.erase(0, start.size());
        const std::size_t end = message.find(':');
        line = std::strtoull(message.c_str(), nullptr, 10);
        if (end != std::string::npos && line > 0) message = trim(message.substr(end + 1));
    }
    return {"schema", line, message};
}

/// Candidates that were all cut make no pair: the sampler's limit was too low.
void look_at_candidates(ValidationReport& report, const CandidateFile& file) {
    std::int64_t cut = 0;
    for (const CandidateRecord& record : file.records)
        cut += std::all_of(record.candidates.begin(), record.candidates.end(),
                           [](const Candidate& c) { return c.finish == Finish::length; });
    if (cut > 0)
        report.findings.push_back(
            {"cut-candidates", 0, fmt::format("{} of {} prompts have no other", cut, file.records.size())});
}

}  // namespace

ValidationReport validate_native(const std::filesystem::path& path, const std::string& kind) {
    ValidationReport report;
    report.form = "linvox " + kind;
    try {
        if (kind == "candidates") {
            const CandidateFile file = read_candidates(path);
            report.records = static_cast<std::int64_t>(file.records.size());
            look_at_candidates(report, file);
        } else if (kind == "sft") {
            report.records = static_cast<std::int64_t>(read_sft_examples(path).records.size());
        } else {
            report.records = static_cast<std::int64_t>(read_preferences(path).records.size());
        }
    } catch (const DataError& error) {
        for (const std::string& line : split(error.what(), '\n'))
            report.findings.push_back(finding_of(path, line));
    }
    return report;
}

}  // namespace linvox
