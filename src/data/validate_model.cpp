// find_pad_is_end() of validate.h: what a model's directory says of padding and ends.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"
#include "src/data/validate.h"

namespace linvox {
namespace {

using nlohmann::json;

/// A file of the directory, or an empty object.
json optional_json(const std::filesystem::path& file) {
    return std::filesystem::is_regular_file(file) ? read_json(file) : json::object();
}

/// The values of a field that holds one or a list; tokens may be objects with "content".
std::vector<json> values_of_field(const json& object, const char* name) {
    const auto field = object.find(name);
    if (field == object.end() || field->is_null()) return {};
    std::vector<json> values =
        field->is_array() ? field->get<std::vector<json>>() : std::vector<json>{*field};
    for (json& value : values)
        if (value.is_object()) value = value.value("content", "");
    return values;
}

}  // namespace

void find_pad_is_end(ValidationReport& report, const std::filesystem::path& model) {
    const auto look = [&](const char* file, const char* pad, const char* end) {
        const json object = optional_json(model / file);
        const std::vector<json> ends = values_of_field(object, end);
        for (const json& value : values_of_field(object, pad))
            if (std::find(ends.begin(), ends.end(), value) != ends.end())
                report.findings.push_back(
                    {"pad-is-end", 0, fmt::format("{}: {} and {} are {}", file, pad, end, value.dump())});
    };
    for (const char* file : {"config.json", "generation_config.json"})
        look(file, "pad_token_id", "eos_token_id");
    look("tokenizer_config.json", "pad_token", "eos_token");
}

}  // namespace linvox
