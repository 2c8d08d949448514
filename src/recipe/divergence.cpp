#include "src/recipe/divergence.h"

#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"

namespace linvox {

void write_divergences(const std::filesystem::path& path, const std::vector<Divergence>& divergences) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    for (const Divergence& d : divergences)
        writer.write(
            {{"system", d.system}, {"item", d.item}, {"log_ratio", d.log_ratio}, {"tokens", d.tokens}});
    writer.close();
}

std::vector<Divergence> read_divergences(const std::filesystem::path& path) {
    std::vector<Divergence> divergences;
    for_each_json_line(path, [&](const nlohmann::json& line, std::size_t) {
        divergences.push_back({line.at("system"), line.at("item"), line.at("log_ratio"), line.at("tokens")});
    });
    return divergences;
}

}  // namespace linvox
