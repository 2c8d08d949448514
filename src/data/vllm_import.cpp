#include "src/data/vllm_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/data/record_fields.h"

namespace linvox {
namespace {

using nlohmann::json;

std::string request_id(const json& line, std::size_t number) {
    for (const char* key : {"id", "request_id"})
        if (line.contains(key) && !line[key].is_null())
            return line[key].is_string() ? line[key].get<std::string>() : line[key].dump();
    return fmt::format("line-{}", number);
}

Finish finish_of(const json& output) {
    const std::string reason = string_field(output, "finish_reason");
    if (reason == "stop") return Finish::stop;
    return reason == "length" ? Finish::length : Finish::error;
}

void settle_end(Candidate& candidate, const json& output, const VllmImport& rules) {
    if (candidate.finish != Finish::stop || rules.stop_ids.empty()) return;
    const auto is_stop = [&](std::int32_t id) {
        return std::find(rules.stop_ids.begin(), rules.stop_ids.end(), id) != rules.stop_ids.end();
    };
    std::int32_t stop = rules.stop_ids.front();
    if (output.contains("stop_reason") && output["stop_reason"].is_number_integer())
        stop = output["stop_reason"].get<std::int32_t>();
    if (!is_stop(candidate.answer.ids.back())) candidate.answer.ids.push_back(stop);
    candidate.stop_id = candidate.answer.ids.back();
}

/// The sampled tokens' log-probabilities out of "logprobs": at each place {"ID": {"logprob": -1.2, ..}, ..},
/// or a number. Empty where a token's own is not there: vLLM was not asked for them.
std::vector<float> token_logprobs_of(const json& output, const std::vector<std::int32_t>& ids) {
    const auto list = output.find("logprobs");
    if (list == output.end() || !list->is_array() || list->size() != ids.size()) return {};
    std::vector<float> values;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const json& place = (*list)[i];
        const auto found = place.is_object() ? place.find(std::to_string(ids[i])) : place.end();
        if (found == place.end()) return {};
        const json& value = found->is_object() && found->contains("logprob") ? (*found)["logprob"] : *found;
        if (!value.is_number()) return {};
        values.push_back(value.get<float>());
    }
    return values;
}

Candidate candidate_of(const json& output, const std::string& name, const RecordHeader& header,
                       const VllmImport& rules) {
    Candidate candidate;
    LINVOX_REQUIRE(output.is_object() && output.contains("token_ids"), DataError,
                   "{} has no \"token_ids\"; dump them beside the text", name);
    candidate.answer.ids = parse_ids(output["token_ids"], name + ".token_ids", header);
    candidate.finish = finish_of(output);
    if (output.contains("cumulative_logprob") && !output["cumulative_logprob"].is_null())
        candidate.meta["logprob_sum"] = number_field(output, "cumulative_logprob", 0.0);
    candidate.token_logprobs = token_logprobs_of(output, candidate.answer.ids);
    if (!candidate.answer.ids.empty()) settle_end(candidate, output, rules);
    // The stop id that was left out has none.
    if (candidate.token_logprobs.size() != candidate.answer.ids.size()) candidate.token_logprobs.clear();
    return candidate;
}

}  // namespace

CandidateFile import_vllm(const std::filesystem::path& path, const VllmImport& rules) {
    CandidateFile file;
    file.header = {"candidates", rules.vocab_size, rules.stop_ids, {{"source", "vllm"}}};
    file.has_header = true;
    std::set<std::string> ids;
    for_each_json_line(path, [&](const json& line, std::size_t number) {
        CandidateRecord record;
        record.info.id = request_id(line, number);
        LINVOX_REQUIRE(ids.insert(record.info.id).second, DataError, "the id '{}' stands twice",
                       record.info.id);
        record.info.text = string_field(line, "prompt");
        record.info.prompt_ids =
            parse_ids(require_field(line, "prompt_token_ids"), "prompt_token_ids", file.header);
        const json& outputs = require_field(line, "outputs");
        LINVOX_REQUIRE(outputs.is_array(), DataError, "\"outputs\" must be a list, found {}",
                       outputs.type_name());
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            Candidate candidate = candidate_of(outputs[i], fmt::format("outputs[{}]", i), file.header, rules);
            // An empty answer is none: nothing of it can be scored or preferred.
            if (!candidate.answer.ids.empty()) record.candidates.push_back(std::move(candidate));
        }
        if (!record.candidates.empty()) file.records.push_back(std::move(record));
    });
    LINVOX_REQUIRE(!file.records.empty(), DataError, "{}: holds no answer", path.string());
    return file;
}

}  // namespace linvox
