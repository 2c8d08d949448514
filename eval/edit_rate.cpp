#include "eval/edit_rate.h"

#include <algorithm>

#include "src/base/text.h"

namespace linvox {

namespace {

template <typename Item>
EditCounts count_edits(std::span<const Item> reference, std::span<const Item> hypothesis) {
    const std::size_t rows = reference.size() + 1, columns = hypothesis.size() + 1;
    std::vector<std::int32_t> cost(rows * columns);
    const auto at = [&](std::size_t i, std::size_t j) -> std::int32_t& { return cost[i * columns + j]; };
    for (std::size_t i = 0; i < rows; ++i) at(i, 0) = static_cast<std::int32_t>(i);
    for (std::size_t j = 0; j < columns; ++j) at(0, j) = static_cast<std::int32_t>(j);
    for (std::size_t i = 1; i < rows; ++i) {
        for (std::size_t j = 1; j < columns; ++j) {
            const std::int32_t diagonal = at(i - 1, j - 1) + (reference[i - 1] == hypothesis[j - 1] ? 0 : 1);
            at(i, j) = std::min({diagonal, at(i - 1, j) + 1, at(i, j - 1) + 1});
        }
    }
    EditCounts counts;
    std::size_t i = rows - 1, j = columns - 1;
    while (i > 0 || j > 0) {
        const bool same = i > 0 && j > 0 && reference[i - 1] == hypothesis[j - 1];
        if (i > 0 && j > 0 && at(i, j) == at(i - 1, j - 1) + (same ? 0 : 1)) {
            ++(same ? counts.matches : counts.substitutions);
            --i, --j;
        } else if (i > 0 && at(i, j) == at(i - 1, j) + 1) {
            ++counts.deletions;
            --i;
        } else {
            ++counts.insertions;
            --j;
        }
    }
    return counts;
}

std::vector<std::int32_t> visible_characters(std::string_view text) {
    std::vector<std::int32_t> out;
    for (const char32_t c : code_points(text)) {
        const bool space = c == U' ' || (c >= U'\t' && c <= U'\r') || c == 0xA0 || c == 0x3000;
        if (!space) out.push_back(static_cast<std::int32_t>(c));
    }
    return out;
}

}  // namespace

std::optional<double> EditCounts::rate() const {
    if (reference_length() == 0) return std::nullopt;
    return static_cast<double>(errors()) / static_cast<double>(reference_length());
}

EditCounts& EditCounts::operator+=(const EditCounts& other) {
    matches += other.matches;
    substitutions += other.substitutions;
    deletions += other.deletions;
    insertions += other.insertions;
    return *this;
}

EditCounts edit_counts(std::span<const std::string> reference, std::span<const std::string> hypothesis) {
    return count_edits(reference, hypothesis);
}

EditCounts edit_counts(std::span<const std::int32_t> reference, std::span<const std::int32_t> hypothesis) {
    return count_edits(reference, hypothesis);
}

EditCounts word_edits(std::string_view reference, std::string_view hypothesis) {
    return edit_counts(split_words(reference), split_words(hypothesis));
}

EditCounts character_edits(std::string_view reference, std::string_view hypothesis) {
    return edit_counts(visible_characters(reference), visible_characters(hypothesis));
}

void CorpusErrorRate::add(const EditCounts& item) {
    total += item;
    ++items;
    const std::optional<double> rate = item.rate();
    if (!rate) {
        ++empty_references;
        return;
    }
    macro_sum += *rate;
    if (*rate > 0.5) ++above_half;
}

std::optional<double> CorpusErrorRate::corpus() const { return total.rate(); }

std::optional<double> CorpusErrorRate::macro_mean() const {
    if (items == empty_references) return std::nullopt;
    return macro_sum / static_cast<double>(items - empty_references);
}

std::optional<double> CorpusErrorRate::above_half_share() const {
    if (items == empty_references) return std::nullopt;
    return static_cast<double>(above_half) / static_cast<double>(items - empty_references);
}

}  // namespace linvox
