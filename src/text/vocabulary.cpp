#include "src/text/vocabulary.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/jsonl.h"

namespace linvox {

namespace {

constexpr const char* kFormat = "linvox-vocabulary-1";

std::string require_unique(const std::vector<std::string>& units) {
    std::set<std::string> seen;
    for (const std::string& unit : units) {
        if (unit.empty()) return "an empty unit";
        if (!seen.insert(unit).second) return fmt::format("the unit '{}' twice", unit);
    }
    return "";
}

}  // namespace

std::int32_t Vocabulary::code_id(std::int32_t code) const {
    LINVOX_REQUIRE(code >= 0 && code < codec_size, DataError,
                   "the code {} is outside the codec's range [0, {}); were the codes made by another codec?",
                   code, codec_size);
    return codec_start() + code;
}

std::int32_t Vocabulary::unit_id(const std::string& unit) const {
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (units[i] == unit) return first_unit + static_cast<std::int32_t>(i);
    }
    throw DataError(
        fmt::format("the text unit '{}' is not among the {} units of the vocabulary ({}); add it to the "
                    "training text or correct the prompt",
                    unit, units.size(), unit_kind));
}

std::string Vocabulary::token_name(std::int32_t id) const {
    if (id == pad) return "PAD";
    if (id == bos) return "BOS";
    if (id == end) return "END";
    if (id == next()) return "NEXT";
    if (id == eos()) return "EOS";
    if (is_code(id)) return fmt::format("c{}", id - codec_start());
    if (id >= first_unit && id < next()) return units[static_cast<std::size_t>(id - first_unit)];
    return fmt::format("?{}", id);
}

void Vocabulary::save(const std::filesystem::path& path) const {
    const std::string problem = require_unique(units);
    LINVOX_ASSERT(problem.empty(), "a vocabulary with {} cannot be saved", problem);
    write_json(path, {{"format", kFormat},
                      {"unit_kind", unit_kind},
                      {"units", units},
                      {"codec_size", codec_size},
                      {"codec_digest", codec_digest}});
}

Vocabulary Vocabulary::load(const std::filesystem::path& path) {
    const nlohmann::json document = read_json(path);
    Vocabulary vocabulary;
    try {
        const auto format = document.at("format").get<std::string>();
        LINVOX_REQUIRE(format == kFormat, DataError, "{}: \"format\" must be \"{}\", not \"{}\"",
                       path.string(), kFormat, format);
        document.at("unit_kind").get_to(vocabulary.unit_kind);
        document.at("units").get_to(vocabulary.units);
        document.at("codec_size").get_to(vocabulary.codec_size);
        document.at("codec_digest").get_to(vocabulary.codec_digest);
    } catch (const nlohmann::json::exception& problem) {
        throw DataError(fmt::format("{}: not a vocabulary: {}", path.string(), problem.what()));
    }
    const std::string problem = require_unique(vocabulary.units);
    LINVOX_REQUIRE(problem.empty(), DataError, "{}: \"units\" holds {}", path.string(), problem);
    LINVOX_REQUIRE(vocabulary.codec_size > 0, DataError, "{}: \"codec_size\" must be above 0, not {}",
                   path.string(), vocabulary.codec_size);
    return vocabulary;
}

}  // namespace linvox
