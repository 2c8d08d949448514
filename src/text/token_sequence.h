// Ids with the parts that are given (fed, never predicted) marked: the working form of every answer.
#pragma once

#include <cstdint>
#include <vector>

namespace linvox {

/// Half-open range of positions [begin, end).
struct Span {
    std::int32_t begin = 0, end = 0;
    bool operator==(const Span&) const = default;
};

/// An answer without its prompt. Positions outside `given` are scored.
struct TokenSequence {
    std::vector<std::int32_t> ids;
    std::vector<Span> given;  // ascending, disjoint, non-empty, within ids
    bool operator==(const TokenSequence&) const = default;
    std::int64_t scored_count() const {
        std::int64_t count = static_cast<std::int64_t>(ids.size());
        for (const Span& span : given) count -= span.end - span.begin;
        return count;
    }
};

}  // namespace linvox
