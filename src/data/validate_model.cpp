// find_pad_is_end() and model_rules() of validate.h: what a model's directory says of padding, ends and ids.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"
#include "src/data/validate.h"
#include "src/model/model_directory.h"
#include "src/text/codec_range.h"
#include "src/text/tokenizer.h"

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

ModelRules model_rules(const std::filesystem::path& model) {
    ModelRules rules;
    const auto add = [](std::vector<std::int32_t>& ids, std::int64_t id) {
        const auto small = static_cast<std::int32_t>(id);
        if (id >= 0 && std::find(ids.begin(), ids.end(), small) == ids.end()) ids.push_back(small);
    };
    if (std::filesystem::is_regular_file(model / "config.json")) {
        const ModelConfig config = read_model_config(model);
        rules.vocab_size = config.vocab_size;
        rules.max_positions = config.max_position_embeddings;
        for (const auto id : config.eos_token_ids) add(rules.end_ids, id);
    }
    const Tokenizer tokenizer = load_tokenizer(model);
    if (rules.vocab_size == 0) rules.vocab_size = tokenizer.size();
    add(rules.begin_ids, tokenizer.special_ids().bos);
    // What stands around an empty text begins one, but for an end that a few tokenizers add.
    const std::vector<std::int32_t> around = tokenizer.encode("", /*add_special=*/true);
    if (!around.empty() && around.front() != tokenizer.special_ids().eos)
        add(rules.begin_ids, around.front());
    add(rules.end_ids, tokenizer.special_ids().eos);
    for (const CodecRange& range : find_codec_ranges(tokenizer).ranges)
        for (const std::int32_t id : range.stop_ids) add(rules.end_ids, id);
    return rules;
}

}  // namespace linvox
