#include "src/recipe/prepared.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/jsonl.h"

namespace linvox {
namespace {

constexpr std::array kRoleNames = {"train", "watch", "held_out"};

nlohmann::json to_json(const PreparedClip& clip) {
    nlohmann::json units = nlohmann::json::array(), variants = nlohmann::json::array();
    for (std::size_t i = 0; i < clip.units.size(); ++i)
        units.push_back({clip.units[i].unit, clip.units[i].begin, clip.units[i].end, clip.word_of_unit[i]});
    for (const CodedVariant& v : clip.variants)
        variants.push_back({{"stretch", v.stretch}, {"shift", v.shift}, {"codes", v.codes}});
    return {{"id", clip.id},       {"text", clip.text}, {"role", role_name(clip.role)},
            {"words", clip.words}, {"units", units},    {"variants", variants}};
}

PreparedClip from_json(const nlohmann::json& record) {
    PreparedClip clip;
    clip.id = record.at("id");
    clip.text = record.at("text");
    const std::string role = record.at("role");
    clip.role = static_cast<Role>(std::find(kRoleNames.begin(), kRoleNames.end(), role) - kRoleNames.begin());
    clip.words = record.at("words").get<std::vector<std::string>>();
    for (const auto& unit : record.at("units")) {
        clip.units.push_back({unit.at(0), unit.at(1), unit.at(2)});
        clip.word_of_unit.push_back(unit.at(3));
    }
    for (const auto& v : record.at("variants"))
        clip.variants.push_back(
            {v.at("stretch"), v.at("shift"), v.at("codes").get<std::vector<std::int32_t>>()});
    return clip;
}

}  // namespace

std::string role_name(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }

void write_prepared(const std::filesystem::path& path, const std::vector<PreparedClip>& clips) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    for (const PreparedClip& clip : clips) writer.write(to_json(clip));
    writer.close();
}

std::vector<PreparedClip> read_prepared(const std::filesystem::path& path) {
    std::vector<PreparedClip> clips;
    for_each_json_line(
        path, [&](const nlohmann::json& record, std::size_t) { clips.push_back(from_json(record)); });
    return clips;
}

std::vector<PreparedClip> with_role(const std::vector<PreparedClip>& clips, Role role) {
    std::vector<PreparedClip> chosen;
    for (const PreparedClip& clip : clips)
        if (clip.role == role) chosen.push_back(clip);
    return chosen;
}

std::vector<std::string> unit_names(const std::vector<AlignedUnit>& units) {
    std::vector<std::string> names;
    for (const AlignedUnit& unit : units) names.push_back(unit.unit);
    return names;
}

std::vector<AlignedUnit> rescale_units(const std::vector<AlignedUnit>& units, std::int32_t from_count,
                                       std::int32_t to_count) {
    const auto count = static_cast<std::int32_t>(units.size());
    if (count > to_count || from_count <= 0) return {};
    std::vector<AlignedUnit> scaled = units;
    std::int32_t begin = 0;
    for (std::int32_t i = 0; i < count; ++i) {
        const double exact =
            static_cast<double>(units[static_cast<std::size_t>(i)].end) * to_count / from_count;
        const std::int32_t latest = to_count - (count - 1 - i);  // leaves one code for every later unit
        AlignedUnit& unit = scaled[static_cast<std::size_t>(i)];
        unit.begin = begin;
        unit.end = i + 1 == count
                       ? to_count
                       : std::clamp(static_cast<std::int32_t>(std::lround(exact)), begin + 1, latest);
        begin = unit.end;
    }
    return scaled;
}

LaidOut lay_out(const Vocabulary& vocabulary, const std::string& layout,
                const std::vector<AlignedUnit>& units, const std::vector<std::int32_t>& codes) {
    if (layout == "aligned") return lay_out_aligned(vocabulary, units, codes);
    return lay_out_plain(vocabulary, unit_names(units), codes);
}

GenerationPlan make_plan(const Vocabulary& vocabulary, const std::string& layout,
                         const std::vector<AlignedUnit>& units) {
    const std::vector<std::string> names = unit_names(units);
    return layout == "aligned" ? plan_aligned(vocabulary, names) : plan_plain(vocabulary, names);
}

SequenceGroup to_group(const std::string& id, LaidOut laid_out) {
    SequenceGroup group{id, std::move(laid_out.prompt_ids), {}};
    group.answers.push_back(std::move(laid_out.answer));
    return group;
}

}  // namespace linvox
