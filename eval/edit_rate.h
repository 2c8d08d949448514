// Word, character and phone error rates: unit-cost Levenshtein with counts.
// Text is normalised before (src/text/error_rate_normalise.h), not here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// One way to turn the reference into the hypothesis at least cost. In the backtrace a match or
/// substitution is preferred to a deletion, a deletion to an insertion.
struct EditCounts {
    std::int64_t matches = 0, substitutions = 0, deletions = 0, insertions = 0;
    std::int64_t errors() const { return substitutions + deletions + insertions; }
    std::int64_t reference_length() const { return matches + substitutions + deletions; }
    /// errors / reference length; nothing for an empty reference. An empty hypothesis gives 1.
    std::optional<double> rate() const;
    EditCounts& operator+=(const EditCounts& other);
    bool operator==(const EditCounts&) const = default;
};

EditCounts edit_counts(std::span<const std::string> reference, std::span<const std::string> hypothesis);
EditCounts edit_counts(std::span<const std::int32_t> reference, std::span<const std::int32_t> hypothesis);

/// Words split at white space.
EditCounts word_edits(std::string_view reference, std::string_view hypothesis);
/// Code points after removing white space.
EditCounts character_edits(std::string_view reference, std::string_view hypothesis);

/// Error rates of a test set: the corpus value is total errors over total reference length, so
/// insertions of items with an empty reference count.
struct CorpusErrorRate {
    EditCounts total;
    std::int64_t items = 0, empty_references = 0, above_half = 0;
    double macro_sum = 0;  // of the item rates
    void add(const EditCounts& item);
    std::optional<double> corpus() const;      // total errors / total length
    std::optional<double> macro_mean() const;  // mean of item rates, empty references left out
    std::optional<double> above_half_share() const;
};

}  // namespace linvox
