// Foreign math data: JSON lines in GSM8K's form, {"question": ..., "answer": "worked steps\n#### 42"}.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace linvox {

struct MathRecord {
    std::string question, answer;  // without calculator annotations (<<48/2=24>>)
    std::size_t line = 0;
};

/// Other keys are passed over. DataError with file and line when a field is missing or empty, or when the
/// answer has no final value.
std::vector<MathRecord> read_math_records(const std::filesystem::path& path);

}  // namespace linvox
