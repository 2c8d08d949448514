#include "src/text/alignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/jsonl.h"

namespace linvox {

namespace {

bool is_silence(const TimedUnit& unit) { return unit.unit == kSilenceUnit; }

/// Every unit at least one frame long, by moving the boundaries that leave none as little as needed: forwards
/// first, then back from the end.
void spread(std::vector<AlignedUnit>& units, std::int32_t frame_count) {
    const auto count = static_cast<std::int32_t>(units.size());
    for (std::int32_t i = 0; i < count; ++i) {
        AlignedUnit& unit = units[static_cast<std::size_t>(i)];
        if (i > 0) unit.begin = units[static_cast<std::size_t>(i) - 1].end;
        unit.end = std::max(unit.end, unit.begin + 1);
    }
    std::int32_t limit = frame_count;
    for (std::int32_t i = count - 1; i >= 0; --i) {
        AlignedUnit& unit = units[static_cast<std::size_t>(i)];
        unit.end = i + 1 == count ? frame_count : std::min(unit.end, limit);
        unit.begin = std::min(unit.begin, unit.end - 1);
        limit = unit.begin;
    }
}

}  // namespace

TrimPoints speech_bounds(std::span<const TimedUnit> units, double duration_s, double margin_s) {
    TrimPoints bounds;
    bool found = false;
    for (const TimedUnit& unit : units) {
        if (is_silence(unit)) continue;
        if (!found) bounds.start_s = std::clamp(unit.start_s - margin_s, 0.0, duration_s);
        bounds.end_s = std::clamp(unit.end_s + margin_s, 0.0, duration_s);
        found = true;
    }
    return bounds;
}

std::vector<TimedUnit> trim_units(std::span<const TimedUnit> units, const TrimPoints& trim) {
    std::vector<TimedUnit> out;
    for (const TimedUnit& unit : units) {
        const double start = std::max(unit.start_s, trim.start_s), end = std::min(unit.end_s, trim.end_s);
        if (end <= start) continue;
        out.push_back({unit.unit, start - trim.start_s, end - trim.start_s, unit.word});
    }
    return out;
}

FramedUnits units_to_frames(std::span<const TimedUnit> units, double frame_rate, std::int32_t frame_count,
                            std::int32_t longest_unit) {
    FramedUnits out;
    for (const TimedUnit& unit : units) {
        if (is_silence(unit)) continue;
        const auto begin = static_cast<std::int32_t>(std::lround(unit.start_s * frame_rate));
        if (!out.units.empty()) out.units.back().end = begin;  // takes the silence behind it
        out.units.push_back({unit.unit, begin, begin});
        out.word.push_back(unit.word);
    }
    const auto fail = [&](std::string why) { return FramedUnits{{}, {}, std::move(why)}; };
    if (out.units.empty()) return fail("no unit but silence");
    if (out.units.size() > static_cast<std::size_t>(std::max(frame_count, 0))) {
        return fail(
            fmt::format("{} units in {} frames: not every unit gets one", out.units.size(), frame_count));
    }
    out.units.front().begin = 0;
    out.units.back().end = frame_count;
    spread(out.units, frame_count);
    for (const AlignedUnit& unit : out.units) {
        if (longest_unit <= 0 || unit.end - unit.begin <= longest_unit) continue;
        return fail(fmt::format(
            "'{}' at frame {} takes {} frames, more than {}: a long pause, or text and sound differ",
            unit.unit, unit.begin, unit.end - unit.begin, longest_unit));
    }
    return out;
}

std::map<std::string, std::vector<TimedUnit>> read_alignments(const std::filesystem::path& path) {
    std::map<std::string, std::vector<TimedUnit>> out;
    for_each_json_line(path, [&](const nlohmann::json& row, std::size_t) {
        TimedUnit unit;
        std::string id;
        try {
            row.at("id").get_to(id);
            row.at("unit").get_to(unit.unit);
            row.at("start").get_to(unit.start_s);
            row.at("end").get_to(unit.end_s);
            unit.word = row.value("word", std::int32_t{-1});
        } catch (const nlohmann::json::exception& problem) {
            throw DataError(
                fmt::format("an alignment row needs id, unit, start and end: {}", problem.what()));
        }
        if (unit.unit.empty() || unit.unit == "sil" || unit.unit == "sp") unit.unit = kSilenceUnit;
        LINVOX_REQUIRE(unit.start_s >= 0 && unit.end_s > unit.start_s, DataError,
                       "unit '{}' of '{}' runs from {} s to {} s; the end must lie after the start",
                       unit.unit, id, unit.start_s, unit.end_s);
        std::vector<TimedUnit>& units = out[id];
        constexpr double rounding = 1e-6;
        LINVOX_REQUIRE(units.empty() || unit.start_s >= units.back().end_s - rounding, DataError,
                       "unit '{}' of '{}' starts at {} s, before the unit ahead of it ends ({} s)", unit.unit,
                       id, unit.start_s, units.back().end_s);
        units.push_back(std::move(unit));
    });
    return out;
}

void write_alignments(const std::filesystem::path& path,
                      const std::map<std::string, std::vector<TimedUnit>>& alignments) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    for (const auto& [id, units] : alignments) {
        for (const TimedUnit& unit : units) {
            writer.write({{"id", id},
                          {"unit", unit.unit},
                          {"start", unit.start_s},
                          {"end", unit.end_s},
                          {"word", unit.word}});
        }
    }
    writer.close();
}

}  // namespace linvox
