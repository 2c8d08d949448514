#include "src/data/record_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {

using nlohmann::json;

void require_known_fields(const json& object, const std::string& where,
                          const std::vector<std::string>& known) {
    for (const auto& [key, value] : object.items()) {
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        const std::string near = nearest_name(key, known);
        throw DataError(fmt::format("{}unknown field \"{}\"{}; free data belong under \"meta\"", where, key,
                                    near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near)));
    }
}

const json& require_field(const json& object, const std::string& name) {
    const auto found = object.find(name);
    LINVOX_REQUIRE(found != object.end(), DataError, "\"{}\" is missing", name);
    return *found;
}

std::string string_field(const json& object, const std::string& name) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return "";
    LINVOX_REQUIRE(found->is_string(), DataError, "\"{}\" must be a string, found {}", name,
                   found->type_name());
    return found->get<std::string>();
}

double number_field(const json& object, const std::string& name, double fallback) {
    const auto found = object.find(name);
    if (found == object.end()) return fallback;
    LINVOX_REQUIRE(found->is_number(), DataError, "\"{}\" must be a number, found {}", name,
                   found->type_name());
    return found->get<double>();
}

std::int64_t integer_field(const json& object, const std::string& name, std::int64_t fallback) {
    const auto found = object.find(name);
    if (found == object.end()) return fallback;
    LINVOX_REQUIRE(found->is_number_integer(), DataError, "\"{}\" must be an integer, found {}", name,
                   found->dump());
    return found->get<std::int64_t>();
}

std::vector<std::int32_t> parse_ids(const json& list, const std::string& name, const RecordHeader& header) {
    LINVOX_REQUIRE(list.is_array(), DataError, "{} must be a list of ids, found {}", name, list.type_name());
    std::vector<std::int32_t> ids;
    ids.reserve(list.size());
    const std::int64_t limit = header.vocab_size > 0 ? header.vocab_size : std::int64_t{1} << 31;
    for (std::size_t i = 0; i < list.size(); ++i) {
        LINVOX_REQUIRE(list[i].is_number_integer(), DataError, "{}[{}] = {} is not an integer id", name, i,
                       list[i].dump());
        // Unsigned values above the signed range wrap to negative ones, which the next check refuses.
        const std::int64_t id = list[i].get<std::int64_t>();
        LINVOX_REQUIRE(id >= 0, DataError, "{}[{}] = {} is negative", name, i, list[i].dump());
        LINVOX_REQUIRE(id < limit, DataError,
                       "{}[{}] = {} is outside the vocabulary ({}); the file was made with another tokenizer",
                       name, i, id, limit);
        ids.push_back(static_cast<std::int32_t>(id));
    }
    return ids;
}

std::vector<Span> parse_given(const json& list, const std::string& name, std::size_t length) {
    LINVOX_REQUIRE(list.is_array(), DataError, "{} must be a list of [begin, end) ranges, found {}", name,
                   list.type_name());
    std::vector<Span> given;
    std::int64_t last_end = 0, total = 0;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const json& pair = list[i];
        LINVOX_REQUIRE(
            pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() && pair[1].is_number_integer(),
            DataError, "{}[{}] = {} is not a pair [begin, end)", name, i, pair.dump());
        const auto begin = pair[0].get<std::int64_t>(), end = pair[1].get<std::int64_t>();
        LINVOX_REQUIRE(
            begin >= last_end && begin < end && end <= static_cast<std::int64_t>(length), DataError,
            "{}[{}] = [{}, {}) must be non-empty, behind the range before it and within the {} ids", name, i,
            begin, end, length);
        given.push_back({static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end)});
        last_end = end;
        total += end - begin;
    }
    LINVOX_REQUIRE(total < static_cast<std::int64_t>(length), DataError,
                   "{} covers the whole answer; at least one token must be predicted", name);
    return given;
}

std::vector<LabelledSpan> parse_spans(const json& list, const std::string& name, std::int64_t length,
                                      const std::string& unit) {
    LINVOX_REQUIRE(list.is_array(), SpanError, "{} must be a list of spans, found {}", name,
                   list.type_name());
    std::vector<LabelledSpan> spans;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const json& span = list[i];
        const bool has_all = span.is_object() && span.size() == 3 && span.contains("begin") &&
                             span.contains("end") && span.contains("label") &&
                             span["begin"].is_number_integer() && span["end"].is_number_integer() &&
                             span["label"].is_string();
        LINVOX_REQUIRE(
            has_all, SpanError,
            "{}[{}] must be {{\"begin\": n, \"end\": n, \"label\": \"...\"}} and nothing else, found {}",
            name, i, span.dump());
        LabelledSpan read{span["begin"], span["end"], span["label"]};
        LINVOX_REQUIRE(!read.label.empty() && read.label != kWholeLabel, SpanError,
                       "{}[{}].label is \"{}\"; name the span, and not \"{}\", which stands for the answer",
                       name, i, read.label, kWholeLabel);
        const std::int64_t least = spans.empty() ? 0 : spans.back().end;
        LINVOX_REQUIRE(least <= read.begin && read.begin < read.end && read.end <= length, SpanError,
                       "{}[{}] = [{}, {}) must be non-empty, behind the span before it and within the {} {}",
                       name, i, read.begin, read.end, length, unit);
        spans.push_back(std::move(read));
    }
    return spans;
}

Finish parse_finish(const json& value, const std::string& name) {
    if (value == "stop") return Finish::stop;
    if (value == "length") return Finish::length;
    if (value == "error") return Finish::error;
    throw DataError(fmt::format("{} = {} is not one of \"stop\", \"length\", \"error\"", name, value.dump()));
}

Scores parse_scores(const json& object, const std::string& name) {
    LINVOX_REQUIRE(object.is_object(), DataError, "{} must be an object, found {}", name, object.type_name());
    Scores scores;
    for (const auto& [metric, value] : object.items()) {
        LINVOX_REQUIRE(value.is_null() || value.is_number(), DataError,
                       "{}.{} = {} is neither a number nor null (null is a missing score)", name, metric,
                       value.dump());
        scores[metric] = value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
    }
    return scores;
}

}  // namespace linvox
