#include "src/recipe/evaluation.h"

#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"

namespace linvox {

void write_evaluated(const std::filesystem::path& path, const std::vector<EvaluatedAnswer>& answers) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    for (const EvaluatedAnswer& answer : answers) {
        nlohmann::json values = nlohmann::json::object();
        for (const auto& [id, v] : answer.values)
            values[id] = {{"sum", v.sum}, {"count", v.count}, {"reason", v.reason}, {"extra", v.extra}};
        writer.write({{"system", answer.system},
                      {"item", answer.item},
                      {"transcript", answer.transcript},
                      {"values", values}});
    }
    writer.close();
}

std::vector<EvaluatedAnswer> read_evaluated(const std::filesystem::path& path) {
    std::vector<EvaluatedAnswer> answers;
    for_each_json_line(path, [&](const nlohmann::json& record, std::size_t) {
        EvaluatedAnswer answer{record.at("system"), record.at("item"), record.at("transcript"), {}};
        for (const auto& [id, v] : record.at("values").items())
            answer.values[id] = {v.at("sum"), v.at("count"), v.at("reason"),
                                 v.at("extra").get<std::map<std::string, double>>()};
        answers.push_back(std::move(answer));
    });
    return answers;
}

}  // namespace linvox
