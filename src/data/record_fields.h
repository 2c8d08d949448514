// Single fields of the records' JSON: each function checks one and throws a DataError that names it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/data/records.h"
#include "src/text/text_spans.h"

namespace linvox {

/// The label that a recipe gives to whole answers.
inline constexpr const char* kWholeLabel = "whole";

/// A part of an answer that cannot be scored by itself.
struct SpanError : DataError {
    using DataError::DataError;
};

/// Answers with scores, none of them better than another.
struct NoPreferenceError : DataError {
    using DataError::DataError;
};

/// Refuses keys outside `known`, with the nearest one as a suggestion. `where` stands in front.
void require_known_fields(const nlohmann::json& object, const std::string& where,
                          const std::vector<std::string>& known);

const nlohmann::json& require_field(const nlohmann::json& object, const std::string& name);

/// The field, or "" / `fallback` when it is absent.
std::string string_field(const nlohmann::json& object, const std::string& name);
double number_field(const nlohmann::json& object, const std::string& name, double fallback);
std::int64_t integer_field(const nlohmann::json& object, const std::string& name, std::int64_t fallback);

/// Ids within the header's vocabulary (any non-negative 32-bit id without one).
std::vector<std::int32_t> parse_ids(const nlohmann::json& list, const std::string& name,
                                    const RecordHeader& header);

/// [begin, end) ranges within `length` ids: ascending, disjoint, not covering everything.
std::vector<Span> parse_given(const nlohmann::json& list, const std::string& name, std::size_t length);

/// Spans {"begin", "end", "label"} within `length` units ("characters", "tokens"), ascending and disjoint.
/// SpanError naming the one that is not.
std::vector<LabelledSpan> parse_spans(const nlohmann::json& list, const std::string& name,
                                      std::int64_t length, const std::string& unit);

Finish parse_finish(const nlohmann::json& value, const std::string& name);
Scores parse_scores(const nlohmann::json& object, const std::string& name);

}  // namespace linvox
