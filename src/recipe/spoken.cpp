#include "src/recipe/spoken.h"

#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"

namespace linvox {

void write_spoken(const std::filesystem::path& path, const std::vector<Spoken>& answers) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    for (const Spoken& s : answers)
        writer.write({{"system", s.system},
                      {"item", s.item},
                      {"clip", s.clip},
                      {"text", s.text},
                      {"codes", s.codes},
                      {"finish", s.finish},
                      {"capped_units", s.capped_units},
                      {"wave", s.wave.string()}});
    writer.close();
}

std::vector<Spoken> read_spoken(const std::filesystem::path& path) {
    std::vector<Spoken> answers;
    for_each_json_line(path, [&](const nlohmann::json& record, std::size_t) {
        answers.push_back({record.at("system"), record.at("item"), record.at("clip"), record.at("text"),
                           record.at("codes").get<std::vector<std::int32_t>>(), record.at("finish"),
                           record.at("capped_units"), record.at("wave").get<std::string>()});
    });
    return answers;
}

}  // namespace linvox
