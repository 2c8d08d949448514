#include "src/data/math_records.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"
#include "src/data/record_fields.h"
#include "src/text/math_answer.h"

namespace linvox {
namespace {

std::string without_annotations(std::string text) {
    for (std::size_t begin; (begin = text.find("<<")) != std::string::npos;) {
        const std::size_t end = text.find(">>", begin);
        if (end == std::string::npos) break;
        text.erase(begin, end + 2 - begin);
    }
    return text;
}

}  // namespace

std::vector<MathRecord> read_math_records(const std::filesystem::path& path) {
    std::vector<MathRecord> records;
    for_each_json_line(path, [&](const nlohmann::json& object, std::size_t line) {
        MathRecord record{trim(string_field(object, "question")),
                          trim(without_annotations(string_field(object, "answer"))), line};
        LINVOX_REQUIRE(!record.question.empty(), DataError, "\"question\" is missing or empty");
        LINVOX_REQUIRE(!record.answer.empty(), DataError, "\"answer\" is missing or empty");
        LINVOX_REQUIRE(
            record.answer.find("####") != std::string::npos || last_boxed(record.answer), DataError,
            "\"answer\" has neither '#### value' nor \\boxed{{value}}; the last line must give the result");
        gold_answer(record.answer);
        records.push_back(std::move(record));
    });
    LINVOX_REQUIRE(!records.empty(), DataError, "{}: holds no problem", path.string());
    return records;
}

}  // namespace linvox
